"""The database is busy where a result is to be recorded: the stage goes on later, and no try was lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select

import core.database
import core.engines
from audit import keys
from audit.authority_reading import fact_of
from audit.events import Event
from audit.rotation import rotate
from audit.tables import LedgerEntryRow
from core.database import reading, seize, transaction
from core.errors import DatabaseBusy
from core.settings import get_settings
from pipeline import runner
from pipeline.jobs import Job, Outcome
from pipeline.leases import Claim, claim
from pipeline.runner import advance, run_stage
from pipeline.shift import Shift
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit.world import World


@pytest.fixture
def impatient(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Nobody waits for a lock longer than a moment."""
    core.database.engine().dispose()
    core.database._engine_for.cache_clear()
    monkeypatch.setattr(core.engines, "BUSY_SECONDS", 0.2)
    monkeypatch.setattr(runner, "RECORD_PAUSE", 0.02)
    return world


def entries(render: RenderRow) -> list[str]:
    """What the ledger has of a render, in its order."""
    with reading() as session:
        found = session.scalars(select(LedgerEntryRow).where(LedgerEntryRow.subject == render.id)).all()
        return [entry.event for entry in sorted(found, key=lambda entry: entry.id)]


class InTheWay:
    """Somebody who changes the authority, from the end of the voice's work until :meth:`go`."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._fact = fact_of(world.authority.document.record_id)
        self._there, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)
        real = runner.STAGE_FUNCTIONS["voice"]

        def run(job: Job) -> Outcome:
            outcome = real(job)
            if not self._there.is_set():
                self._thread.start()
                assert self._there.wait(10)
            return outcome

        monkeypatch.setitem(runner.STAGE_FUNCTIONS, "voice", run)

    def _hold(self) -> None:
        with transaction() as session:
            session.connection()  # on SQLite whoever writes is alone
            seize(session, self._fact)
            self._there.set()
            assert self._over.wait(30)

    def go(self) -> None:
        self._over.set()
        self._thread.join()


class OneStage(Shift):
    """A worker that ends after one stage."""

    def claim(self, render_id: str) -> Claim | None:
        taken = super().claim(render_id)
        self.end_within(60)
        return taken


def test_a_result_that_finds_the_database_busy_is_made_again_later(
    impatient: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = impatient.render()
    somebody = InTheWay(impatient, monkeypatch)
    postpone = Claim.postpone

    def gone_by_then(taken: Claim, **how: Any) -> None:
        somebody.go()
        postpone(taken, **how)

    monkeypatch.setattr(Claim, "postpone", gone_by_then)
    assert advance(render.id) == 1
    row = impatient.now_is(render)
    assert (row.state, row.attempts, row.waits, row.lease_owner) == (State.SCRIPTED, 0, 1, None)
    assert row.retry_at is not None
    assert impatient.advance(render).state == State.IN_REVIEW


def test_a_result_is_offered_again_and_not_made_again(
    impatient: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    render, tries = impatient.render(), []
    somebody = InTheWay(impatient, monkeypatch)
    record = runner._record

    def counted(*given: Any) -> None:
        tries.append(given)
        if len(tries) == 3:
            somebody.go()
        record(*given)

    monkeypatch.setattr(runner, "_record", counted)
    assert advance(render.id, OneStage()) == 1
    row = impatient.now_is(render)
    assert (len(tries), row.state, row.attempts, row.waits) == (3, State.VOICED, 0, 0)


def test_a_result_whose_record_was_not_heard_of_is_recorded_once(
    impatient: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke at the end of the transaction: nobody knows whether it counted, and it did."""
    render, commit, tries = impatient.render(), runner._commit, []

    def unheard(*given: Any) -> None:
        tries.append(given)
        commit(*given)
        if len(tries) == 1:
            raise DatabaseBusy("a made-up trouble", where="here", next_step="wait")

    monkeypatch.setattr(runner, "_commit", unheard)
    assert advance(render.id, OneStage()) == 1
    row = impatient.now_is(render)
    assert (len(tries), row.state, row.attempts, row.waits) == (2, State.VOICED, 0, 0)
    assert entries(render).count(Event.SPEECH_MADE) == 1
    assert impatient.advance(render).state == State.IN_REVIEW


def test_a_stage_that_always_finds_it_busy_is_parked(
    impatient: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings().pipeline, "max_waits", 2)
    monkeypatch.setattr(get_settings().pipeline, "max_attempts", 1)
    render, commit, tries = impatient.render(), runner._commit, []

    def busy(job: Job, outcome: Outcome, seconds: float) -> None:
        tries.append(outcome.state)
        if outcome.state is not State.FAILED:
            raise DatabaseBusy("a made-up trouble", where="here", next_step="wait")
        commit(job, outcome, seconds)

    monkeypatch.setattr(runner, "_commit", busy)
    for _ in range(4):
        impatient.tick(61)
        advance(render.id)
    row = impatient.now_is(render)
    assert row.reason is not None
    assert (row.state, row.reason["code"], row.lease_owner) == (State.FAILED, "poison", None)
    assert len(tries) == 3 * runner.RECORD_TRIES + 1


def test_a_key_that_was_rotated_elsewhere_holds_the_stage_up_until_it_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = world.render()
    old = keys.current_key_id(keys.RECEIPTS)
    new = rotate(keys.RECEIPTS).new
    keys.provider(keys.RECEIPTS).make_current(old)
    advance(render.id)
    row = world.now_is(render)
    assert (row.state, row.attempts, row.waits, row.lease_owner) == (State.ENCODED, 0, 1, None)
    keys.provider(keys.RECEIPTS).make_current(new)
    world.tick(61)
    assert world.advance(render).state == State.IN_REVIEW


def test_where_it_stays_busy_the_lease_ends_by_itself(
    impatient: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = impatient.render()
    somebody = InTheWay(impatient, monkeypatch)

    def busy(_taken: Claim, **_how: Any) -> None:
        raise DatabaseBusy("a made-up trouble", where="here", next_step="wait")

    with monkeypatch.context() as patch:
        patch.setattr(Claim, "postpone", busy)
        taken = claim(render.id)
        assert taken is not None
        run_stage(taken)
    somebody.go()
    assert impatient.now_is(render).lease_owner is not None
    impatient.tick(61)
    assert impatient.advance(render).state == State.IN_REVIEW
