"""Is it the persona's face, and the persona's voice, in every second (trust step 8)?

Both compare with references of the persona that onboarding examined. The score is that of the worst stretch, so that
one second of somebody else counts as much as a whole video of them. Templates measured here are dropped with the gate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from core.gates import Threshold
from core.media.heard import Listening
from core.media.models import Frame
from core.models import Finding, GateResult, Span, Verdict
from core.perception.embed import WINDOW_SECONDS, face_embedding, voice_windows
from core.perception.models import Face
from core.weights import weight_digests
from detect.channels import WHERE
from detect.errors import Abstain, too_short
from detect.models import Subject
from detect.spans import joined

Array = NDArray[np.float64]

FACE_STEP = 0.5  # seconds between looks: two in any second; one costs about 0.1 s of processor time
STRETCH = 1.0  # seconds of face that are judged together
NEAREST = 3  # references that a look is compared with: the pose of a look is near some of them only
VOICE_STEP = 0.4
SHORTEST_VOICE = 0.5  # seconds, as the embedder has it
VOICE_STRETCH = 6  # windows of 1.6 s, 0.4 s apart: about 3.6 s of voice


class FaceIdentityGate:
    """Gate ``face_identity``. Score: dlib distance to the persona's references in the worst second, 0..about 1.2."""

    name = "face_identity"
    version = "2"

    def __init__(self) -> None:
        self._times: list[float] = []
        self._embeddings: list[NDArray[np.float32]] = []

    def see(self, frame: Frame, face: Face | None) -> None:
        time = float(frame.time)
        if face is None or (self._times and time < self._times[-1] + FACE_STEP - 1e-3):
            return
        try:
            embedding = face_embedding(frame.image, face.landmarks)
        except ValueError:
            return  # the face has left the picture
        self._times.append(time)
        self._embeddings.append(embedding)

    def result(self, subject: Subject) -> GateResult:
        """Raises Abstain without references or without a face."""
        references = subject.brief.persona.faces if subject.brief and subject.brief.persona else None
        if references is None or len(references) == 0:
            raise Abstain("the persona has no reference of the face")
        video = subject.info.video
        if len(self._times) < 2 and float(video.duration) < STRETCH:
            raise too_short(float(video.duration), f"face identity needs {STRETCH:g} s with a face in view")
        if not self._times:
            raise Abstain("no face is seen")
        times = np.array(self._times)
        distances = face_distances(np.stack(self._embeddings), np.asarray(references, np.float32))
        starts, stretches = worst_seconds(times, distances)
        worst = float(stretches.max())
        median = float(np.median(distances))
        threshold = subject.threshold(self.name)
        findings = []
        if threshold is not None and threshold.verdict(worst) is not Verdict.PASS:
            beyond = stretches >= threshold.review
            end = float(video.end)
            spans = joined(
                [(float(t), max(float(t), min(float(t) + STRETCH, end))) for t in starts[beyond]], 0.5
            )
            whole = median >= threshold.review
            findings.append(
                Finding(
                    code="another_face" if whole else "face_changes",
                    severity="block" if threshold.verdict(worst) is Verdict.BLOCK else "review",
                    message="The face is not the persona's."
                    if whole
                    else "For a while the face is not like the persona's.",
                    spans=tuple(Span(source="picture", t0=t0, t1=t1) for t0, t1 in spans),
                    score=worst,
                    threshold=threshold.review,
                    unit=threshold.unit,
                    hint="Check the reference that was used, and these seconds.",
                )
            )
        return GateResult(
            gate=self.name,
            version=self.version,
            score=worst,
            unit="dlib distance, worst second",
            reason=f"median distance {median:.2f}, worst second {worst:.2f}",
            findings=tuple(findings),
            curve=tuple((float(t), float(d)) for t, d in zip(times, distances, strict=True)),
            measures={"median": median, "worst_at_s": float(starts[stretches.argmax()]), "looks": len(times)},
            models=weight_digests("dlib-face-embedder"),
        )


