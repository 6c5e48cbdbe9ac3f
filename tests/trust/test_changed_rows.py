"""Whoever changes a row in the database changes no decision, and no later step makes the change part of the record.

``as_database_owner`` is somebody who may write every row and holds no key.
"""

from __future__ import annotations

import pytest

from audit.errors import LedgerInconsistent
from audit.events import Event
from core.blobs import blobs
from delivery.release import release
from delivery.tasks import on_approved
from pipeline.review import approve
from pipeline.service import retry
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit.workers import events_of, put_back
from tests.kit.world import World

SCRIPT = "This tea is guaranteed to cure any cold."


def ended(world: World, render: RenderRow) -> bool:
    """Blocked for this reason, and never released."""
    row = world.now_is(render)
    return (
        row.state == State.BLOCKED
        and (row.reason or {})["code"] == "ledger_disagrees"
        and Event.ASSET_RELEASED not in events_of(render.id)
    )


def test_the_maker_does_not_approve_under_a_changed_name(world: World):
    render = world.to_review(maker=world.reviewer)
    world.as_database_owner("UPDATE renders SET maker_id = ?", world.operator)
    with pytest.raises(LedgerInconsistent, match=f"renders/{render.id}"):
        world.approve(render, world.reviewer)
    assert Event.APPROVAL_RECORDED not in events_of(render.id)
    assert not world.ledger().good


def test_a_lowered_risk_class_asks_for_no_fewer_people(world: World):
    campaign = world.campaign(risk_class="high", release_on_approval=True)
    render = world.approve(world.to_review(campaign=campaign))
    world.as_database_owner("UPDATE campaigns SET risk_class = 'standard'")
    with pytest.raises(LedgerInconsistent, match=f"campaigns/{campaign.id}"):
        approve(
            render.id,
            brand_id=world.brand_id,
            reviewer_id=world.second_reviewer,
            sealed_sha256=render.sealed_sha256 or "",
        )
    on_approved({"render_id": put_back_without_an_entry(world, render, "approved").id})
    assert ended(world, render)


@pytest.mark.parametrize(
    "change",
    [
        f"script = '{SCRIPT}'",
        "maker_id = 'usr_somebody'",
        "verdict = 'pass', script_findings = '[]', summary = 'all well'",
        "supersedes = NULL, created_at = '2020-01-01 00:00:00'",
        "fields = '{}'",
    ],
)
def test_what_was_changed_after_the_approval_is_not_released(world: World, change: str):
    render = world.approved(flagged=("lip_sync",))
    world.as_database_owner(f"UPDATE renders SET {change}")
    with pytest.raises(LedgerInconsistent):
        release(render.id, brand_id=world.brand_id, actor_id=world.operator)
    assert ended(world, render)
    assert not world.published()


def test_nothing_is_made_from_a_script_that_passed_no_rules(world: World):
    render = world.render()
    world.as_database_owner("UPDATE renders SET script = ?", SCRIPT)
    world.advance(render)
    assert ended(world, render)
    assert Event.SPEECH_MADE not in events_of(render.id)
    assert not list(blobs().names("speech")), "nobody speaks it, not even to throw it away"


def test_a_script_that_changes_while_a_stage_runs_ends_with_it(world: World):
    from pipeline.leases import claim
    from pipeline.runner import STAGE_FUNCTIONS, run_stage

    render = world.render()
    real = STAGE_FUNCTIONS["voice"]

    def meanwhile(job):
        outcome = real(job)
        world.as_database_owner("UPDATE renders SET script = ?", SCRIPT)
        return outcome

    taken = claim(render.id)
    assert taken is not None
    STAGE_FUNCTIONS["voice"] = meanwhile
    try:
        run_stage(taken)
    finally:
        STAGE_FUNCTIONS["voice"] = real
    assert ended(world, render)


def test_a_failed_render_is_not_sent_back_to_where_it_never_was(world: World):
    render = put_back(world, world.render(), "failed")
    world.as_database_owner("UPDATE renders SET reason = ?", '{"code": "made_up", "retry": "approved"}')
    with pytest.raises(LedgerInconsistent):
        retry(render.id, brand_id=world.brand_id)
    assert world.now_is(render).state == State.FAILED


def test_what_was_changed_can_still_be_taken_back(world: World):
    render = world.approved()
    world.as_database_owner("UPDATE renders SET script = ?", SCRIPT)
    assert world.recall(render).state == State.RECALLED


def put_back_without_an_entry(world: World, render: RenderRow, state: str) -> RenderRow:
    world.as_database_owner("UPDATE renders SET state = ? WHERE id = ?", state, render.id)
    return world.now_is(render)
