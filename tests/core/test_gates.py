"""One function turns measures into verdicts, and it fails closed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from core import gates
from core.gates import GateEntry, GateSet, GateSetError, Threshold, decide, load_gate_set, overall
from core.models import Finding, GateResult, Verdict

HIGH = Threshold(
    direction="high_is_bad", review=0.5, block=0.8, unit="share", reason="twenty characters of reason"
)
LOW = Threshold(
    direction="low_is_bad", review=0.6, block=0.3, unit="share", reason="twenty characters of reason"
)


def gate_set(**entries: GateEntry) -> GateSet:
    return GateSet(name="test", gates=entries)


def result(
    score: float | None, *, gate: str = "a", version: str = "1", abstained: bool = False, severities: str = ""
) -> GateResult:
    findings = tuple(Finding(code="x", severity=s, message="x") for s in severities.split())
    return GateResult(
        gate=gate, version=version, score=score, unit="share", abstained=abstained, findings=findings
    )


A = gate_set(a=GateEntry(version="1", threshold=HIGH))


@pytest.mark.parametrize(
    ("threshold", "score", "verdict"),
    [
        (HIGH, 0.49, "pass"),
        (HIGH, 0.5, "review"),
        (HIGH, 0.8, "block"),
        (LOW, 0.61, "pass"),
        (LOW, 0.6, "review"),
        (LOW, 0.3, "block"),
    ],
)
def test_a_bound_belongs_to_the_worse_side(threshold: Threshold, score: float, verdict: str) -> None:
    assert threshold.verdict(score) == verdict


def test_a_block_before_its_review_is_a_mistake() -> None:
    for direction, block in (("high_is_bad", 0.4), ("low_is_bad", 0.6)):
        with pytest.raises(ValidationError, match="at least as bad"):
            Threshold(direction=direction, review=0.5, block=block, unit="x", reason="x" * 20)


def test_a_threshold_needs_a_reason() -> None:
    with pytest.raises(ValidationError, match="at least 20"):
        Threshold(direction="high_is_bad", review=0.5, unit="x", reason="felt right")


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (result(0.1), Verdict.PASS),
        (result(0.6), Verdict.REVIEW),
        (result(0.9), Verdict.BLOCK),
        (result(0.1, severities="note note"), Verdict.PASS),
        (result(0.1, severities="note review"), Verdict.REVIEW),
        (result(0.6, severities="block"), Verdict.BLOCK),
        (result(None), Verdict.REVIEW),  # it has a threshold and measured nothing
        (result(0.1, abstained=True), Verdict.REVIEW),
        (result(None, abstained=True, severities="block"), Verdict.BLOCK),
    ],
)
def test_the_worse_of_score_and_findings_counts(measured: GateResult, verdict: Verdict) -> None:
    decision = decide(measured, A)
    assert decision.verdict is verdict
    assert decision.threshold == 0.5


def test_a_gate_without_a_threshold_decides_by_its_findings() -> None:
    free = gate_set(a=GateEntry(version="1"))
    assert decide(result(None), free).verdict is Verdict.PASS
    assert decide(result(9.9, severities="review"), free).verdict is Verdict.REVIEW


def test_an_unknown_gate_or_version_never_passes() -> None:
    with pytest.raises(GateSetError, match="does not know the gate 'b'"):
        decide(result(0.1, gate="b"), A)
    with pytest.raises(GateSetError) as caught:
        decide(result(0.1, version="2"), A)
    assert str(caught.value) == (
        "gate 'a' ran as version 2, the gate set names 1. Next: install the version that the gate set names, or "
        "publish a new gate set."
    )


def test_an_empty_set_is_no_set() -> None:
    with pytest.raises(ValidationError):
        GateSet(name="empty", gates={})
    with pytest.raises(ValueError, match="never passes"):
        overall([], gate_set(a=GateEntry(version="1", required=False)))


def test_a_missing_required_gate_blocks() -> None:
    both = gate_set(a=GateEntry(version="1"), b=GateEntry(version="1"))
    assert overall([decide(result(0.1), both)], both) is Verdict.BLOCK
    decisions = [decide(result(0.1), both), decide(result(0.1, gate="b"), both)]
    assert overall(decisions, both) is Verdict.PASS


def test_a_gate_that_needs_a_campaign_is_absent_in_analyze() -> None:
    some = gate_set(a=GateEntry(version="1"), b=GateEntry(version="1", needs_brief=True))
    decisions = [decide(result(0.1), some)]
    assert overall(decisions, some, with_brief=False) is Verdict.PASS
    assert overall(decisions, some, with_brief=True) is Verdict.BLOCK


def test_an_informational_gate_never_decides() -> None:
    some = gate_set(a=GateEntry(version="1"), b=GateEntry(version="1", informational=True, required=False))
    decisions = [decide(result(0.1), some), decide(result(0.1, gate="b", severities="block"), some)]
    assert overall(decisions, some) is Verdict.PASS


def test_the_hash_sees_every_change() -> None:
    looser = A.model_copy(
        update={"gates": {"a": GateEntry(version="1", threshold=HIGH.model_copy(update={"review": 0.51}))}}
    )
    without = gate_set(b=GateEntry(version="1"))
    bounded = gate_set(a=GateEntry(version="1", threshold=HIGH, findings={"x": LOW}))
    assert len({A.sha256, looser.sha256, without.sha256, bounded.sha256}) == 4
    assert A.sha256 == GateSet.model_validate(A.model_dump()).sha256


def test_the_standard_set_states_a_reason_for_each_number() -> None:
    standard = load_gate_set()
    assert {"technical", "label", "mark"} <= set(standard.required())
    bounds = [entry.threshold for entry in standard.gates.values() if entry.threshold] + [
        bound for entry in standard.gates.values() for bound in entry.findings.values()
    ]
    assert len(bounds) > 10
    assert all(bound.unit and len(bound.reason) >= 20 for bound in bounds)


def test_a_broken_gate_set_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "GATE_SETS", tmp_path)
    (tmp_path / "odd.yaml").write_text("name: odd\ngates: {a: {version: '1', treshold: 3}}\n")
    for name in ("odd", "none"):
        with pytest.raises(GateSetError) as caught:
            load_gate_set(name)
        assert caught.value.where == f"{name}.yaml"
