"""Trust step 11: who may approve what, in which manner; each rule of the decision table by itself."""

from __future__ import annotations

from typing import Any

import pytest

from audit.approvals import approvals_for
from audit.errors import AlreadyDecided, ForgedApproval, MakerMayNotApprove
from audit.events import Event
from core.database import now, reading
from core.errors import Conflict, Forbidden, GreenroomError, InputError, NotFound
from pipeline.decision_table import RULES, STRICTEST, approvers, rule_of
from pipeline.errors import AuthorityInvalid
from pipeline.findings import receipts_in
from pipeline.review import approve, reject, shown
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit.workers import as_owner, events_of, last_entry, put_back, stored, waiting_messages
from tests.kit.world import World

WHOLE = ((0.0, 2.0),)


def high(w: World, **asked: Any) -> RenderRow:
    """A video of the class `high`, in review."""
    return w.to_review(campaign=w.campaign(risk_class="high"), **asked)


def counted(w: World, render: RenderRow) -> set[str]:
    """Whose approvals a release would count."""
    with reading() as session:
        row = session.get_one(RenderRow, render.id)
        return set(approvers(session, row, rule_of(session, row)))


def refuse(w: World, render: RenderRow, kind: type[GreenroomError], words: str = ".", **more: Any) -> str:
    """An approval that is refused and leaves nothing; the code."""
    before = (stored(), w.now_is(render).state)
    with pytest.raises(kind, match=words) as refused:
        w.approve(render, **more)
    assert (stored(), w.now_is(render).state) == before
    return refused.value.code


# A decision


def test_one_approval_is_enough_for_a_standard_video(world: World):
    render = world.approve(world.to_review())
    assert render.state == State.APPROVED
    assert events_of(render.id)[-2:] == [Event.APPROVAL_RECORDED, Event.RENDER_APPROVED]
    assert waiting_messages()[-1] == ("render.approved", {"render_id": render.id, "kind": "io"})
    assert counted(world, render) == {world.reviewer}
    assert world.ledger().good


def test_a_decision_says_over_what_by_whom_and_how(world: World):
    render = world.to_review(flagged=("lip_sync",))
    with reading() as session:
        row = world.now_is(render)
        page = shown(row, receipts_in(session, row))
    world.approve(render, played=WHOLE, factor="totp", note="looks right")
    with reading() as session:
        (approval,) = approvals_for(session, render.sealed_sha256)
    assert (approval.render_id, approval.essence, approval.brand_id) == (
        render.id,
        render.essence,
        render.brand_id,
    )
    assert (approval.reviewer_id, approval.maker_id) == (world.reviewer, world.operator)
    assert (approval.manner, approval.factor, approval.played) == ("seen", "totp", WHOLE)
    assert (approval.shown_sha256, approval.reason) == (page, "looks right")
    assert last_entry(render.id, Event.APPROVAL_RECORDED).facts["shown_sha256"] == page


def test_what_was_shown_changes_with_the_findings_the_script_and_the_receipts(world: World):
    one, other = world.to_review(), world.to_review(flagged=("lip_sync",))
    with reading() as session:
        rows = [world.now_is(render) for render in (one, other)]
        digests = {shown(row, receipts_in(session, row)) for row in rows}
        row = world.now_is(one)
        row.script = "Something else."
        digests.add(shown(row, receipts_in(session, row)))
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("played", "flagged", "manner"),
    [
        pytest.param((), (), "decided", id="nothing"),
        pytest.param(((0.0, 2.0),), (), "seen", id="all"),
        pytest.param(((0.0, 1.0),), (), "decided", id="half"),
        pytest.param(((0.0, 1.0), (1.0, 2.0)), (), "seen", id="in-parts"),
        pytest.param(((1.0, 2.0),), ("lip_sync",), "decided", id="not-the-finding"),
    ],
)
def test_the_manner_is_what_the_player_reported(world: World, played: Any, flagged: Any, manner: str):
    render = world.to_review(flagged=flagged)
    world.approve(render, played=played)
    with reading() as session:
        assert approvals_for(session, render.sealed_sha256)[0].manner == manner


# Who may not


