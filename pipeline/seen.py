"""Trust step 11: what a player's report of played seconds makes of a decision: ``seen`` or ``decided``.

Numbers in, an answer out; nothing is read or stored here. A report says that a player played these seconds in front of
an account that was signed in. It does not say that a person watched.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from core.models import Finding

Range = tuple[float, float]
Manner = Literal["seen", "decided"]

SHARE = 0.95
"""Of the video's seconds, at least, for ``seen``; and every second with a finding."""

SLACK = 0.1
"""Seconds that may be missing from a played second: players tell their time a few times a second."""


def merge(ranges: Iterable[Range]) -> list[Range]:
    """The ranges in order, joined where they meet. What is no range (not finite, empty, backwards) is left out."""
    merged: list[Range] = []
    usable = (one for one in ranges if all(math.isfinite(end) for end in one) and one[0] < one[1])
    for start, end in sorted(usable):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def seconds_seen(ranges: Iterable[Range], duration: float) -> set[int]:
    """The seconds that were played: second 3 is from 3.0 to 4.0, the last one ends with the video."""
    played = merge(ranges)
    seen = set()
    for second in range(_count(duration)):
        end = min(second + 1, duration)
        length = end - second
        inside = sum(max(0.0, min(end, t1) - max(second, t0)) for t0, t1 in played)
        if inside >= max(length - SLACK, length / 2):
            seen.add(second)
    return seen


def seconds_of(spans: Iterable[Range], duration: float) -> set[int]:
    """The seconds that the spans touch. One beyond the end touches the last second: nothing is lost by rounding."""
    last = _count(duration) - 1
    touched: set[int] = set()
    for start, end in spans:
        if last < 0 or not (math.isfinite(start) and math.isfinite(end)):
            continue
        first = min(max(0, math.floor(start)), last)
        touched |= set(range(first, min(max(first, math.ceil(end) - 1), last) + 1))
    return touched


def spans_of(findings: Iterable[Finding]) -> list[Range]:
    """The seconds that findings point at. One about the whole file or about the script points at none."""
    return [
        (span.t0, span.t0 if span.t1 is None else span.t1)
        for finding in findings
        for span in finding.spans
        if span.t0 is not None
    ]


def manner_of(
    ranges: Iterable[Range], duration: float | None, spans: Iterable[Range]
) -> tuple[Manner, list[Range]]:
    """``seen`` or ``decided``, and the seconds that are missing for ``seen`` (empty when it is).

    Args:
        ranges: seconds that the player reported as played.
        duration: of the video; without one nothing counts as seen.
        spans: seconds of the findings (:func:`spans_of`).
    """
    total = _count(duration)
    if duration is None or total == 0:
        return "decided", []
    seen = seconds_seen(ranges, duration)
    missing = seconds_of(spans, duration) - seen
    if len(seen) < SHARE * total:
        missing = set(range(total)) - seen
    if missing:
        return "decided", merge((second, min(second + 1, duration)) for second in missing)
    return "seen", []


def _count(duration: float | None) -> int:
    return math.ceil(duration) if duration is not None and math.isfinite(duration) and duration > 0 else 0
