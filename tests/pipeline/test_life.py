"""The one module that changes a render: the state, the entry, what was made with it and the message, together."""

from __future__ import annotations

from typing import Any

import pytest

from audit.commitments import commitment, row_name
from audit.errors import LedgerError
from audit.events import Event
from audit.tables import LedgerEntryRow
from core.canonical import digest_bytes
from core.database import reading, transaction
from core.errors import Conflict
from core.tables import AssetRow
from pipeline import outbox
from pipeline.errors import LeaseLost
from pipeline.leases import FREE, claim
from pipeline.life import move, note
from pipeline.states import MOVES, RELEASE, STAGE_AT, TRANSITIONS, State
from pipeline.tables import RenderRow
from tests.kit.workers import events_of, last_entry, put_back, stored, swept, waiting_messages
from tests.kit.world import World


def asset(render: RenderRow) -> AssetRow:
    return AssetRow(
        sha256=digest_bytes(b"a made-up asset"),
        brand_id=render.brand_id,
        render_id=render.id,
        role="examined",
        essence="ab" * 32,
        size=1,
    )


def test_a_move_is_a_state_an_entry_and_a_message(world: World):
    render = world.render()
    waiting_messages()
    with transaction() as session:
        made = asset(render)
        move(session, render.id, State.VOICED, start=State.SCRIPTED, values={"seconds": 2.0}, rows=[made])
    row = world.now_is(render)
    assert (row.state, row.seconds) == (State.VOICED, 2.0)
    entry = last_entry(render.id, Event.SPEECH_MADE)
    assert (entry.facts["from_state"], entry.facts["state"]) == ("scripted", "voiced")
    assert entry.facts["rows"] == {row_name(one): commitment(one) for one in (row, made)}
    assert waiting_messages() == [(outbox.ADVANCE, {"render_id": render.id, "kind": "cpu"})]
    assert world.ledger().good


def test_all_of_it_commits_or_none(world: World):
    render = world.render()
    before = (stored(), world.now_is(render).state)
    with pytest.raises(RuntimeError), transaction() as session:
        move(session, render.id, State.VOICED, start=State.SCRIPTED, rows=[asset(render)])
        raise RuntimeError
    assert (stored(), world.now_is(render).state) == before


def test_an_entry_that_cannot_be_written_moves_nothing(world: World):
    render = world.render()
    with pytest.raises(LedgerError), transaction() as session:
        move(session, render.id, State.VOICED, start=State.SCRIPTED, facts={"verdict": "free words, of Asha"})
    assert world.now_is(render).state == State.SCRIPTED


def test_no_move_is_made_that_the_table_does_not_know(world: World):
    render = world.approved()
    for start in State:
        put_back(world, render, start)
        before = stored()
        for end in set(State) - TRANSITIONS[start]:
            with pytest.raises(Conflict) as refused, transaction() as session:
                move(session, render.id, end, start=start)
            assert refused.value.code == "illegal_transition"
        assert (world.now_is(render).state, stored()) == (start, before)


def test_a_move_from_where_it_is_not_any_more_changes_nothing(world: World):
    render = world.to_review()
    before = stored()
    with pytest.raises(Conflict) as refused, transaction() as session:
        move(session, render.id, State.SEALED, start=State.EXAMINED)
    assert refused.value.code == "moved_meanwhile"
    assert (world.now_is(render).state, stored()) == (State.IN_REVIEW, before)


def test_a_late_workers_move_is_refused(world: World):
    render = world.render()
    late = claim(render.id)
    assert late is not None
    with transaction() as session:
        session.get_one(RenderRow, render.id).fence += 1
    with pytest.raises(LeaseLost), transaction() as session:
        move(session, render.id, State.VOICED, start=State.SCRIPTED, claim=late)
    assert world.now_is(render).state == State.SCRIPTED


def test_a_move_without_a_claim_takes_the_render_from_its_worker(world: World):
    render = world.render()
    worker = claim(render.id)
    assert worker is not None
    with transaction() as session:
        move(session, render.id, State.BLOCKED, start=State.SCRIPTED)
    worker._last_renewal = 0.0  # the lease is not of this moment: the beat asks
    with pytest.raises(LeaseLost):
        worker.beat()
    row = world.now_is(render)
    assert {name: getattr(row, name) for name in FREE} == FREE


