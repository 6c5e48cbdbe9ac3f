"""A worker claims stages of its own kinds only, and what it cannot finish before its end it gives back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from core.heartbeat import beat
from core.settings import get_settings
from pipeline import runner
from pipeline.jobs import Job, Outcome
from pipeline.leases import claim, owner_name
from pipeline.runner import advance
from pipeline.shift import Shift, give_back, give_back_all
from pipeline.states import KINDS, RELEASE, STAGES, State
from provenance.signer import signer_of
from tests.kit.standing_in import standing_in
from tests.kit.workers import swept, waiting_messages
from tests.kit.world import World

CPU, IO = Shift(kinds=("cpu",)), Shift(kinds=("io",))


def queues(render_id: str) -> list[str]:
    """Where the messages about a render go that have not left yet."""
    return [payload["kind"] for _, payload in waiting_messages() if payload["render_id"] == render_id]


# Kinds


def test_only_sealing_and_release_are_for_those_who_may_use_the_claim_key() -> None:
    assert {stage.name for stage in (*STAGES, RELEASE) if stage.kind == "io"} == {"seal", "release"}
    assert {stage.kind for stage in (*STAGES, RELEASE)} <= set(KINDS)


@pytest.mark.only("sqlite")
def test_a_cpu_worker_never_claims_a_seal(world: World) -> None:
    render = world.render()
    assert advance(render.id, CPU) == 3  # the script was composed when it was asked for
    waiting = world.now_is(render)
    assert (waiting.state, waiting.lease_owner) == (State.EXAMINED, None)
    assert queues(render.id)[-1] == "io"
    assert advance(render.id, CPU) == 0 and world.now_is(render).fence == waiting.fence, (
        "not even for a moment"
    )


@pytest.mark.only("sqlite")
def test_the_signers_worker_takes_the_seal_alone_and_sends_the_render_on(world: World) -> None:
    render = world.render()
    advance(render.id, CPU)
    waiting_messages()
    assert advance(render.id, IO) == 1
    assert world.now_is(render).state == State.SEALED and queues(render.id) == ["cpu"]
    assert advance(render.id, CPU) == 1 and world.now_is(render).state == State.IN_REVIEW


@pytest.mark.only("sqlite")
def test_a_cpu_worker_needs_no_claim_key(world: World) -> None:
    """Every stage but the seal runs where asking for the signer raises."""

    def none_here(*_: Any) -> Any:
        raise AssertionError("the claim key was asked for")

    render = world.render()
    with standing_in((signer_of, none_here)):
        advance(render.id, CPU)
    advance(render.id, IO)
    with standing_in((signer_of, none_here)):
        advance(render.id, CPU)
    assert world.now_is(render).state == State.IN_REVIEW


def test_a_render_that_moves_on_between_look_and_claim_is_not_claimed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = world.render()
    real = claim

    def late(render_id: str, **asked: Any) -> Any:
        monkeypatch.setattr("pipeline.leases.claim", real)
        advance(render_id, Shift())  # another worker's, up to the review
        return real(render_id, **asked)

    monkeypatch.setattr("pipeline.leases.claim", late)
    assert CPU.claim(render.id) is None
    assert world.now_is(render).state == State.IN_REVIEW


# The end


def ending(monkeypatch: pytest.MonkeyPatch, shift: Shift, stage: str, seconds: float) -> None:
    """The worker is told to end while it is in a stage, which then beats once more."""
    real = runner.STAGE_FUNCTIONS[stage]

    def run(job: Job) -> Outcome:
        shift.end_within(seconds)
        beat()
        return real(job)

    monkeypatch.setitem(runner.STAGE_FUNCTIONS, stage, run)


def test_a_worker_that_is_told_to_end_finishes_its_stage_and_takes_no_further_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    render, shift = world.render(), Shift()
    ending(monkeypatch, shift, "voice", 60.0)
    assert advance(render.id, shift) == 1
    assert world.now_is(render).state == State.VOICED and queues(render.id)[-1] == "cpu"
    assert advance(world.render().id, shift) == 0


def test_a_stage_that_takes_too_long_is_given_back_at_a_beat(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it had not been taken: free at once, no try counted, a message on its way."""
    render, shift = world.render(), Shift()
    ending(monkeypatch, shift, "voice", 0.0)
    waiting_messages()
    advance(render.id, shift)
    row = world.now_is(render)
    assert (row.state, row.lease_owner, row.lease_until, row.attempts) == (State.SCRIPTED, None, None, 0)
    assert queues(render.id)[-1] == "cpu" and swept() == []
    monkeypatch.undo()
    assert world.advance(render).state == State.IN_REVIEW


@pytest.mark.only("sqlite")
def test_any_number_of_restarts_in_one_stage_parks_no_render(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = world.render()
    with monkeypatch.context() as patch:
        for _ in range(get_settings().pipeline.max_attempts + 2):
            shift = Shift()
            ending(patch, shift, "voice", 0.0)
            advance(render.id, shift)
            patch.undo()
    assert world.advance(render).state == State.IN_REVIEW


def test_what_was_given_back_is_not_recorded_by_whoever_had_it(world: World) -> None:
    render = world.render()
    taken = claim(render.id)
    assert taken is not None
    give_back(taken)
    taken._last_renewal = time.monotonic() + 60  # no beat finds out: the result itself is refused
    runner.run_stage(taken)
    assert world.now_is(render).state == State.SCRIPTED


def test_a_stage_that_somebody_else_has_by_now_is_not_given_back(world: World) -> None:
    render = world.render()
    late = claim(render.id)
    world.tick(get_settings().pipeline.lease_seconds + 1)
    heir = claim(render.id)
    assert late is not None and heir is not None
    give_back(late)
    row = world.now_is(render)
    assert (row.fence, row.lease_owner) == (heir.fence, owner_name())


def test_a_process_that_ends_with_work_in_hand_gives_all_of_it_back(world: World) -> None:
    """A release too, which is another function's stage."""
    draft, approved = world.render(), world.approved()
    waiting_messages()
    assert claim(draft.id) and claim(approved.id, RELEASE)
    give_back_all(owner_name())
    assert [world.now_is(row).lease_owner for row in (draft, approved)] == [None, None]
    assert sorted(payload["kind"] for _, payload in waiting_messages()) == ["cpu", "io"]
    give_back_all("another:1")
