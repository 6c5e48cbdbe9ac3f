"""Why a person has to look is always said, each number stands beside its bar, and each curve on one scale."""

from __future__ import annotations

from html import unescape
from itertools import product
from typing import Any

import pytest

from core.gates import decide, load_gate_set
from core.models import Finding, GateResult, Span, Verdict
from review_ui.measures import GATES, MOST_POINTS, curve_of, drawn, measured
from tests.review_ui.test_pages import SHA, evidence_for, render_html, row

GATE_SET = load_gate_set()


class Receipted:
    """A receipt of a gate's real decision."""

    def __init__(self, gate: str, **result: Any):
        entry = GATE_SET.gates[gate]
        values = {"score": None, "unit": "", "version": entry.version, **result}
        self.gate = gate
        self.decision = decide(GateResult(gate=gate, **values), GATE_SET)
        self.verdict = self.decision.verdict


def page_of(state: str, receipts: list[Any], findings: list[Finding] = []) -> str:  # noqa: B006 - only read
    worst = Verdict.worst([one.verdict for one in receipts]) if receipts else None
    seen = row(state=state, seconds=10.0, verdict=worst, essence=SHA, gate_set_sha256=SHA, sealed_sha256=SHA)
    return unescape(render_html(seen, evidence_for(seen, receipts, findings)))


def whole(**others: Receipted) -> list[Any]:
    """A receipt of every required gate: a good one, unless another is given."""
    good = {"high_is_bad": 0.0, "low_is_bad": 1.0}
    made = []
    for gate in GATE_SET.required():
        bound = GATE_SET.gates[gate].threshold
        made.append(others.get(gate) or Receipted(gate, score=good[bound.direction] if bound else 0.0))
    return made


def test_every_gate_of_the_set_has_words():
    assert set(GATE_SET.gates) <= set(GATES)


@pytest.mark.parametrize("gate", GATE_SET.required())
def test_an_abstention_is_a_reason_to_look_and_says_itself(gate: str):
    receipts = whole(**{gate: Receipted(gate, abstained=True, reason="no face is seen for long enough")})
    text = page_of("in_review", receipts)
    assert "no face is seen for long enough. So a person has to look." in text
    assert GATES[gate].name in text and "Every gate passed" not in text


@pytest.mark.parametrize(
    ("gate", "score", "words"),
    [
        (
            "lip_sync",
            0.12,
            "Certainty of the offset between them: 12 %, and a person looks at 30 % and less.",
        ),
        ("artifact_quality", 0.9, "Chance of a visible defect: 90 %, and a person looks at 85 % and more."),
        ("face_identity", 0.55, "Distance to the persona's face: 0.55, and a person looks at 0.5 and more."),
    ],
)
def test_a_score_beyond_its_bar_says_which_and_how_far(gate: str, score: float, words: str):
    assert words in page_of("in_review", whole(**{gate: Receipted(gate, score=score)}))


def test_whatever_the_gates_said_a_flagged_video_never_says_that_nothing_was_found():
    finding = Finding(code="x", severity="review", message="It is late.", spans=(Span(t0=1.0),))
    for gate, (abstained, found) in product(GATE_SET.required(), product((True, False), ((), (finding,)))):
        odd = Receipted(gate, abstained=abstained, findings=found)
        if odd.verdict is Verdict.PASS:
            continue
        text = page_of("in_review", whole(**{gate: odd}), list(found))
        assert "Every gate passed" not in text and "<ol" in text, (gate, abstained, found)


def test_a_required_gate_without_a_receipt_is_named():
    receipts = [one for one in whole() if one.gate != "mark"]
    text = page_of("in_review", receipts)
    assert "This gate left no receipt" in text and "Invisible mark" in text


@pytest.mark.parametrize("state", ["rejected", "recalled", "failed", "blocked"])
def test_what_was_stopped_shows_no_green_pass(state: str):
    text = page_of(state, whole())
    assert "badge good" not in text and "gates found nothing" in text


def test_a_number_stands_beside_its_bar():
    told = measured(Receipted("label", score=0.9), GATE_SET)
    assert told.number == "how legible it is at its worst: 90 %"
    assert told.bar == "a person looks at 60 % and less, blocked at 30 % and less"


def test_a_number_within_its_bar_beside_a_flag_says_that_it_is_not_the_reason():
    late = Finding(code="lip_audio_mismatch", severity="review", message="The sound comes late.")
    told = measured(Receipted("lip_sync", score=0.64, findings=(late,)), GATE_SET)
    assert told.verdict is Verdict.REVIEW
    assert told.bar == "a person looks at 30 % and less (within it: what was found is the reason)"


def test_a_bar_of_another_gate_set_is_not_claimed():
    gates = dict(GATE_SET.gates)
    threshold = gates["label"].threshold.model_copy(update={"review": 0.7})
    gates["label"] = gates["label"].model_copy(update={"threshold": threshold})
    told = measured(Receipted("label", score=0.9), GATE_SET.model_copy(update={"gates": gates}))
    assert (told.bar, told.why) == ("", "")


def test_curves_of_two_videos_stand_on_one_scale_with_the_bar_drawn_and_in_words():
    low, high = (
        curve_of(Receipted("artifact_quality", score=0.1, curve=curve), GATE_SET)
        for curve in (((0.0, 0.1), (1.0, 0.2)), ((0.0, 0.1), (1.0, 0.9)))
    )
    assert (
        (low["top"], low["bar"], low["bad"]) == (high["top"], high["bar"], high["bad"]) == (1.0, 0.85, "high")
    )
    assert low["words"] == "chance of a visible defect: from 10 % to 20 %, never beyond the bar."
    assert high["words"] == "chance of a visible defect: from 10 % to 90 %, beyond the bar at 1.0 s."


def test_a_curve_of_another_measure_than_the_score_has_no_bar():
    curve = curve_of(Receipted("lip_sync", score=0.1, curve=((0.0, 6.9), (1.0, 7.2))), GATE_SET)
    assert curve["bar"] is None and "certainty" not in curve["words"]


def test_a_long_curve_is_drawn_with_few_points_and_every_peak():
    points = [(n * 0.04, 0.9 if n in (7, 7001) else 0.001 * (n % 50)) for n in range(15_000)]
    shown = drawn(points)
    assert len(shown) <= MOST_POINTS and [t for t, _ in shown] == sorted(t for t, _ in shown)
    assert [t for t, value in shown if value == 0.9] == [0.28, 280.04]
    assert drawn(points[:100]) == [(round(t, 2), round(value, 4)) for t, value in points[:100]]