def test_a_worker_from_before_a_retry_records_nothing(world: World):
    """The render is where it was when he took it, and is not his any more."""
    render = world.approved()
    late = claim(render.id, RELEASE)
    with transaction() as session:
        move(session, render.id, State.FAILED, start=State.APPROVED)
        move(session, render.id, State.APPROVED, start=State.FAILED)
    with pytest.raises(LeaseLost), transaction() as session:
        move(session, render.id, State.FAILED, start=State.APPROVED, claim=late)
    assert world.now_is(render).state == State.APPROVED


def test_a_move_frees_the_lease_and_forgets_the_tries(world: World):
    render = world.render()
    worker = claim(render.id)
    with transaction() as session:
        move(session, render.id, State.VOICED, start=State.SCRIPTED, claim=worker)
    row = world.now_is(render)
    assert (row.lease_owner, row.attempts, row.waits, row.retry_at) == (None, 0, 0, None)
    assert row.hinted_at is not None, "its message is on the way"


@pytest.mark.parametrize("state", State)
def test_the_message_fits_the_state(world: World, state: State):
    """Who works next is told; where nobody does, nobody is."""
    starts = [start for start in State if state in TRANSITIONS[start] and state is not State.RELEASED]
    if not starts:
        return
    render = world.render()
    put_back(world, render, starts[0])
    waiting_messages()
    with transaction() as session:
        move(session, render.id, state, start=starts[0])
    topics = [topic for topic, _ in waiting_messages()]
    if state in STAGE_AT:
        assert topics == [outbox.ADVANCE]
    else:
        assert topics == {State.APPROVED: [outbox.APPROVED], State.RECALLED: [outbox.RECALLED]}.get(state, [])


def test_a_note_leaves_the_state_and_frees_the_lease(world: World):
    render = world.approved()
    taken = claim(render.id, RELEASE)
    reason = {"code": "made_up", "message": "a made-up reason"}
    with transaction() as session:
        note(
            session,
            render.id,
            Event.RELEASE_REFUSED,
            start=State.APPROVED,
            claim=taken,
            values={"reason": reason},
            facts={"reason_code": "made_up"},
        )
    row = world.now_is(render)
    assert (row.state, row.reason, row.lease_owner) == (State.APPROVED, reason, None)
    assert events_of(render.id)[-1] == Event.RELEASE_REFUSED
    assert world.ledger().good


def test_no_reason_is_null_and_not_the_word_null(world: World):
    """`IS NULL` finds it: the sweeper asks so."""
    render = world.approved(campaign=world.campaign(release_on_approval=True))
    with transaction() as session:
        move(session, render.id, State.FAILED, start=State.APPROVED, values={"reason": {"code": "x"}})
        move(session, render.id, State.APPROVED, start=State.FAILED, values={"reason": None})
    world.tick(1000)
    assert [payload["render_id"] for _, payload in swept()] == [render.id]


def test_every_move_states_its_digests_in_clear(world: World):
    """What a door compares stands in the entry itself, not in a commitment alone."""
    render = world.released()
    for way in MOVES:
        if way.states and State.RECALLED is not way.end and State.REJECTED is not way.end:
            facts = last_entry(render.id, way.event).facts
            assert {name: facts[name] for name in way.states} == {
                name: getattr(render, name) for name in way.states
            }


def test_every_change_of_state_of_a_whole_life_has_one_entry(world: World):
    render = world.recall(world.released())
    with reading() as session:
        entries = session.query(LedgerEntryRow).filter_by(subject=render.id).order_by(LedgerEntryRow.id)
        steps: list[Any] = [
            (entry.facts["from_state"], entry.facts["state"])
            for entry in entries
            if "from_state" in entry.facts
        ]
    assert [end for _, end in steps] == [start for start, _ in steps[1:]] + ["recalled"]
    assert len(steps) == 9 and steps[0][0] == "draft"


def test_a_row_that_was_altered_goes_to_an_end_only_and_the_ledger_goes_on_saying_so(world: World):
    """A recall must never be refused; what it records must not make the alteration the truth."""
    render = world.released()
    assert world.as_database_owner("UPDATE renders SET script = 'Other words.' WHERE id = ?", render.id) == 1
    assert [problem.where for problem in world.ledger().problems] == [f"renders/{render.id}"]
    world.recall(render)
    found = world.ledger().problems
    assert [(problem.kind, problem.where) for problem in found] == [("changed", f"renders/{render.id}")]
    assert "had been changed before" in found[0].detail
