"""The mark gate: readable, and the right one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from core.models import Brief
from detect.errors import Abstain
from detect.mark import MarkGate


def judge(expected: int | None, reading: SimpleNamespace | None):
    reader = SimpleNamespace(see=lambda frame, face: None, reading=lambda: reading) if reading else None
    brief = Brief(script=None, language="en", persona=None, label_profile="default", mark_id=expected)
    return MarkGate(reader).result(SimpleNamespace(brief=brief))


def reading(mark_id: int | None, p_false: float = 1e-9) -> SimpleNamespace:
    return SimpleNamespace(present=mark_id is not None, mark_id=mark_id, p_false=p_false)


def test_the_right_mark_brings_no_finding() -> None:
    result = judge(77, reading(77))
    assert result.findings == ()
    assert result.score == 1e-9
    assert not result.abstained


@pytest.mark.parametrize(
    ("expected", "read", "code", "severity"),
    [
        (77, reading(None, 0.4), "mark_unreadable", "block"),
        (77, reading(78), "mark_other_id", "block"),
        (None, reading(78), "mark_unexpected", "review"),
    ],
)
def test_any_other_reading_is_a_finding(expected, read, code: str, severity: str) -> None:
    (finding,) = judge(expected, read).findings
    assert (finding.code, finding.severity) == (code, severity)


def test_no_mark_is_fine_where_none_is_expected() -> None:
    assert judge(None, reading(None, 0.7)).findings == ()
    assert judge(None, None).findings == ()


def test_a_missing_reader_abstains_where_a_mark_is_expected() -> None:
    with pytest.raises(Abstain, match="no mark reader"):
        judge(77, None)
