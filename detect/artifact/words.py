"""Findings in words: what a defect looks like, where, from when to when."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.models import Finding, Span
from detect.artifact import geometry as g
from detect.artifact.windows import Windows


@dataclass(frozen=True)
class Kind:
    """A kind of defect: its reason code, a sentence, where it lies, and what the maker can do."""

    code: str
    sentence: str
    region: tuple[int, ...]
    hint: str


KINDS: dict[str, Kind] = {
    "seam": Kind(
        "seam_visible",
        "an edge shows where the face was pasted",
        g.LOWER_FACE,
        "render again with a wider feather, or with a reference in calmer light",
    ),
    "blur": Kind(
        "mouth_blur",
        "the mouth is smoother than the eyes",
        g.LIPS,
        "use a sharper reference, or one with more of the sounds of this script",
    ),
    "doubled_teeth": Kind(
        "doubled_teeth",
        "teeth or lips are seen twice",
        g.LIPS,
        "render again: two mouth pictures were dissolved into one another",
    ),
    "colour_jump": Kind(
        "colour_jump",
        "the face changes its colour at once",
        g.OVAL,
        "use a reference in even light",
    ),
    "jitter": Kind(
        "landmark_jitter",
        "the face trembles",
        g.OVAL,
        "render again; if it stays, the reference moves too much",
    ),
    "freeze": Kind(
        "frozen_face",
        "the face stands still while the voice speaks",
        g.OVAL,
        "render again: frames are missing",
    ),
    "identity_swap": Kind(
        "face_changes",
        "the face looks like another one",
        g.OVAL,
        "render again with one reference of one person",
    ),
    "warped_jaw": Kind(
        "warped_jaw",
        "the jaw is bent out of shape",
        g.JAW,
        "use a reference with a calmer head",
    ),
}


def runs(flags: NDArray[np.bool_], starts: NDArray[np.float64], ends: NDArray[np.float64]) -> list[slice]:
    """Stretches of flagged windows; gaps of one window are bridged."""
    at = np.flatnonzero(flags)
    if len(at) == 0:
        return []
    breaks = [i + 1 for i, (a, b) in enumerate(pairwise(at)) if b - a > 2 or starts[b] > ends[a] + 0.3]
    return [slice(int(part[0]), int(part[-1]) + 1) for part in np.split(at, breaks)]


def findings(
    windows: Windows,
    *,
    score: NDArray[np.float64],
    kinds: NDArray[np.float64],
    names: tuple[str, ...],
    bound: float,
    regions: NDArray[np.float32],
) -> tuple[Finding, ...]:
    """One finding a stretch of windows whose score reaches ``bound``.

    Args:
        score: (w,) probability of any defect.
        kinds: (w, k) probability of each kind; ``names`` (k,) are keys of :data:`KINDS`.
        regions: (w, 3, 4) boxes of face, lower face and mouth (:data:`BOXES`) in fractions of the frame.
    """
    out = []
    for run in runs(score >= bound, windows.start, windows.end):
        mean = kinds[run].mean(axis=0)
        name = names[int(np.argmax(mean))]
        kind = KINDS[name]
        t0, t1 = float(windows.start[run.start]), float(windows.end[run.stop - 1])
        box = regions[run.start + (run.stop - run.start) // 2, REGION_ROWS[name]]
        out.append(
            Finding(
                code=kind.code,
                severity="review",  # it is there only where the score reached the bound; a note would be hidden
                message=f"{kind.sentence}, {t0:.1f}-{t1:.1f} s".capitalize() + ".",
                spans=(Span(source="picture", t0=round(t0, 2), t1=round(t1, 2), region=_four(box)),),
                score=round(float(score[run].max()), 4),
                threshold=bound,
                unit="probability of a visible defect",
                hint=kind.hint,
            )
        )
    return tuple(out)


# Which of the three boxes of a window (face, lower face, mouth) a kind points at.
BOXES: tuple[tuple[int, ...], ...] = (g.OVAL, g.LOWER_FACE, g.LIPS)
REGION_ROWS = {
    name: 2 if kind.region is g.LIPS else 1 if kind.region in (g.LOWER_FACE, g.JAW) else 0
    for name, kind in KINDS.items()
}


def _four(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    x, y, w, h = (round(float(v), 4) for v in box)
    return x, y, w, h
