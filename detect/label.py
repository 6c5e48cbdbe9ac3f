"""The visible label: on screen whenever the territory asks, and legible in the decoded picture (trust step 8)."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from core.gates import load_gate_set
from core.labels import LabelProfile, label_legibility, label_on, load_label_profile
from core.media.models import Frame, Presentation
from core.models import Brief, Finding, GateResult, Span
from core.perception.models import Face
from detect.errors import Abstain
from detect.models import Subject
from detect.spans import joined, runs

WINDOW = 5  # frames of the running median: one odd frame is no missing label, a fifth of a second is


class LabelGate:
    """Gate ``label``. Score: legibility of the due label, 0..1, in its worst fifth of a second.

    Looks for exactly the label that step 5 draws: a label that someone else put elsewhere does not count.
    """

    name = "label"
    version = "1"

    def __init__(self) -> None:
        self._profile: LabelProfile | None = None
        self._duration = 0.0
        self._times = array("d")
        self._legibility = array("d")

    def begin(self, info: Presentation, brief: Brief | None) -> None:
        self._profile = load_label_profile(brief.label_profile) if brief is not None else None
        self._duration = float(info.video.end)

    def see(self, frame: Frame, face: Face | None) -> None:
        time = float(frame.time)
        if self._profile is not None and label_on(self._profile, time, self._duration):
            self._times.append(time)
            self._legibility.append(label_legibility(frame.image, self._profile, time, self._duration))

    def result(self, subject: Subject) -> GateResult:
        if self._profile is None:
            raise Abstain("no territory is known, so no label was looked for")
        if not self._times:
            raise Abstain("no picture was seen")
        times = np.frombuffer(self._times, np.float64)
        legibility = _running_median(np.frombuffer(self._legibility, np.float64))
        worst = float(legibility.min())
        return GateResult(
            gate=self.name,
            version=self.version,
            score=worst,
            unit="legibility",
            reason=f"the label '{self._profile.text}' has a legibility of at least {worst:.2f}",
            findings=tuple(self._findings(subject, times, legibility)),
            curve=_by_second(times, legibility),
            measures={"label_profile": self._profile.name, "median": float(np.median(legibility))},
        )

    def _findings(
        self, subject: Subject, times: NDArray[np.float64], legibility: NDArray[np.float64]
    ) -> list[Finding]:
        threshold = subject.threshold(self.name) or load_gate_set().gates[self.name].threshold
        assert threshold is not None and self._profile is not None
        missing = legibility <= (threshold.block if threshold.block is not None else threshold.review)
        faint = (legibility <= threshold.review) & ~missing
        end = self._duration
        findings = []
        for code, flags, words in (
            ("label_missing", missing, "is not in the picture"),
            ("label_illegible", faint, "cannot be read well"),
        ):
            spans = joined(runs(times, flags, end), gap=0.5)
            if spans:
                findings.append(
                    Finding(
                        code=code,
                        severity="block" if code == "label_missing" else "review",
                        message=f"The label '{self._profile.text}' {words} for {sum(b - a for a, b in spans):.1f} s.",
                        spans=tuple(Span(source="picture", t0=a, t1=b) for a, b in spans),
                        score=float(legibility[flags].min()),
                        threshold=threshold.review,
                        unit=threshold.unit,
                        hint="Render again; nothing may cover the label, and nobody may crop it away.",
                        citation=self._profile.source,
                    )
                )
        return findings


def _running_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(values) < WINDOW:
        return np.full(len(values), np.median(values))
    padded = np.pad(values, WINDOW // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    return np.asarray(np.median(windows, axis=1), np.float64)


def _by_second(times: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    seconds = np.floor(times).astype(int)
    starts = np.flatnonzero(np.diff(seconds, prepend=seconds[0] - 1))
    return tuple(
        (float(seconds[i]), float(worst))
        for i, worst in zip(starts, np.minimum.reduceat(values, starts), strict=True)
    )
