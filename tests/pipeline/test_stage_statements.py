"""What a stage costs in questions to the database, beside its own work: no more than it needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from core.database import engine
from pipeline import runner
from pipeline.runner import advance
from pipeline.states import State
from tests.kit.world import World

# A claim: 1. What the stage stands on, and whether it may begin: 4. Its result under a turn and a held fact: 8, and
# its message. What the stage itself makes (assets, receipts and whether their key is in use, fingerprints, manifests)
# comes on top.
MOST = {"voice": 14, "picture": 15, "examine": 20, "seal": 17, "inspect": 14}
TRANSACTIONS = 3  # the claim, a snapshot, the result


@contextmanager
def told(asked: dict[str, list[str]]) -> Iterator[None]:
    """Each statement under its stage; what a stage's own function asks is its work, and is left out."""
    claim: list[str] = []  # belongs to the stage that it leads to
    at = [claim]
    real = runner.run_stage, dict(runner.STAGE_FUNCTIONS)

    def run_stage(taken: Any, shift: Any = None) -> None:
        at[0] = asked.setdefault(taken.stage.name, [])
        at[0] += claim
        claim.clear()
        real[0](taken, shift)
        at[0] = claim

    def unheard(run: Any) -> Any:
        def stage(job: Any) -> Any:
            before, at[0] = at[0], []
            try:
                return run(job)
            finally:
                at[0] = before

        return stage

    def statement(_connection: Any, _cursor: Any, words: str, *_: Any) -> None:
        at[0].append(" ".join(words.split())[:150])

    def begun(_connection: Any) -> None:
        at[0].append("BEGIN")

    runner.run_stage = run_stage
    runner.STAGE_FUNCTIONS.update({name: unheard(run) for name, run in real[1].items()})
    listeners = (("before_cursor_execute", statement), ("begin", begun))
    for name, listener in listeners:
        event.listen(engine(), name, listener)
    try:
        yield
    finally:
        for name, listener in listeners:
            event.remove(engine(), name, listener)
        runner.run_stage = real[0]
        runner.STAGE_FUNCTIONS.update(real[1])


@pytest.mark.only("postgresql")
def test_a_stage_asks_the_database_no_more_than_it_needs(world: World) -> None:
    world.to_review()  # what a process asks once, it has asked
    asked: dict[str, list[str]] = {}
    render = world.render()
    with told(asked):
        advance(render.id)
    assert world.now_is(render).state == State.IN_REVIEW
    assert asked.keys() == MOST.keys()
    for stage, most in MOST.items():
        statements = [words for words in asked[stage] if words != "BEGIN"]
        listed = f"{stage}: {len(statements)} statements\n" + "\n".join(asked[stage])
        assert len(statements) <= most, listed
        assert asked[stage].count("BEGIN") <= TRANSACTIONS, listed
