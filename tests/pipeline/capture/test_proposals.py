"""An authority that somebody states counts for nothing until another person of legal has approved it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.errors import LedgerInconsistent
from audit.events import Event
from audit.standing import authority_standing
from core.blobs import blobs
from core.canonical import digest_bytes
from core.database import now, reading
from core.errors import Conflict, Forbidden, GreenroomError, InputError, IntegrityError, NotFound
from core.settings import get_settings
from pipeline.capture.documents import delete_over, open_document, read_document
from pipeline.capture.proposals import (
    approve_proposal,
    find_proposal,
    refuse_proposal,
    waiting_proposals,
)
from pipeline.capture.stating import SIGNED_DOCUMENT, propose
from pipeline.capture.tables import DocumentRow, OnboardingRow, ProposalRow
from pipeline.tables import PersonaRow
from tests.kit.onboarding import DOCUMENT, examined, proposed, stated
from tests.kit.workers import last_entry, stored
from tests.kit.world import World


def approve(world: World, row: ProposalRow, by: str = "") -> Any:
    return approve_proposal(row.id, brand_id=world.brand_id, actor_id=by or world.legal)


def the_document(row: ProposalRow) -> DocumentRow:
    with reading() as session:
        return session.get_one(DocumentRow, row.document_id)


def test_a_new_version_counts_from_the_approval_on_and_not_before(world: World):
    before = world.authority
    row = proposed(world, said=stated(world, "statement", max_renders=7))
    assert world.authority.id == before.id
    authority = approve(world, row)
    assert world.authority.id == authority.id and authority.document.supersedes == before.id
    assert authority.scope.max_renders == 7
    assert authority.document.evidence == {SIGNED_DOCUMENT: digest_bytes(DOCUMENT)}
    assert world.ledger().good


def test_a_reference_becomes_a_persona_with_the_approval_of_its_authority(world: World):
    came_from = examined(world, "Another presenter who does not exist")
    row = proposed(world, came_from)
    authority = approve(world, row)
    with reading() as session:
        persona = session.get_one(PersonaRow, authority.document.persona_id)
        assert session.get_one(OnboardingRow, came_from.id).persona_id == persona.id
    assert (persona.name, persona.material_sha256) == (came_from.name, came_from.material_sha256)
    world.render(campaign=world.campaign(persona))
    assert world.ledger().good


def test_who_states_it_does_not_approve_it(world: World):
    row = proposed(world)
    before = world.authority.id
    with pytest.raises(Forbidden, match="who states an authority"):
        approve(world, row, world.operator)
    assert world.authority.id == before


def test_it_is_decided_once(world: World):
    row = proposed(world)
    refuse_proposal(row.id, brand_id=world.brand_id, actor_id=world.legal, words="A page is missing.")
    with pytest.raises(Conflict, match="refused before"):
        approve(world, row)
    with reading() as session:
        assert find_proposal(session, row.id, brand_id=world.brand_id).words == "A page is missing."
        assert not waiting_proposals(session, brand_id=world.brand_id)
    assert "missing" not in str(last_entry(row.id, Event.PROPOSAL_DECIDED).facts)


def test_one_reference_becomes_one_persona(world: World):
    came_from = examined(world)
    first, second = proposed(world, came_from), proposed(world, came_from)
    approve(world, first)
    with pytest.raises(Conflict, match="become a persona already"):
        approve(world, second)


def test_a_version_that_another_one_overtook_is_not_approved(world: World):
    row = proposed(world)
    world.supersede(max_renders=9)
    with pytest.raises(Conflict, match="superseded already"):
        approve(world, row)


def test_another_brands_proposal_does_not_exist(world: World):
    row = proposed(world)
    for act in (
        lambda: approve_proposal(row.id, brand_id="brd_other", actor_id=world.legal),
        lambda: refuse_proposal(row.id, brand_id="brd_other", actor_id=world.legal, words="No."),
        lambda: open_document(row.document_id or "", brand_id="brd_other", actor_id=world.legal),
        lambda: proposed(world, brand_id="brd_other"),
    ):
        with pytest.raises(NotFound):
            act()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"document": b""}, "needs the document", id="no-document"),
        pytest.param({"document": b"MZ no document"}, "no PDF and no picture", id="another-kind"),
        pytest.param({"document": b"%PDF-" + bytes(10_000_001)}, "larger than 10 MB", id="too-large"),
        pytest.param({"keep_years": 1000}, "none of those offered", id="kept-for-ever"),
        pytest.param({"said": {"scope": {"max_renders": -1}}}, "negative|consent", id="no-authority"),
    ],
)
def test_what_is_no_authority_leaves_nothing(world: World, change: dict[str, Any], words: str):
    came_from = examined(world)
    before = stored()
    with pytest.raises(InputError, match=words):
        proposed(world, came_from, **change)
    assert stored() == before


def test_a_new_version_keeps_the_kind(world: World):
    with pytest.raises(InputError, match="keeps the kind"):
        proposed(world, said=stated(world, "consent"))


def test_the_words_of_the_notice_are_what_the_consent_names(world: World):
    came_from = examined(world)
    row = proposed(world, came_from, notice="You will greet customers.")
    authority = approve(world, row)
    assert authority.document.consent.notice_sha256 == digest_bytes(b"You will greet customers.")


# Changed behind our back


def _stated_more(world: World, row: ProposalRow) -> None:
    text, back = ("content::text", "::json") if get_settings().shared_database else ("content", "")
    world.as_database_owner(
        f"UPDATE authority_proposals SET content = replace({text}, '1000000', '9000000'){back}"
    )


def _by_somebody_else(world: World, row: ProposalRow) -> None:
    world.as_database_owner("UPDATE authority_proposals SET proposed_by = 'usr_x'")


def _another_face(world: World, row: ProposalRow) -> None:
    world.as_database_owner("UPDATE onboardings SET material_sha256 = ?", "00" * 32)


@pytest.mark.parametrize("change", [_stated_more, _by_somebody_else, _another_face])
def test_what_somebody_changed_in_the_database_is_not_approved(world: World, change: Any):
    row = proposed(world, examined(world))
    change(world, row)
    with pytest.raises(LedgerInconsistent):
        approve(world, row)


def test_a_document_that_is_not_what_was_kept_makes_no_authority(world: World):
    row = proposed(world)
    stored_at = Path(blobs().get_file(the_document(row).blob_sha256 or ""))
    stored_at.write_bytes(b"something else")
    with pytest.raises(IntegrityError):
        approve(world, row)


# The document


def test_the_stored_bytes_say_nothing(world: World):
    row = proposed(world)
    kept = the_document(row)
    assert read_document(kept) == DOCUMENT
    assert b"made-up" not in blobs().get_file(kept.blob_sha256 or "").read_bytes()


def test_bytes_of_one_document_open_no_other(world: World):
    first, second = the_document(proposed(world)), the_document(proposed(world))
    first.blob_sha256 = second.blob_sha256
    with pytest.raises(IntegrityError, match="not what was kept"):
        read_document(first)


def test_who_opened_it_is_on_the_ledger(world: World):
    row = proposed(world)
    _, data = open_document(row.document_id or "", brand_id=world.brand_id, actor_id=world.legal)
    assert data == DOCUMENT
    assert last_entry(row.document_id or "", Event.DOCUMENT_OPENED).facts["actor"] == world.legal


def test_a_document_is_deleted_when_its_time_is_over_and_not_before(world: World):
    row = proposed(world, keep_years=1)
    kept = the_document(row)
    assert timedelta(days=729) < kept.keep_until - now() < timedelta(days=732)  # a year after the last day
    assert delete_over() == []
    world.tick(732 * 24 * 3600)
    assert delete_over() == [row.document_id] and delete_over() == []
    assert not blobs().exists(kept.blob_sha256 or "")
    with pytest.raises(NotFound, match="time was over"):
        open_document(row.document_id or "", brand_id=world.brand_id, actor_id=world.legal)
    assert world.ledger().good


def test_an_authority_stands_when_its_document_is_deleted(world: World):
    row = proposed(world, said=stated(world, "statement", not_after=now() + timedelta(days=4000)))
    authority = approve(world, row)
    with reading() as session:
        assert authority_standing(session, authority.id).valid


def test_nothing_is_stated_for_a_reference_that_did_not_pass(world: World):
    world.recorded.broken["examination"] = InputError("the face is too small", code="face_too_small")
    came_from = examined(world)
    assert came_from.state == "refused"
    with pytest.raises(Conflict, match="not passed"):
        proposed(world, came_from)


def test_it_is_for_one_persona_or_one_reference(world: World):
    with pytest.raises(GreenroomError, match="one persona or one reference"):
        propose(stated(world), brand_id=world.brand_id, actor_id=world.operator, document=DOCUMENT)
