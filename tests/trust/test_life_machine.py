"""Any order of approvals, withdrawals, recalls, releases, crashes, lost messages and time keeps every promise.

Recorded results stand in for every model (see :mod:`tests.kit`). Most runs have the recorded signer too; some the real.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.kit.world import World
from tests.trust import seams
from tests.trust.acts import set_up
from tests.trust.machine import Life


@pytest.fixture(autouse=True)
def _seams() -> Iterator[None]:
    logging.disable(logging.CRITICAL)  # crashes are logged, as they should
    with seams.installed():
        yield
    logging.disable(logging.NOTSET)


def live(w: World, runs: int, steps: int) -> None:
    class Machine(Life):
        stage = set_up(w)

    began = time.monotonic()
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    took = time.monotonic() - began
    sys.stderr.write(
        f"{Machine.steps} steps in {runs} runs, {took:.1f} s, {Machine.steps / took:.0f} a second\n"
    )
    assert Machine.steps > runs


def test_every_order_of_events_keeps_every_promise(world: World, database_kind: str):
    live(world, runs=18 if database_kind == "sqlite" else 6, steps=22)


def test_so_does_it_with_the_real_signer(real_world: World, database_kind: str):
    live(real_world, runs=4 if database_kind == "sqlite" else 2, steps=12)
