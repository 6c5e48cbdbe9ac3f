"""The life of a render is one table."""

from __future__ import annotations

import pytest

from core.errors import Conflict
from pipeline.states import ENDED, STAGE_AT, STAGES, TRANSITIONS, State, check_move


def test_every_state_has_a_row_in_the_table():
    assert set(TRANSITIONS) == set(State)


def test_the_stages_lead_from_a_draft_to_review_without_a_gap():
    state = State.DRAFT
    for stage in STAGES:
        assert stage.start is state
        state = stage.done
    assert state is State.IN_REVIEW


def test_released_is_reached_from_approved_and_from_nowhere_else():
    assert [state for state in State if State.RELEASED in TRANSITIONS[state]] == [State.APPROVED]


def test_approved_is_reached_from_review_or_a_retried_failure_only():
    assert {state for state in State if State.APPROVED in TRANSITIONS[state]} == {
        State.IN_REVIEW,
        State.FAILED,
    }


@pytest.mark.parametrize("state", sorted(ENDED))
def test_what_has_ended_stays_ended(state: State):
    assert TRANSITIONS[state] == frozenset()
    assert state not in STAGE_AT


def test_a_move_outside_the_table_raises_and_says_what_to_do():
    with pytest.raises(Conflict) as caught:
        check_move(State.REJECTED, State.RELEASED, where="rnd_1")
    assert str(caught.value) == (
        "a render cannot go from 'rejected' to 'released'. Where: rnd_1. "
        "Next: reload it and see what happened in between."
    )