def test_the_maker_may_not_approve_or_reject(world: World):
    render = world.to_review()
    refuse(world, render, MakerMayNotApprove, reviewer=world.operator)
    with pytest.raises(MakerMayNotApprove):
        reject(
            render.id,
            brand_id=world.brand_id,
            reviewer_id=world.operator,
            sealed_sha256=render.sealed_sha256,
            reason="a made-up reason",
        )
    assert world.now_is(render).state == State.IN_REVIEW


def test_nobody_decides_twice(world: World):
    render = world.approve(high(world))
    refuse(world, render, AlreadyDecided)


def test_another_brands_reviewer_does_not_find_it(world: World):
    render = world.to_review()
    with pytest.raises(NotFound):
        approve(
            render.id,
            brand_id="brd_other",
            reviewer_id=world.reviewer,
            sealed_sha256=render.sealed_sha256,
        )
    assert stored()["approvals"] == 0


# Over what


def test_a_stale_page_is_refused(world: World):
    render = world.to_review()
    before = stored()
    with pytest.raises(Conflict, match="another file") as refused:
        approve(
            render.id,
            brand_id=world.brand_id,
            reviewer_id=world.reviewer,
            sealed_sha256="ab" * 32,
            played=WHOLE,
        )
    assert refused.value.code == "stale_page" and stored() == before


def test_what_is_not_in_review_takes_no_decision(world: World):
    render = world.to_review()
    for state in set(State) - {State.IN_REVIEW}:
        put_back(world, render, state)
        assert refuse(world, render, Conflict, f"it is {state}") == "not_in_review"
        with pytest.raises(Conflict):
            reject(
                render.id,
                brand_id=world.brand_id,
                reviewer_id=world.reviewer,
                sealed_sha256=render.sealed_sha256,
                reason="a made-up reason",
            )


# Under which authority


@pytest.mark.parametrize("status", ["suspended", "revoked", "expired"])
def test_an_authority_that_is_not_in_force_is_refused_with_the_next_step(world: World, status: str):
    render = world.to_review()
    world.withdraw(status=status)
    assert refuse(world, render, AuthorityInvalid) == f"authority_{status}"


def test_an_authority_that_has_ended_by_its_date_is_refused(world: World):
    persona = world.add_persona("consent")
    render = world.to_review(campaign=world.campaign(persona))
    world.tick(366 * 24 * 3600)
    assert refuse(world, render, AuthorityInvalid) == "authority_expired"


def test_an_authority_that_does_not_cover_this_use_any_more_is_refused(world: World):
    render = world.to_review()
    world.supersede(territories=("eu",))
    assert refuse(world, render, AuthorityInvalid, "territory") == "authority_not_valid"


def test_a_rejection_needs_no_authority(world: World):
    render = world.to_review()
    world.withdraw(status="suspended")
    rejected = reject(
        render.id,
        brand_id=world.brand_id,
        reviewer_id=world.reviewer,
        sealed_sha256=render.sealed_sha256,
        reason="a made-up reason",
    )
    assert rejected == State.REJECTED


# The class `high`


def test_high_risk_takes_two_people(world: World):
    render = high(world)
    assert world.approve(render).state == State.IN_REVIEW
    assert world.approve(render, world.second_reviewer).state == State.APPROVED
    assert counted(world, render) == {world.reviewer, world.second_reviewer}


def test_high_risk_takes_a_factor(world: World):
    assert refuse(world, high(world), Forbidden, "passkey", factor="none") == "factor_needed"


def test_high_risk_is_seen(world: World):
    assert refuse(world, high(world), Forbidden, "must be seen", played=((0.0, 1.0),)) == "not_seen"


def test_an_unknown_class_asks_for_the_most(world: World):
    campaign = world.campaign()
    render = world.to_review(campaign=campaign)
    as_owner(world, "UPDATE campaigns SET risk_class = 'made_up' WHERE id = ?", campaign.id)
    world.record_as_it_is(render)
    with reading() as session:
        assert rule_of(session, render) == STRICTEST == RULES["high"]
    refuse(world, render, Forbidden, factor="none")


