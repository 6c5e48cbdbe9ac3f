"""The life of a render as one table: its states, the stages that they wait for, and the moves between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from audit.events import Event
from core.errors import Conflict


class State(StrEnum):
    """Where a render is. The database row is the truth; messages are hints."""

    DRAFT = "draft"
    SCRIPTED = "scripted"
    VOICED = "voiced"
    ENCODED = "encoded"
    EXAMINED = "examined"
    SEALED = "sealed"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    RELEASED = "released"
    BLOCKED = "blocked"
    REJECTED = "rejected"
    FAILED = "failed"
    RECALLED = "recalled"


KINDS = ("cpu", "gpu", "io")
"""Kinds of stages, each with a queue and with workers of its own. ``io``: whoever may use the claim-signing key."""


@dataclass(frozen=True)
class StageSpec:
    """A stage: the state that it starts from, the one that it ends in, and the kind of worker that it wants."""

    name: str
    start: State
    done: State
    kind: str  # one of KINDS


STAGES: tuple[StageSpec, ...] = (
    StageSpec("script", State.DRAFT, State.SCRIPTED, "cpu"),  # trust steps 1-3
    StageSpec("voice", State.SCRIPTED, State.VOICED, "cpu"),  # trust step 4
    StageSpec("picture", State.VOICED, State.ENCODED, "cpu"),  # trust steps 5-7
    StageSpec("examine", State.ENCODED, State.EXAMINED, "cpu"),  # trust step 8
    StageSpec("seal", State.EXAMINED, State.SEALED, "io"),  # trust step 9
    StageSpec("inspect", State.SEALED, State.IN_REVIEW, "cpu"),  # trust step 10
)
STAGE_AT: dict[State, StageSpec] = {stage.start: stage for stage in STAGES}

RELEASE = StageSpec("release", State.APPROVED, State.RELEASED, "io")
"""Trust step 12: a stage under a lease like the others, run by delivery."""


@dataclass(frozen=True)
class Move:
    """One way from state to state.

    Attributes:
        steps: the trust steps that are done when it is made.
        event: what the ledger calls it.
        states: columns that its entry states in clear: digests and codes, nothing about a person. The entry commits to
            every other committed column of the render, and to the rows that were made with it.
    """

    steps: str
    start: frozenset[State]
    end: State
    event: Event
    states: tuple[str, ...] = ()


def _from(*states: State) -> frozenset[State]:
    return frozenset(states)


_UNFINISHED = frozenset(STAGE_AT)
_OPEN = _UNFINISHED | {State.IN_REVIEW, State.APPROVED, State.FAILED}

# The life of a render, in the order of the trust steps. What is not listed here does not happen.
MOVES: tuple[Move, ...] = (
    Move("1-3", _from(State.DRAFT), State.SCRIPTED, Event.POLICY_CHECKED),
    Move("4", _from(State.SCRIPTED), State.VOICED, Event.SPEECH_MADE),
    Move("5-7", _from(State.VOICED), State.ENCODED, Event.CANDIDATE_ENCODED, ("essence", "examined_sha256", "mark_id")),
    Move("8", _from(State.ENCODED), State.EXAMINED, Event.RENDER_EXAMINED,
         ("essence", "verdict", "gate_set_sha256", "brief_sha256")),
    Move("9", _from(State.EXAMINED), State.SEALED, Event.ASSET_SEALED, ("essence", "sealed_sha256")),
    Move("10", _from(State.SEALED), State.IN_REVIEW, Event.REVIEW_OPENED, ("sealed_sha256",)),
    Move("11", _from(State.IN_REVIEW), State.APPROVED, Event.RENDER_APPROVED, ("sealed_sha256",)),
    Move("11", _from(State.IN_REVIEW), State.REJECTED, Event.RENDER_REJECTED, ("sealed_sha256",)),
    Move("12", _from(State.APPROVED), State.RELEASED, Event.ASSET_RELEASED,
         ("essence", "sealed_sha256", "published_sha256")),
    Move("13", _from(State.APPROVED, State.RELEASED), State.RECALLED, Event.ASSET_RECALLED, ("published_sha256",)),
    Move("13", _from(State.RELEASED), State.RECALLED, Event.ASSET_WITHDRAWN, ("published_sha256",)),
    # A trust step says no, or the authority ends, at any time before the release.
    Move("1-12", _OPEN, State.BLOCKED, Event.RENDER_BLOCKED),
    # A stage cannot be done; a person may send the render back to it.
    Move("", _UNFINISHED | {State.APPROVED}, State.FAILED, Event.RENDER_FAILED),
    *(Move("", _from(State.FAILED), state, Event.RENDER_RETRIED) for state in State
      if state in _UNFINISHED | {State.APPROVED}),
)  # fmt: skip

TRANSITIONS: dict[State, frozenset[State]] = {
    state: frozenset(move.end for move in MOVES if state in move.start) for state in State
}

WAITING = frozenset(STAGE_AT)  # a worker has something to do
ENDED = frozenset({State.BLOCKED, State.REJECTED, State.RECALLED})


def check_move(start: State, end: State, *, where: str) -> None:
    """Raises Conflict unless the table allows the move."""
    if end not in TRANSITIONS[start]:
        raise Conflict(
            f"a render cannot go from '{start}' to '{end}'",
            where=where,
            next_step="reload it and see what happened in between",
            code="illegal_transition",
        )
