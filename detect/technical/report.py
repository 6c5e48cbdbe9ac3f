"""Collects findings, each against its bound in the gate set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.gates import Threshold, load_gate_set
from core.models import Finding, Span
from detect.models import Subject

Spans = list[tuple[float, float]]


class Report:
    """Collects findings, each against its bound in the gate set."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.analysing = subject.brief is None
        self.findings: list[Finding] = []
        self.measures: dict[str, float | None] = {}
        self._bounds = (subject.gate_set or load_gate_set()).gates["technical"].findings

    def bound(self, code: str) -> Threshold:
        return self._bounds[code]

    def add(
        self,
        code: str,
        message: str,
        spans: Spans,
        *,
        score: float | None = None,
        source: Literal["picture", "sound", "file"] = "picture",
        hint: str = "",
        citation: str = "",
        note: bool = False,
        track: int | None = None,
    ) -> None:
        bound = self._bounds.get(code)
        severity: Literal["note", "review", "block"] = "note" if note else "review"
        if not note and bound is not None and score is not None and bound.verdict(score) == "block":
            severity = "block"
        self.findings.append(
            Finding(
                code=code,
                severity=severity,
                message=message,
                spans=tuple(Span(source=source, t0=t0, t1=t1, track=track) for t0, t1 in spans),
                score=score,
                threshold=bound.review if bound else None,
                unit=bound.unit if bound else "",
                hint=hint,
                citation=citation,
            )
        )

    def value(
        self,
        code: str,
        value: float,
        message: Callable[[float], str],
        *,
        spans: Spans | None = None,
        source: Literal["picture", "sound", "file"] = "picture",
        hint: str = "",
        citation: str = "",
        note: bool = False,
    ) -> None:
        """One number for the whole file."""
        self.measures[code] = finite(value)
        if self.bound(code).verdict(value) != "pass":
            self.add(
                code,
                message(value),
                spans or [],
                score=value,
                source=source,
                hint=hint,
                citation=citation,
                note=note,
            )

    def spans(
        self,
        code: str,
        spans: Spans,
        message: Callable[[float], str],
        *,
        source: Literal["picture", "sound", "file"] = "picture",
        hint: str = "",
    ) -> None:
        """Spans that last: the bound is on the seconds of each."""
        long = [(t0, t1) for t0, t1 in spans if self.bound(code).verdict(t1 - t0) != "pass"]
        self.measures[code] = max((t1 - t0 for t0, t1 in spans), default=0.0)
        if long:
            longest = max(t1 - t0 for t0, t1 in long)
            self.add(code, message(longest), long, score=longest, source=source, hint=hint)

    def moments(
        self,
        code: str,
        times: NDArray[np.float64],
        values: NDArray[np.floating[Any]],
        message: Callable[[int], str],
        *,
        hint: str = "",
        note: bool = False,
    ) -> None:
        """Moments: the bound is on the value of each frame."""
        worst = float(values.max(initial=0.0))
        self.measures[code] = worst
        over = np.flatnonzero(values >= self.bound(code).review)
        if len(over):
            spans = [
                (float(times[max(0, i - 1)]), float(times[min(i + 1, len(times) - 1)])) for i in over[:50]
            ]
            self.add(code, message(len(over)), spans, score=worst, hint=hint, note=note)


def finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