def test_the_decision_table_is_what_the_documents_say():
    assert {name: (rule.people, sorted(rule.manners), rule.factor) for name, rule in RULES.items()} == {
        "standard": (1, ["decided", "seen"], False),
        "high": (2, ["seen"], True),
    }


# A rejection


def test_one_rejection_is_enough_and_final(world: World):
    render = world.approve(high(world))
    reject(
        render.id,
        brand_id=world.brand_id,
        reviewer_id=world.second_reviewer,
        sealed_sha256=render.sealed_sha256,
        reason="the mouth is late",
    )
    assert world.now_is(render).state == State.REJECTED
    assert counted(world, render) == set(), "the approval before it does not count"
    refuse(world, render, Conflict, reviewer=world.second_reviewer)
    assert world.ledger().good


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_rejection_needs_a_reason(world: World, reason: str):
    render = world.to_review()
    with pytest.raises(InputError, match="reason"):
        reject(
            render.id,
            brand_id=world.brand_id,
            reviewer_id=world.reviewer,
            sealed_sha256=render.sealed_sha256,
            reason=reason,
        )
    assert world.now_is(render).state == State.IN_REVIEW


# Decisions that nobody made


def test_a_decision_that_somebody_writes_into_the_database_stops_all(world: World):
    """A whole row of another video's approval, with an entry that speaks of it: its signature says otherwise."""
    world.approved()
    render = world.to_review()
    assert as_owner(
        world,
        "INSERT INTO approvals SELECT 'apr_forged', brand_id, ?, ?, reviewer_id, maker_id, verdict, reason, manner, "
        "document, key_id, signature, created_at, salt FROM approvals",
        render.id,
        render.sealed_sha256,
    )
    with pytest.raises(ForgedApproval):
        counted(world, render)


def test_a_decision_of_another_installation_is_none(world: World):
    """Signed, and by a key that no entry of the ledger names: forged, and not tried again on another machine."""
    render = world.approve(high(world))
    as_owner(world, "UPDATE approvals SET key_id = '0123456789abcdef'")
    with pytest.raises(ForgedApproval) as told:
        counted(world, render)
    assert not told.value.retryable


@pytest.mark.parametrize(
    "change",
    [
        "manner = 'decided'",
        "verdict = 'reject'",
        "reviewer_id = 'usr_another'",
        "maker_id = 'usr_another'",
        "render_id = 'rnd_another'",
        "brand_id = 'brd_another'",
        "reason = 'other words'",
        "signature = ''",
        "document = replace(document, 'seen', 'sean')",
    ],
)
def test_a_decision_that_was_changed_is_not_read(world: World, change: str):
    render = world.approved()
    assert as_owner(world, f"UPDATE approvals SET {change}")
    with pytest.raises(ForgedApproval):
        counted(world, render)


def test_a_decision_that_was_taken_away_is_missed(world: World):
    """The ledger knows of it. Without that, a rejection could be deleted."""
    render = high(world)
    world.approve(render)
    as_owner(world, "DELETE FROM approvals")
    with pytest.raises(ForgedApproval, match="other decisions"):
        counted(world, render)


def test_decisions_of_a_maker_who_was_changed_do_not_count(world: World):
    render = world.approved()
    as_owner(world, "UPDATE renders SET maker_id = ?", world.reviewer)
    assert counted(world, render) == set()


@pytest.mark.parametrize("column", ["essence", "brand_id"])
def test_a_decision_over_other_media_or_of_another_brand_does_not_count(world: World, column: str):
    render = world.approved()
    row = world.now_is(render)
    setattr(row, column, "another")
    with reading() as session:
        assert approvers(session, row, RULES["standard"]) == {}


def test_no_time_passes_between_a_decision_and_its_entry(world: World):
    """One transaction: a decision without its entry, or the other way round, cannot be."""
    before = now()
    render = world.approved()
    with reading() as session:
        (approval,) = approvals_for(session, render.sealed_sha256)
    entry = last_entry(render.id, Event.APPROVAL_RECORDED)
    assert before <= approval.time <= entry.created_at <= now()
    assert set(entry.facts["rows"]) == {f"approvals/{approval.id}"}