class VoiceIdentityGate:
    """Gate ``voice_identity``. Score: GE2E similarity to the persona's voice in the worst stretch, -1..1.

    The worst over the main ear and over what other ears say that it does not.
    """

    name = "voice_identity"
    version = "2"

    def see(self, frame: Frame, face: Face | None) -> None:
        """Only the sound counts here."""

    def result(self, subject: Subject) -> GateResult:
        """Raises Abstain without references, without sound, or with less than half a second of voice."""
        references = subject.brief.persona.voices if subject.brief and subject.brief.persona else None
        if references is None or len(references) == 0:
            raise Abstain("the persona has no reference of the voice")
        references = np.asarray(references, np.float32)
        seconds = subject.main.seconds
        if seconds < SHORTEST_VOICE:
            raise Abstain(
                f"the clip is too short: {seconds:.1f} s of sound, half a second of voice is needed"
            )
        voices = [_Voice.of(subject.main, references, "The")]
        for span in subject.other_speech():
            if (
                span.t1 - span.t0 >= WINDOW_SECONDS
            ):  # a shorter one would be looped, and is another voice by that
                voices.append(_Voice.of(span.sound, references, f"{WHERE[span.ear]} the", span.t0))
        measured = [voice for voice in voices if voice is not None]
        if not measured:
            raise Abstain("less than half a second of voice is heard")
        worst = min(measured, key=lambda voice: voice.worst)
        threshold = subject.threshold(self.name)
        findings = (
            [] if threshold is None else [f for v in measured if (f := v.finding(threshold)) is not None]
        )
        first = measured[0]
        return GateResult(
            gate=self.name,
            version=self.version,
            score=worst.worst,
            unit="GE2E similarity, worst stretch",
            reason=f"similarity {first.whole:.2f} over all, {worst.worst:.2f} in the worst stretch",
            findings=tuple(findings),
            curve=tuple((float(t), float(s)) for t, s in zip(first.at, first.similarities, strict=True)),
            measures={"whole": first.whole, "windows": first.windows, "other_voices": len(measured) - 1},
            models=weight_digests("resemblyzer-ge2e"),
        )


@dataclass(frozen=True)
class _Voice:
    """One ear's likeness to the persona's voice over time."""

    who: str
    at: Array
    similarities: Array
    whole: float
    windows: int

    @classmethod
    def of(
        cls, sound: Listening, references: NDArray[np.float32], who: str, offset: float = 0.0
    ) -> _Voice | None:
        times, windows = voice_windows(sound, VOICE_STEP)
        if len(times) == 0:
            return None
        at, similarities = voice_similarities(times + offset, windows, references)
        mean = windows.mean(axis=0)
        whole = float((references @ (mean / np.linalg.norm(mean))).max())
        return cls(who, at, similarities, whole, len(windows))

    @property
    def worst(self) -> float:
        return float(self.similarities.min())

    def finding(self, threshold: Threshold) -> Finding | None:
        if threshold.verdict(self.worst) is Verdict.PASS:
            return None
        half = VOICE_STRETCH * VOICE_STEP / 2
        beyond = self.at[self.similarities <= threshold.review]
        spans = joined([(max(0.0, float(t) - half), float(t) + half) for t in beyond], 0.5)
        other = self.whole <= threshold.review
        return Finding(
            code="another_voice" if other else "voice_changes",
            severity="block" if threshold.verdict(self.worst) is Verdict.BLOCK else "review",
            message=f"{self.who} voice is not like the persona's."
            if other
            else f"{self.who} voice is for a while not like the persona's.",
            spans=tuple(Span(source="sound", t0=t0, t1=t1) for t0, t1 in spans),
            score=self.worst,
            threshold=threshold.review,
            unit=threshold.unit,
            hint="Listen to these seconds; music or noise under the voice can do this too.",
        )


def face_distances(embeddings: NDArray[np.float32], references: NDArray[np.float32]) -> Array:
    """float64 (n,): for each look the mean distance to its nearest references. (n, 128) against (m, 128)."""
    every = cdist(embeddings, references)
    return np.asarray(np.sort(every, axis=1)[:, :NEAREST].mean(axis=1), dtype=np.float64)


def worst_seconds(times: Array, distances: Array) -> tuple[Array, Array]:
    """Start and mean distance of each stretch of a second that begins with a look and has two at least."""
    starts, means = [], []
    for i, start in enumerate(times):
        inside = distances[i : int(np.searchsorted(times, start + STRETCH))]
        if len(inside) >= 2:
            starts.append(start)
            means.append(inside.mean())
    if not starts:  # a clip shorter than a second, or single sightings
        return times[:1], np.array([distances.mean()])
    return np.array(starts), np.array(means)


def voice_similarities(
    times: Array, windows: NDArray[np.float32], references: NDArray[np.float32]
) -> tuple[Array, Array]:
    """Middle, and best similarity to a reference, of each stretch of VOICE_STRETCH windows (or of all, if fewer)."""
    size = min(VOICE_STRETCH, len(windows))
    stretches = np.lib.stride_tricks.sliding_window_view(windows, size, axis=0).mean(axis=2)
    stretches = stretches / np.linalg.norm(stretches, axis=1, keepdims=True)
    middles = np.lib.stride_tricks.sliding_window_view(times, size).mean(axis=1)
    return middles, np.asarray((stretches @ references.T).max(axis=1), dtype=np.float64)
