"""``release()`` asks the independent reader about the sealed file and about the published one (trust steps 10, 12)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pipeline.tables import RenderRow
from provenance.models import VerifyReport
from provenance.verify import verify
from tests.delivery.releasing import assert_refused
from tests.kit.standing_in import standing_in
from tests.kit.world import World

OTHER_VERDICTS = (
    "unreadable",
    "withdrawn",
    "recalled",
    "credential_mark_disagree",
    "tampered",
    "intact",
    "reencoded_copy",
    "edited_copy",
    "foreign_c2pa",
    "nothing_found",
)


def answering(nth: int, **changed: Any) -> tuple[Any, Any]:
    """The reader and its double, which gives another answer to the nth question: 0 the sealed, 1 the published file."""
    real, asked = verify, []

    def answer(*arguments: Any, **more: Any) -> VerifyReport:
        report = real(*arguments, **more)
        asked.append(report)
        return dataclasses.replace(report, **changed) if len(asked) == nth + 1 else report

    return real, answer


@pytest.mark.parametrize("nth", [pytest.param(0, id="sealed"), pytest.param(1, id="published")])
@pytest.mark.parametrize(
    "changed",
    [
        *(pytest.param({"verdict": verdict}, id=verdict) for verdict in OTHER_VERDICTS),
        pytest.param({"trusted": False}, id="untrusted"),
        pytest.param({"problems": ("a made-up problem",)}, id="with-a-problem"),
    ],
)
def test_release_refuses_when_the_reader_answers_otherwise(
    w: World, approved: RenderRow, nth: int, changed: dict[str, Any]
):
    with standing_in(answering(nth, **changed)):
        assert_refused(w, approved, "the independent reader answers")


@pytest.mark.parametrize("nth", [pytest.param(0, id="sealed"), pytest.param(1, id="published")])
@pytest.mark.parametrize("essence", ["", "e5" * 32])
def test_release_refuses_when_the_reader_finds_another_essence(
    w: World, approved: RenderRow, nth: int, essence: str
):
    with standing_in(answering(nth, essence=essence)):
        assert_refused(w, approved, "not what was examined")
