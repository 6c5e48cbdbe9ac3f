"""What commits before the release wins, and the file that was made for it goes (trust step 12)."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import GreenroomError, IntegrityError
from pipeline.tables import RenderRow
from tests.delivery.releasing import assert_refused, before_the_commit, outside
from tests.kit.world import World


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("suspended", "authority is suspended"),
        ("revoked", "authority is revoked"),
        ("expired", "authority is expired"),
    ],
)
def test_an_authority_that_ends_meanwhile_wins(w: World, approved: RenderRow, status: str, words: str):
    def ends() -> None:
        assert w.withdraw(status=status).status == status

    with before_the_commit(ends):
        assert_refused(w, approved, words)


def test_an_authority_that_is_narrowed_meanwhile_wins(w: World, approved: RenderRow):
    with before_the_commit(lambda: w.supersede(territories=("eu",))):
        assert_refused(w, approved, "does not allow this territory")


def test_an_approval_that_is_taken_away_meanwhile_is_missed(w: World, approved: RenderRow):
    with before_the_commit(lambda: w.as_database_owner("DELETE FROM approvals")):
        assert_refused(w, approved, "the ledger knows other decisions", IntegrityError)


def test_a_recall_meanwhile_wins(w: World, approved: RenderRow):
    with (
        before_the_commit(lambda: w.recall(approved)),
        pytest.raises(GreenroomError, match="no longer ours"),
    ):
        w.release(approved)
    assert outside(w, approved).nothing_is_out
    assert w.now_is(approved).state == "recalled"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("state = 'blocked'", id="decided-otherwise"),
        pytest.param("fence = fence + 1", id="taken-by-another-worker"),
    ],
)
def test_a_render_that_is_not_ours_any_more_is_not_released(w: World, approved: RenderRow, change: str):
    def meanwhile() -> None:
        w.as_database_owner(f"UPDATE renders SET {change} WHERE id = ?", approved.id)
        w.record_as_it_is(approved)

    with before_the_commit(meanwhile), pytest.raises(GreenroomError, match="no longer ours"):
        w.release(approved)
    assert outside(w, approved).nothing_is_out


def test_a_second_worker_does_not_release_at_the_same_time(w: World, approved: RenderRow):
    answers: list[Any] = []

    def another() -> None:
        try:
            answers.append(w.release(approved).state)
        except GreenroomError as error:
            answers.append(error.code)

    with before_the_commit(another):
        released = w.release(approved)
    seen = outside(w, approved)
    assert answers == ["release_in_progress"]
    assert (seen.state, seen.assets, seen.entries) == ("released", (released.published_sha256,), 1)
    assert {path.name for path in seen.files} == {released.published_sha256}
