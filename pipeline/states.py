"""The life of a render as one table: its states, the moves between them, and the stage that each state waits for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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


@dataclass(frozen=True)
class StageSpec:
    """A stage: the state that it starts from, the one that it ends in, and the kind of machine that it wants."""

    name: str
    start: State
    done: State
    kind: str  # the queue: cpu, gpu or io


STAGES: tuple[StageSpec, ...] = (
    StageSpec("script", State.DRAFT, State.SCRIPTED, "cpu"),  # trust steps 1-3
    StageSpec("voice", State.SCRIPTED, State.VOICED, "cpu"),  # trust step 4
    StageSpec("picture", State.VOICED, State.ENCODED, "cpu"),  # trust steps 5-7
    StageSpec("examine", State.ENCODED, State.EXAMINED, "cpu"),  # trust step 8
    StageSpec("seal", State.EXAMINED, State.SEALED, "cpu"),  # trust step 9
    StageSpec("inspect", State.SEALED, State.IN_REVIEW, "cpu"),  # trust step 10
)
STAGE_AT: dict[State, StageSpec] = {stage.start: stage for stage in STAGES}

# Where a render may go from where it is. Every stage may fail; a failed render may return to the stage that failed.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.SCRIPTED, State.BLOCKED, State.FAILED}),
    State.SCRIPTED: frozenset({State.VOICED, State.FAILED, State.BLOCKED}),
    State.VOICED: frozenset({State.ENCODED, State.FAILED, State.BLOCKED}),
    State.ENCODED: frozenset({State.EXAMINED, State.BLOCKED, State.FAILED}),
    State.EXAMINED: frozenset({State.SEALED, State.FAILED, State.BLOCKED}),
    State.SEALED: frozenset({State.IN_REVIEW, State.BLOCKED, State.FAILED}),
    State.IN_REVIEW: frozenset({State.APPROVED, State.REJECTED, State.BLOCKED}),
    State.APPROVED: frozenset({State.RELEASED, State.REJECTED, State.BLOCKED, State.FAILED}),
    State.RELEASED: frozenset({State.RECALLED}),
    State.FAILED: frozenset(
        {
            State.DRAFT,
            State.SCRIPTED,
            State.VOICED,
            State.ENCODED,
            State.EXAMINED,
            State.SEALED,
            State.APPROVED,
        }
    ),
    State.BLOCKED: frozenset(),
    State.REJECTED: frozenset(),
    State.RECALLED: frozenset(),
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
