"""The database is busy where a result is to be recorded: the stage goes on later, and no try was lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import core.database
import core.engines
from audit.authority_reading import fact_of
from core.database import seize, transaction
from core.errors import DatabaseBusy
from pipeline import runner
from pipeline.jobs import Job, Outcome
from pipeline.leases import Claim, claim
from pipeline.runner import advance, run_stage
from pipeline.states import State
from tests.kit.world import World


@pytest.fixture
def impatient(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Nobody waits for a lock longer than a moment."""
    core.database.engine().dispose()
    core.database._engine_for.cache_clear()
    monkeypatch.setattr(core.engines, "BUSY_SECONDS", 0.2)
    return world


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
