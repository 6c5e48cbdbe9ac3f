"""The gate ``lip_sync``: how far the sound is from the lips, how sure that is, and which seconds do not fit.

Score: confidence in 0..1 that lips and sound belong together within one frame (a logistic over how far the peak of
the similarity stands out and how high it is; fitted on windows of held-back folds, see the card). Low is bad.
Generators are well synced: this is a gate on quality, never a verdict that a clip is fake.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.gates import load_gate_set
from core.media.heard import Listening
from core.media.models import Frame
from core.models import Finding, GateResult, Span
from core.perception.models import Face
from core.perception.record import LandmarkRecorder
from core.rows import Sliced
from core.weights import weight_digests, weight_file
from detect.errors import Abstain, too_short
from detect.models import Subject
from detect.sync.features import RATE, RECORDED, SOUND_RATE, lip_features, mel_features, voiced
from detect.sync.model import SEARCH

Floats = NDArray[np.float32]

WEIGHTS = "sync"
_CHUNK = 25 * 60  # frames a forward pass: bounded memory for an hour of video
_MARGIN = 25  # frames of context on each side of a chunk
_LEAST_VOICED = 1.5  # seconds of voiced sound with a face; less says nothing
_LEAST_MOVEMENT = 0.05  # median lip spread in the features' units under which a mouth does not speak
_LOCAL = 2.0  # seconds of one local look


@dataclass(frozen=True)
class Sync:
    """One clip's answer. ``offset`` in rows of 40 ms, positive where the sound comes after the lips."""

    offset: int
    confidence: float
    clear: float
    height: float
    local: list[tuple[float, float]]  # (seconds, clearness of the same offset in the two seconds around)


def similarity(lips: Sliced, mels: Sliced, first_row: int, count: int) -> Floats:
    """(31, count) similarity of lips at row t with the sound d rows later, d from -15 to 15; a chunk at a time.

    The network does not see what lies before ``first_row``, where there is no picture: the similarity is 0 there.
    """
    import torch

    from detect.sync.model import similarities

    network = _network()
    whole = np.zeros((2 * SEARCH + 1, count), np.float32)
    with torch.no_grad():
        for start in range(first_row, count, _CHUNK):
            first, last = max(first_row, start - _MARGIN), min(count, start + _CHUNK + _MARGIN)
            seen, heard = network(
                torch.from_numpy(lips[first:last].T[None].copy()),
                torch.from_numpy(mels[4 * first : 4 * last].T[None].copy()),
            )
            found = similarities(seen, heard)[0].numpy()
            stop = min(count, start + _CHUNK)
            whole[:, start:stop] = found[:, start - first : stop - first]
    return whole


