"""The kit does what it says: real where it says real, recorded where it says recorded, and nothing stays behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

import provenance.verify
from audit.receipts import receipts_for
from audit.tables import LedgerEntryRow
from core.blobs import blobs
from core.database import now, reading
from core.errors import InputError
from core.gates import load_gate_set
from core.media.decode import frames
from core.media.essence import essence
from core.models import Verdict
from detect.service import examine
from pipeline.findings import findings_of
from pipeline.leases import claim, database_seconds
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit import media
from tests.kit.standing_in import standing_in
from tests.kit.world import BREAKS_A_RULE, World
from tests.kit.world import world as open_world


def events(w: World, render: RenderRow) -> list[str]:
    """What the ledger says of one render, in order."""
    with reading() as session:
        rows = session.scalars(
            select(LedgerEntryRow).where(LedgerEntryRow.subject == render.id).order_by(LedgerEntryRow.id)
        )
        return [row.event for row in rows]


def test_each_video_is_playable_and_has_an_essence_of_its_own(tmp_path: Path):
    one, other = (media.write_clip(tmp_path / f"{mark}.mp4", mark) for mark in (1, 2))
    assert essence(one).sha256 != essence(other).sha256
    assert sum(1 for _ in frames(one)) == media.FPS * media.SECONDS
    assert (media.mark_in(one), media.mark_in(other)) == (1, 2)


def test_a_double_stands_in_wherever_the_name_was_imported_and_leaves():
    import core.ids
    import pipeline.service

    real = core.ids.new_id
    with standing_in((real, lambda prefix: f"{prefix}_double")):
        assert core.ids.new_id("x") == pipeline.service.new_id("x") == "x_double"
    assert core.ids.new_id is pipeline.service.new_id is real


def test_a_render_is_carried_to_release_with_real_receipts_and_a_real_credential(real_world: World):
    w = real_world
    render = w.released()
    with reading() as session:
        receipts = receipts_for(session, render.essence)
    assert {receipt.gate for receipt in receipts} == set(load_gate_set().gates)
    report = w.verify(blobs().get_file(render.published_sha256))
    assert (report.verdict, report.release, report.problems) == ("intact", "released", ())
    assert w.ledger().good


def test_the_confined_children_read_the_same(tmp_path: Path):
    with open_world(tmp_path / "home", confined=True) as w:
        render = w.released()
        assert w.verify(blobs().get_file(render.published_sha256)).verdict == "intact"


def test_a_changed_file_is_still_caught_by_the_real_reader(real_world: World, tmp_path: Path):
    render = real_world.released()
    published = blobs().get_file(render.published_sha256)
    changed = media.other_media(published, tmp_path / "changed.mp4", render.mark_id + 1)
    assert real_world.verify(changed).verdict in ("credential_mark_disagree", "tampered")


def test_recorded_signing_leads_through_the_same_events(world: World, tmp_path: Path):
    recorded = events(world, world.recall(world.released()))
    with open_world(tmp_path / "other" / "home", signer="real") as real:
        assert events(real, real.recall(real.released())) == recorded


def test_recorded_signing_answers_as_the_registry_does(world: World):
    render = world.to_review()
    assert world.verify(blobs().get_file(render.sealed_sha256)).verdict == "unreleased"
    published = blobs().get_file(world.released(world.approved(render)).published_sha256)
    assert world.verify(published).verdict == "intact"
    world.recall(render)
    assert world.verify(published).verdict == "recalled"


def test_the_gates_say_what_the_test_says(world: World):
    flagged = world.to_review(flagged=("lip_sync",))
    assert flagged.verdict == Verdict.REVIEW
    assert [(f.code, f.spans[0].t0) for f in findings_of(flagged)] == [("recorded_lip_sync", 0.4)]
    assert world.advance(world.render(blocked=("transcript",))).state == State.BLOCKED


def test_the_rule_packs_are_the_real_ones(world: World):
    assert world.advance(world.render(BREAKS_A_RULE)).state == State.BLOCKED


def test_a_stage_breaks_where_the_test_says(world: World):
    world.recorded.broken["picture"] = InputError("a made-up failure", code="made_up")
    render = world.advance(world.render())
    assert (render.state, render.reason["code"]) == (State.FAILED, "made_up")


def test_time_moves_for_the_wall_clock_and_for_leases(world: World):
    before = now()
    render = world.render()
    assert claim(render.id) is not None and claim(render.id) is None
    world.tick(3600)
    assert (now() - before).total_seconds() >= 3600
    with reading() as session:
        assert abs(database_seconds(session) - now().timestamp()) < 5
    assert claim(render.id) is not None, "an hour later the lease is over"


def test_an_authority_is_superseded_withdrawn_and_outlived(world: World):
    of_consent = world.add_persona("consent", channels=("email",))
    assert world.authority_of(of_consent).scope.channels == ("email",)
    version = world.supersede(of_consent, channels=("link",))
    assert (version.document.version, version.scope.channels) == (2, ("link",))
    assert world.withdraw(effect="recall").status == "revoked"


def test_a_saved_home_comes_back(world: World):
    render = world.approved()
    saved = world.save()
    for _ in range(2):
        world.release(render)
        assert world.published() and world.ledger().good
        world.restore(saved)
        assert world.now_is(render).state == State.APPROVED and not world.published()
    assert world.ledger().good


def test_nothing_stays_behind(tmp_path: Path):
    real = (provenance.verify.verify, examine, now())
    with open_world(tmp_path / "home", signer="recorded") as w:
        w.tick(10_000)
        assert provenance.verify.verify is not real[0]
    assert (provenance.verify.verify, examine) == real[:2]
    assert (now() - real[2]).total_seconds() < 1000


@pytest.mark.parametrize("name", ["operator", "reviewer", "second_reviewer", "legal"])
def test_its_people_have_accounts(world: World, name: str):
    from review_ui.accounts import list_accounts

    assert getattr(world, name) in {account.id for account in list_accounts()}
