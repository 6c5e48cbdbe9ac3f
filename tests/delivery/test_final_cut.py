"""Trust step 11, the persona's part: where the authority asks for final cut, nothing goes out without the yes of the
person who appears, over this very file."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from audit.errors import AlreadyDecided
from audit.events import Event
from audit.ledger import append
from audit.tables import PersonaDecisionRow
from core.canonical import canonical_json
from core.database import reading, transaction
from core.errors import Conflict, GreenroomError, IntegrityError, NotFound
from delivery.links import make_link
from delivery.release import release
from delivery.tasks import on_approved
from pipeline.errors import AuthorityInvalid
from pipeline.final_cut import decide
from pipeline.standing import standing_of
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.delivery.releasing import (
    assert_refused,
    before_the_commit,
    force_approved,
    outside,
    signing_nothing,
)
from tests.kit.workers import as_owner, door, last_entry
from tests.kit.world import World

WORDS = "has not approved this video"


@pytest.fixture
def asked(w: World, approved: RenderRow) -> RenderRow:
    """A video that the reviewers approved, under an authority that asks the person who appears."""
    w.supersede(approval_mode="final_cut")
    return approved


def test_nothing_is_released_without_the_yes_of_who_appears(w: World, asked: RenderRow):
    with signing_nothing():
        assert_refused(w, asked, WORDS)
    assert w.now_is(asked).reason["code"] == "persona_approval_needed"
    w.persona_says(asked)
    assert w.release(asked).state == State.RELEASED


def test_the_release_names_the_yes_that_it_stands_on(w: World, asked: RenderRow):
    w.persona_says(asked)
    w.release(asked)
    entry = last_entry(asked.id, Event.ASSET_RELEASED).facts
    with reading() as session:
        row = session.query(PersonaDecisionRow).one()
    assert entry["persona_decision_id"] == row.id
    said = last_entry(asked.id, Event.PERSONA_DECIDED).facts
    assert (said["verdict"], said["persona_id"]) == ("approve", w.persona.id) and w.ledger().good


def test_a_yes_lets_a_release_that_waited_go_on(w: World):
    w.supersede(approval_mode="final_cut")
    render = w.approved(campaign=w.campaign(release_on_approval=True))
    on_approved({"render_id": render.id})
    assert w.now_is(render).reason["code"] == "persona_approval_needed"
    assert w.persona_says(render).reason is None
    on_approved({"render_id": render.id})
    assert w.now_is(render).state == State.RELEASED


def test_a_no_ends_the_video_also_after_a_yes(w: World, asked: RenderRow):
    w.persona_says(asked)
    row = w.persona_says(asked, "refuse", words="Not like this.")
    assert (row.state, row.reason["code"]) == (State.BLOCKED, "persona_refused")
    with pytest.raises(GreenroomError, match="blocked"):
        w.release(asked)
    assert w.ledger().good and "Not like this" not in str(last_entry(asked.id, Event.PERSONA_DECIDED).facts)


def test_a_no_that_commits_before_the_release_wins(w: World, asked: RenderRow):
    w.persona_says(asked)
    with (
        before_the_commit(lambda: w.persona_says(asked, "refuse")),
        pytest.raises(GreenroomError),
    ):
        w.release(asked)
    assert outside(w, asked).nothing_is_out and w.now_is(asked).state == State.BLOCKED


def test_an_authority_that_begins_to_ask_meanwhile_wins(w: World, approved: RenderRow):
    with before_the_commit(lambda: w.supersede(approval_mode="final_cut")):
        assert_refused(w, approved, WORDS)


def test_it_is_said_once(w: World, asked: RenderRow):
    w.persona_says(asked)
    with pytest.raises(AlreadyDecided):
        w.persona_says(asked)


def test_an_authority_that_does_not_ask_is_not_answered(w: World, approved: RenderRow):
    with pytest.raises(Conflict, match="does not ask"):
        w.persona_says(approved)


def test_an_authority_that_does_not_stand_is_not_answered(w: World, asked: RenderRow):
    w.withdraw(status="suspended")
    with pytest.raises(AuthorityInvalid):
        w.persona_says(asked)


def test_another_file_than_was_shown_is_not_approved(w: World, asked: RenderRow):
    with pytest.raises(Conflict, match="another file"):
        w.persona_says(asked, sealed_sha256="00" * 32)


def test_what_the_reviewers_have_not_approved_does_not_wait_for_who_appears(w: World):
    w.supersede(approval_mode="final_cut")
    with pytest.raises(Conflict, match="does not wait"):
        w.persona_says(w.to_review())


def test_another_persona_and_another_brand_see_no_such_video(w: World, asked: RenderRow):
    other = w.add_persona()
    for persona_id, brand_id in ((other.id, w.brand_id), (w.persona.id, "brd_other")):
        with pytest.raises(NotFound):
            decide(
                asked.id,
                brand_id=brand_id,
                persona_id=persona_id,
                account_id="usr_x",
                sealed_sha256=asked.sealed_sha256 or "",
                verdict="approve",
            )


def _copied(w: World, asked: RenderRow) -> None:
    """The owner of the database turns a yes to another video into one to this, with an entry that says so. He has no
    key."""
    w.persona_says(w.approved())
    with transaction() as session:
        known = session.query(PersonaDecisionRow).one()
        changes = {"id": "pdn_forged", "render_id": asked.id, "sealed_sha256": asked.sealed_sha256}
        said = json.loads(known.document) | changes | {"essence": asked.essence}
        values = {column.name: getattr(known, column.name) for column in PersonaDecisionRow.__table__.columns}
        forged = PersonaDecisionRow(**values | changes | {"document": canonical_json(said).decode()})
        facts = {"decision_id": forged.id, "sealed_sha256": asked.sealed_sha256, "persona_id": w.persona.id}
        append(session, Event.PERSONA_DECIDED, asked.id, facts, rows=[forged])


def _no_taken_away(w: World, asked: RenderRow) -> None:
    """The owner of the database takes a refusal away, and sets the render back."""
    w.persona_says(asked)
    w.persona_says(asked, "refuse")
    w.as_database_owner("DELETE FROM persona_decisions WHERE verdict = 'refuse'")
    force_approved(w, asked)


def _without_entry(w: World, asked: RenderRow) -> None:
    w.persona_says(asked)
    w.as_database_owner("UPDATE ledger_entries SET subject = 'rnd_x' WHERE event = 'render:persona:decided'")


def test_a_no_counts_whatever_the_state_says(w: World, asked: RenderRow):
    """The owner of the database sets a refused video back, and writes an entry that says so."""
    w.persona_says(asked)
    w.persona_says(asked, "refuse")
    assert_refused(w, force_approved(w, asked), WORDS)


@pytest.mark.parametrize("forge", [_copied, _no_taken_away, _without_entry])
def test_a_decision_that_was_not_made_counts_for_nothing(
    w: World, asked: RenderRow, forge: Callable[[World, RenderRow], None]
):
    forge(w, asked)
    with pytest.raises(IntegrityError):
        release(asked.id, brand_id=w.brand_id, actor_id=w.operator)
    assert outside(w, asked).nothing_is_out


def test_the_ledger_names_a_forged_decision(w: World, asked: RenderRow):
    _copied(w, asked)
    found = {(problem.kind, problem.where) for problem in w.ledger().problems}
    assert ("unsigned", "persona_decisions/pdn_forged") in found


def test_what_is_served_stands_on_the_yes_that_its_release_names(w: World, asked: RenderRow):
    w.persona_says(asked)
    token = make_link(w.release(asked).id, brand_id=w.brand_id)
    assert door(token) == "open"
    as_owner(w, "UPDATE persona_decisions SET verdict = 'refuse'")
    assert door(token) != "open"


def test_a_version_that_begins_to_ask_stops_new_links_to_what_nobody_approved(w: World, approved: RenderRow):
    render = w.release(approved)
    token = make_link(render.id, brand_id=w.brand_id)
    w.supersede(approval_mode="final_cut")
    with reading() as session:
        found = standing_of(session, w.now_is(render))
    assert (found.serves, found.links, found.code) == (True, False, "authority_scope")
    assert door(token) == "open"


def test_the_yes_stays_under_a_new_version_that_asks_too(w: World, asked: RenderRow):
    w.persona_says(asked)
    w.supersede(approval_mode="final_cut", max_renders=77)
    assert w.release(asked).state == State.RELEASED