def measure(curve: Floats, use: NDArray[np.bool_]) -> Sync:
    """Offset and confidence from the similarities of the frames that count. ``use``: bool (n,), some of them true."""
    mean = curve[:, use].mean(axis=1)
    best = int(mean.argmax())
    features = confidence_features(mean, best, int(use.sum()))
    confidence = 1 / (1 + np.exp(-float(_weights()["confidence"] @ np.array(features, np.float32))))
    local = []
    half = int(_LOCAL * RATE / 2)
    for centre in range(half, max(half + 1, curve.shape[1] - half + 1), RATE // 2):
        near = slice(max(0, centre - half), centre + half)
        if use[near].sum() >= half:
            around = curve[:, near][:, use[near]].mean(axis=1)
            here = int(around[max(0, best - 1) : best + 2].argmax()) + max(0, best - 1)
            local.append((centre / RATE, clearness(around, here)))
    return Sync(best - SEARCH, float(confidence), features[1], features[2], local)


def confidence_features(mean: Floats, best: int, frames: int) -> tuple[float, float, float, float]:
    """(1, clearness, height, log frames) of a peak: what the confidence is a logistic of. It was fitted on windows of
    up to five seconds; more frames than that add no confidence of their own."""
    return 1.0, clearness(mean, best), float(mean[best]), float(np.log(min(frames, 125)))


def clearness(mean: Floats, best: int) -> float:
    """How far one offset stands out: its similarity above the far offsets' mean, in their standard deviations."""
    far = np.abs(np.arange(len(mean)) - best) > 3
    return float((mean[best] - mean[far].mean()) / (mean[far].std() + 0.01))


class SyncGate:
    """See the module's docstring. Watches the frames for the points of lips and jaw, kept on disk."""

    name = "lip_sync"
    version = "2"

    def __init__(self) -> None:
        self._seen = LandmarkRecorder(RECORDED, axes=2)

    def see(self, frame: Frame, face: Face | None) -> None:
        self._seen.see(frame, face)

    def result(self, subject: Subject) -> GateResult:
        sound = subject.main
        lips, valid = lip_features(self._seen)
        mels = mel_features(sound)
        count = min(len(lips), len(mels) // 4)
        valid = valid[:count]
        _long_enough(subject, sound, self._seen)
        if count < 2 * SEARCH or valid.sum() < _LEAST_VOICED * RATE:
            raise Abstain("no face is seen for long enough to compare lips with sound")
        use = valid & voiced(sound, count)
        if use.sum() < _LEAST_VOICED * RATE:
            raise Abstain(f"less than {_LEAST_VOICED} s of speech with a face in view")
        moving = _movement(lips, use) >= _LEAST_MOVEMENT
        found = measure(similarity(lips, mels, int(valid.argmax()), count), use)
        fps = float(subject.info.video.frame_rate)
        frames = round(found.offset * fps / RATE, 1)
        stands = f"it stands {found.clear:.1f} standard deviations above far offsets"
        return GateResult(
            gate=self.name,
            version=self.version,
            score=round(found.confidence, 4),
            unit="confidence 0..1",
            reason=f"sound {frames:+g} frames from the lips; {stands}"
            if found.confidence > 0.5
            else f"no clear offset; {stands}",
            findings=tuple(_findings(found, frames, fps, moving, subject)),
            curve=tuple((round(t, 2), round(value, 3)) for t, value in found.local),
            measures={
                "offset_frames": frames if found.confidence > 0.5 else None,
                "offset_ms": round(1000 * found.offset / RATE) if found.confidence > 0.5 else None,
                "confidence": round(found.confidence, 4),
                "clearness": round(found.clear, 3),
                "similarity": round(found.height, 4),
            },
            models=weight_digests(WEIGHTS),
        )


def _long_enough(subject: Subject, sound: Listening, seen: LandmarkRecorder) -> None:
    """Raises Abstain where the clip itself, or the time in which it has both picture and sound, is too short."""
    need = f"lip sync needs {_LEAST_VOICED:g} s of speech with a face in view"
    video = subject.info.video
    length = min(float(video.duration), len(sound) / SOUND_RATE)
    if length < _LEAST_VOICED:
        raise too_short(length, need)
    both = min(float(video.end), len(sound) / SOUND_RATE) - float(video.start)
    if both < _LEAST_VOICED:
        raise Abstain(f"picture and sound are there together for {max(both, 0.0):.1f} s: {need}")


def _movement(lips: Sliced, use: NDArray[np.bool_]) -> float:
    """Median change from row to row of the rows that count."""
    changes = []
    for start in range(0, len(use) - 1, _CHUNK):
        part = lips[start : min(len(use), start + _CHUNK + 1)]
        changes.append(np.abs(np.diff(part, axis=0)).mean(axis=1)[use[start + 1 : start + _CHUNK + 1]])
    return float(np.median(np.concatenate(changes)))


def _findings(found: Sync, frames: float, fps: float, moving: bool, subject: Subject) -> list[Finding]:
    video, audio = subject.info.video, subject.info.audio
    entry = (subject.gate_set or load_gate_set()).gates[SyncGate.name]
    bound = entry.findings["lip_audio_mismatch"].review
    # An offset counts as soon as the confidence is no reason for review by itself: nothing falls between the two.
    sure = entry.threshold is not None and found.confidence > entry.threshold.review
    findings = []
    if sure and abs(found.offset) >= bound:
        order = "after" if found.offset > 0 else "before"
        findings.append(
            Finding(
                code="lip_audio_mismatch",
                severity="review",
                message=f"The sound comes {abs(frames):g} frames ({abs(found.offset) * 1000 / RATE:.0f} ms) {order} "
                "the lips.",
                spans=(Span(source="sound", t0=0.0, t1=float(audio.end if audio else video.end)),),
                score=abs(frames),
                threshold=round(bound * fps / RATE, 1),
                unit="frames",
                hint="Shift the sound by this much, or render again.",
            )
        )
    if not moving:
        findings.append(
            Finding(
                code="lips_do_not_move",
                severity="review",
                message="There is speech, but the lips hardly move.",
                spans=(Span(source="picture", t0=float(video.start), t1=float(video.end)),),
            )
        )
    return findings


@lru_cache(maxsize=1)
def _network():  # type: ignore[no-untyped-def]
    import torch

    from detect.sync.model import SyncNetwork

    network = SyncNetwork()
    kept = {name: torch.from_numpy(value) for name, value in _weights().items() if name != "confidence"}
    network.load_state_dict(kept)
    return network.eval()


@lru_cache(maxsize=1)
def _weights() -> dict[str, Floats]:
    from safetensors.numpy import load_file

    stored: dict[str, Floats] = load_file(weight_file(WEIGHTS))
    return stored
