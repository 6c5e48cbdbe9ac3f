"""The gate `artifact_quality`: would a careful viewer see a defect in this picture? (trust step 8)

It looks at the face in an aligned crop: regions against each other (mouth against eyes, chin against forehead), edges
along the curves that engines paste with, geometry and colour against the clip's own seconds before and after, and
whether anything moves while the voice speaks. Boosted trees turn half a second of that into a probability for each
kind of defect. It does not ask whether the clip was made by a machine: that is ``authenticity``.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from core.gates import load_gate_set
from core.media.heard import RATE, Listening
from core.media.models import Frame
from core.models import GateResult
from core.perception.models import Face
from core.rows import Rows
from core.weights import WeightsError, weight_digests, weight_file
from detect.artifact import geometry as g
from detect.artifact.regions import NAMES, FrameMeasures
from detect.artifact.trees import Trees
from detect.artifact.windows import (
    KEPT,
    MEASURE_SECONDS,
    OFF,
    Windows,
    colour_departure,
    in_parts,
    joined,
    kept_points,
)
from detect.artifact.words import BOXES, findings
from detect.errors import Abstain, too_short
from detect.models import Subject

NAME = "artifact_quality"
TREES = "artifact-quality-trees"
UNIT = "probability of a visible defect"
SMALLEST_D = 26.0  # pixels between the outer eye corners: a face of about 50 px; below it nothing can be said
FRAME_SECONDS = 1 / 31  # landmarks are kept at most this often
SPEECH_BLOCK = 0.03  # seconds
# Colour departures (windows.colour_departure) become a score, 0.5 at 1.4 and 0.85 at 1.5. Of 44 clean real clips one
# lies above 1.5; clean copies of the sample presenter stay below 0.4.
DEPARTURE, DEPARTURE_WIDTH = 1.4, 0.06
SMOOTH = 2  # windows that a score is averaged over: .72 s
SHORTEST = 0.5  # seconds: one window, of six measured frames
AT_ONCE = 4096  # windows, or blocks of sound, that are worked on at a time


class QualityGate:
    """Watches the frames, then answers. About 2 KB a frame are kept on disk, 30 bytes in memory."""

    name = NAME
    version = "2"

    def __init__(self) -> None:
        self._measure = FrameMeasures()
        self._times = array("d")
        self._measures = Rows((len(NAMES),))
        self._boxes = Rows((len(BOXES), 4))
        self._frame_times = array("d")
        self._points = Rows((len(KEPT) + 1, 2))
        self._small = 0

    def see(self, frame: Frame, face: Face | None) -> None:
        """One frame; about 3 ms at 720p on one core, averaged over all frames."""
        if face is None:
            return
        time = float(frame.time)
        if self._frame_times and time - self._frame_times[-1] < FRAME_SECONDS:
            return
        if g.eye_distance(face.landmarks) < SMALLEST_D:
            self._small += 1
            return
        self._frame_times.append(time)
        self._points.append(kept_points(face.landmarks))
        if not self._times or time - self._times[-1] >= MEASURE_SECONDS:
            height, width = frame.image.shape[:2]
            self._times.append(time)
            self._measures.append(self._measure.measure(frame.image, face.landmarks))
            self._boxes.append(
                np.array(
                    [g.box_region(face.landmarks[list(index), :2], width, height) for index in BOXES],
                    np.float32,
                )
            )

    def result(self, subject: Subject) -> GateResult:
        """Score: the worst .7 s of the clip. Abstains without a face that is large enough, or without weights."""
        trees = _load_trees()
        seen, probability = self._looked_at(trees, subject)
        kinds, score = self._score(seen, probability, trees, subject)
        worst = float(score.max())
        threshold = load_gate_set().gates[NAME].threshold
        bound = threshold.review if threshold is not None else 1.0
        boxes = self._boxes_at(seen)
        found = findings(seen, score=score, kinds=kinds, names=trees.classes[1:], bound=bound, regions=boxes)
        return GateResult(
            gate=self.name,
            version=self.version,
            score=round(worst, 5),
            unit=UNIT,
            reason="; ".join(finding.message.rstrip(".") for finding in found),
            findings=found,
            curve=tuple(
                (round(float((a + b) / 2), 2), round(float(s), 4))
                for a, b, s in zip(seen.start, seen.end, score, strict=True)
            ),
            measures={
                "kinds": {k: round(float(v), 4) for k, v in zip(trees.classes[1:], kinds.max(0), strict=True)}
            },
            models=weight_digests(TREES),
        )

    def _looked_at(self, trees: Trees, subject: Subject) -> tuple[Windows, NDArray[np.float64]]:
        """The windows, with the features that count after the trees, and what the trees say of each (w, classes)."""
        if not self._times:
            raise Abstain("the face is too small to judge" if self._small else "no face was found")
        parts, waiting, said = [], list[Windows](), []
        for part in in_parts(
            np.array(self._times), self._measures, np.array(self._frame_times), self._points
        ):
            parts.append(part.only(OFF))
            waiting.append(part)
            if sum(len(each.start) for each in waiting) >= AT_ONCE:
                said.append(trees.probabilities(joined(waiting).values))
                waiting.clear()
        if waiting:
            said.append(trees.probabilities(joined(waiting).values))
        if not parts:
            length = float(subject.info.video.duration)
            if length < SHORTEST:
                raise too_short(length, f"artifact quality needs {SHORTEST:g} s with a face in view")
            raise Abstain("a face was seen in too few frames to judge")
        return joined(parts), np.concatenate(said)

    def _score(
        self, seen: Windows, probability: NDArray[np.float64], trees: Trees, subject: Subject
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        kinds = probability[:, 1:].copy()
        # A face that rests while nobody speaks is no defect.
        sound: Listening = subject.ears[0] if subject.ears else np.zeros(0, np.float32)
        kinds[:, trees.classes.index("freeze") - 1] *= speaking(sound, seen) >= 0.4
        kinds = smooth(kinds, seen)
        # Trees that learned on restless clips miss a small step of colour in a calm one: a rule of its own sees it.
        departure = smooth(colour_departure(seen), seen)
        stands_out = 1 / (1 + np.exp(-(departure - DEPARTURE) / DEPARTURE_WIDTH))
        column = trees.classes.index("colour_jump") - 1
        score = np.maximum(kinds.sum(axis=1), stands_out)
        kinds[:, column] = np.maximum(kinds[:, column], stands_out * (kinds.sum(axis=1) < stands_out))
        return kinds, score

    def _boxes_at(self, seen: Windows) -> NDArray[np.float32]:
        middle = np.searchsorted(np.array(self._times), (seen.start + seen.end) / 2)
        rows: NDArray[np.float32] = self._boxes[:][np.minimum(middle, len(self._boxes) - 1)]
        return rows


def smooth(values: NDArray[np.float64], seen: Windows) -> NDArray[np.float64]:
    """Each window with its next neighbour in time, averaged: what lasts one window only is not a defect."""
    out = values.copy()
    near = np.flatnonzero(np.diff(seen.start) < 1.0)
    if len(near) == 0:
        return out
    out[near] = (values[near] + values[near + 1]) / SMOOTH
    alone = np.setdiff1d(np.arange(len(values)), near)
    alone = alone[np.isin(alone - 1, near)]
    out[alone] = out[alone - 1]  # the last of a stretch has no next one
    return out


def speaking(sound: Listening, seen: Windows) -> NDArray[np.float64]:
    """(w,) share of each window with speech-like energy: above -45 dBFS and 26 dB under the clip's loud blocks."""
    size = int(SPEECH_BLOCK * RATE)
    count = len(sound) // size
    if count == 0:
        return np.zeros(len(seen.start))
    level = np.empty(count)
    for start in range(0, count, AT_ONCE):
        part = sound[start * size : min(count, start + AT_ONCE) * size].reshape(-1, size)
        level[start : start + len(part)] = np.sqrt(np.mean(part.astype(np.float64) ** 2, axis=1))
    loud = (level > max(10 ** (-45 / 20), 0.05 * float(np.quantile(level, 0.95)))).astype(float)
    ends = np.concatenate([[0], np.cumsum(loud)])
    first = np.clip((seen.start / SPEECH_BLOCK).astype(int), 0, count)
    last = np.clip((seen.end / SPEECH_BLOCK).astype(int), 0, count)
    return np.asarray((ends[last] - ends[first]) / np.maximum(last - first, 1))


def _load_trees() -> Trees:
    try:
        return Trees.load(weight_file(TREES))
    except WeightsError as error:
        raise Abstain(f"its model may not run here: {error.what}") from error
