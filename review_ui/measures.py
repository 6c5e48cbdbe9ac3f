"""Gates in the words of a reviewer: what each is called, what its number means, where its bar lies, and the fixed scale
on which its curve is drawn.

Bars are the gate set's and the receipt's; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.models import Receipt
from core.gates import GateSet, Threshold
from core.models import Verdict

Points = Sequence[tuple[float, float]]

MOST_POINTS = 360
"""Of a curve that are sent to a page: a lane has about as many columns."""


@dataclass(frozen=True)
class Curve:
    """What a gate's curve shows.

    Attributes:
        says: the measure.
        top: the upper end of its scale, which begins at 0; values beyond are drawn at the edge.
        barred: the gate's bar is one of this measure, and not of another that the gate makes of it.
    """

    says: str
    top: float = 1.0
    barred: bool = True


@dataclass(frozen=True)
class Words:
    """A gate as a reviewer knows it. ``score``: what its number says; ``percent``: it is a share or a chance."""

    name: str
    score: str
    percent: bool = False
    curve: Curve | None = None


GATES: dict[str, Words] = {
    "technical": Words(
        "Technical quality",
        "kinds of fault",
        curve=Curve("movement of the picture, the least in the second", top=5.0, barred=False),
    ),
    "label": Words(
        "Visible label", "how legible it is at its worst", True, Curve("how legible the label is")
    ),
    "mark": Words("Invisible mark", "chance that the reading is an accident"),
    "one_face": Words(
        "One face in view", "time without the face", True, Curve("share of the second without the face")
    ),
    "face_identity": Words(
        "Face is the persona's",
        "distance to the persona's face",
        curve=Curve("distance to the persona's face"),
    ),
    "voice_identity": Words(
        "Voice is the persona's",
        "likeness to the persona's voice",
        True,
        Curve("likeness to the persona's voice"),
    ),
    "transcript": Words("Words of the script", "words of the script that were not heard", True),
    "artifact_quality": Words(
        "Picture faults", "chance of a visible defect", True, Curve("chance of a visible defect")
    ),
    "authenticity": Words(
        "Machine-made or altered",
        "chance that it is",
        True,
        Curve("chance that it was made or altered by machine"),
    ),
    "lip_sync": Words(
        "Lips fit the sound",
        "certainty of the offset between them",
        True,
        Curve("how clearly lips and sound fit together", top=10.0, barred=False),
    ),
}


def words_of(gate: str) -> Words:
    """Also for a gate of an older set, under its own name."""
    return GATES.get(gate) or Words(gate.replace("_", " ").capitalize(), "score", curve=Curve("score"))


@dataclass(frozen=True)
class Measured:
    """One gate's receipt as the page shows it.

    Attributes:
        verdict: what counted; None where the gate is for information alone.
        number: the score in words with its unit of thought; "" where there is none.
        bar: where a person has to look, and where it blocks, in words; "" where its findings decide.
        why: why it did not pass, in a sentence; "" where it passed, or its findings say so themselves.
    """

    gate: str
    name: str
    verdict: Verdict | None
    abstained: bool
    number: str
    bar: str
    why: str


def measured(receipt: Receipt, gate_set: GateSet) -> Measured:
    """What the page says of a receipt."""
    result, words = receipt.decision.result, words_of(receipt.gate)
    entry = gate_set.gates.get(receipt.gate)
    bound = _bound(receipt, gate_set)
    informs = entry is not None and entry.informational
    number = "" if result.score is None else f"{words.score}: {_shown(result.score, words.percent)}"
    found = any(finding.severity != "note" for finding in result.findings)
    why = ""
    if result.abstained:
        why = f"It could not measure: {result.reason or 'no reason was given'}. So a person has to look."
    elif bound is not None and result.score is not None and bound.verdict(result.score) is not Verdict.PASS:
        side = "more" if bound.direction == "high_is_bad" else "less"
        why = f"{_capital(number)}, and a person looks at {_shown(bound.review, words.percent)} and {side}."
    within = bound is not None and result.score is not None and not why
    # Else a mismatch stands beside a number that is as it should be, and nobody knows why.
    aside = " (within it: what was found is the reason)" if within and found else ""
    if not why and receipt.verdict is not Verdict.PASS and not found:
        why = result.reason or f"It decided '{receipt.verdict.value}' and gave no reason."
    return Measured(
        receipt.gate,
        words.name,
        None if informs else receipt.verdict,
        result.abstained,
        number,
        "" if informs else _bar(bound, percent=words.percent) + aside,
        why,
    )


def curve_of(receipt: Receipt, gate_set: GateSet) -> dict[str, Any] | None:
    """The lane of a gate: points on a fixed scale, its bar where it has one, and the same in words; None without."""
    points: Points = receipt.decision.result.curve
    words = words_of(receipt.gate)
    if len(points) < 2 or words.curve is None:
        return None
    bound = _bound(receipt, gate_set) if words.curve.barred else None
    beyond = [t for t, value in points if bound is not None and bound.verdict(value) is not Verdict.PASS]
    return {
        "gate": receipt.gate,
        "name": words.name,
        "says": words.curve.says,
        "top": words.curve.top,
        "bar": bound.review if bound is not None else None,
        "bad": bound.direction.removesuffix("_is_bad") if bound is not None else None,
        "points": drawn(points),
        "words": _told(points, words, beyond, barred=bound is not None),
    }


def drawn(points: Points) -> Points:
    """What is drawn of a curve: all of a short one; of a long one the lowest and the highest in each of many parts, so
    that no peak is lost. Rounded to what a lane can show."""
    if len(points) > MOST_POINTS:
        step = 2 * len(points) / MOST_POINTS
        parts = [points[round(n * step) : round((n + 1) * step)] for n in range(MOST_POINTS // 2)]
        ends = [(min(part, key=_height), max(part, key=_height)) for part in parts if part]
        points = [point for pair in ends for point in sorted(set(pair))]
    return [(round(t, 2), round(value, 4)) for t, value in points]


def _height(point: tuple[float, float]) -> float:
    return point[1]


def _told(points: Points, words: Words, beyond: Sequence[float], *, barred: bool) -> str:
    values = [value for _, value in points]
    low, high = (_shown(end, words.percent and barred) for end in (min(values), max(values)))
    said = f"{words.curve.says if words.curve else ''}: from {low} to {high}"
    if not barred:
        return f"{said}. No bar lies on this curve."
    if not beyond:
        return f"{said}, never beyond the bar."
    shown = ", ".join(f"{t:.1f}" for t in beyond[:8]) + (" and later" if len(beyond) > 8 else "")
    return f"{said}, beyond the bar at {shown} s."


def _bound(receipt: Receipt, gate_set: GateSet) -> Threshold | None:
    """The gate's bar where today's gate set is the one that it was held to: an older bar has no side to name."""
    entry = gate_set.gates.get(receipt.gate)
    if entry is None or entry.threshold is None or entry.threshold.review != receipt.decision.threshold:
        return None
    return entry.threshold


def _bar(bound: Threshold | None, *, percent: bool) -> str:
    if bound is None:
        return ""
    side = "more" if bound.direction == "high_is_bad" else "less"
    said = f"a person looks at {_shown(bound.review, percent)} and {side}"
    return said if bound.block is None else f"{said}, blocked at {_shown(bound.block, percent)} and {side}"


def _shown(value: float, percent: bool) -> str:
    if not percent:
        return f"{value:.2g}"
    whole = 100 * value
    return f"{whole:.0f} %" if whole >= 1 or whole == 0 else "under 1 %"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
