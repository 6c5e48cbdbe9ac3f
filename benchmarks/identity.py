"""Face and voice identity: equal error rates of the gates' own scores, by speaker.

Same: the two halves of a clip against each other, and two clips of one speaker. Other: clips of different speakers.
Speakers are split by a hash of their id: the gate set's thresholds were set on one half, `eer_*` are over the
other. At most four clips a speaker and ten seconds a clip, so that no speaker outweighs the others.
"""

from __future__ import annotations

import csv
import hashlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import cache_folder, finish, inputs_digest, media
from core.gates import load_gate_set
from core.media.decode import frames, sound
from core.models import Verdict
from core.perception.embed import voice_windows
from core.perception.watch import FaceTracker
from detect.identity import FACE_STEP, FaceIdentityGate, face_distances, voice_similarities, worst_seconds

GOAL = {"eer_face": "<= 0.02", "eer_voice": "<= 0.02"}
CLIPS_A_SPEAKER = 4
SECONDS = 10.0
RESAMPLES = 200

Array = NDArray[Any]


@dataclass(frozen=True)
class Clip:
    """One clip of one speaker: looks at the face and windows of the voice, with their times."""

    speaker: str
    path: Path
    times: Array
    faces: Array
    voice_times: Array
    voices: Array

    @property
    def report(self) -> bool:
        return hashlib.sha256(self.speaker.encode()).digest()[0] % 2 == 1


@dataclass(frozen=True)
class Trial:
    """One comparison; a higher score is worse."""

    same: bool
    speakers: tuple[str, str]
    report: bool
    score: float


def run() -> dict[str, Any]:
    folder = media()
    if folder is None:
        return {
            "eer_face": None,
            "eer_voice": None,
            "n": 0,
            "media": "sample presenter only: no second person",
        }
    clips = _clips(folder)
    gates = load_gate_set().gates
    result: dict[str, Any] = {"media": "GREENROOM_TEST_MEDIA", "speakers": len({c.speaker for c in clips})}
    intervals, counts = {}, {}
    for name, trials in (("face", _trials(clips, _face_score)), ("voice", _trials(clips, _voice_score))):
        own = [t for t in trials if t.report]
        result[f"eer_{name}"], at = eer(own)
        result[f"eer_{name}_setting_half"], result[f"{name}_equal_at"] = eer(
            [t for t in trials if not t.report]
        )
        sign = 1.0 if name == "face" else -1.0
        threshold = gates[f"{name}_identity"].threshold
        assert threshold is not None
        flagged = [threshold.verdict(sign * t.score) is not Verdict.PASS for t in own]
        for key, same in (("false_alarms", True), ("missed", False)):
            hits = [f is same for f, t in zip(flagged, own, strict=True) if t.same is same]
            result[f"{name}_{key}"] = round(float(np.mean(hits)), 4) if hits else None
        intervals[f"eer_{name}"] = _bootstrap(own)
        counts[name] = {"same": sum(t.same for t in own), "other": sum(not t.same for t in own)}
        result[f"{name}_equal_at"] = round(sign * float(at), 4)
        print(
            f"{name}: EER {result[f'eer_{name}']} of {counts[name]}, {intervals[f'eer_{name}']}",
            file=sys.stderr,
        )
    digest = inputs_digest([clip.path for clip in clips])
    return result | {"n": counts, "interval": intervals, "inputs_sha256": digest}


def eer(trials: list[Trial]) -> tuple[float, float]:
    """(equal error rate, the score at which both errors are nearest to each other)."""
    same = np.array([t.score for t in trials if t.same])
    other = np.array([t.score for t in trials if not t.same])
    if not len(same) or not len(other):
        return float("nan"), float("nan")
    bounds = np.unique(np.concatenate([same, other]))
    alarms = np.array([(same > bound).mean() for bound in bounds])
    misses = np.array([(other <= bound).mean() for bound in bounds])
    best = int(np.abs(alarms - misses).argmin())
    return round(float((alarms[best] + misses[best]) / 2), 5), float(bounds[best])


def _bootstrap(trials: list[Trial]) -> tuple[float, float]:
    """95 % interval of the equal error rate, resampling speakers."""
    rng = np.random.default_rng(0)
    names = sorted({name for t in trials for name in t.speakers})
    rates = []
    for _ in range(RESAMPLES):
        drawn = set(rng.choice(names, len(names)).tolist())
        rate, _ = eer([t for t in trials if set(t.speakers) <= drawn])
        if not math.isnan(rate):
            rates.append(rate)
    low, high = np.percentile(rates, [2.5, 97.5])
    return round(float(low), 5), round(float(high), 5)


def _trials(clips: list[Clip], score: Callable[[Clip, Clip, int], float | None]) -> list[Trial]:
    """Every clip's first half as the reference against its second half (0) and against every other clip (1)."""
    trials = []
    for reference in clips:
        for clip in clips:
            value = score(reference, clip, 0 if clip is reference else 1)
            if value is not None and clip.report == reference.report:
                same = clip.speaker == reference.speaker
                trials.append(Trial(same, (reference.speaker, clip.speaker), clip.report, value))
    return trials


def _face_score(reference: Clip, clip: Clip, whole: int) -> float | None:
    half = len(reference.faces) // 2
    times, faces = (clip.times, clip.faces) if whole else (clip.times[half:], clip.faces[half:])
    if half < 3 or len(faces) < 3:
        return None
    return float(worst_seconds(times, face_distances(faces, reference.faces[:half]))[1].max())


def _voice_score(reference: Clip, clip: Clip, whole: int) -> float | None:
    half = len(reference.voices) // 2
    # Windows overlap: four at the seam are left out.
    start = 0 if whole else half + 4
    if half < 5 or len(clip.voices) - start < 4:
        return None
    mean = reference.voices[:half].mean(axis=0)
    own = (mean / np.linalg.norm(mean))[None]
    return -float(voice_similarities(clip.voice_times[start:], clip.voices[start:], own)[1].min())


def _clips(folder: Path) -> list[Clip]:
    """Real clips, at most four a speaker; measured once, then read from the cache."""
    cache, counts, clips = cache_folder("identity"), dict[str, int](), []
    for row in csv.DictReader((folder / "manifest.csv").read_text().splitlines()):
        speaker, path = row["speaker"], folder / row["file"]
        counts[speaker] = counts.get(speaker, 0) + 1
        if row["label"] != "real" or counts[speaker] > CLIPS_A_SPEAKER:
            continue
        stored = cache / f"{hashlib.sha256(path.read_bytes()).hexdigest()}.npz"
        if not stored.exists():
            print(f"measuring {row['file']}", file=sys.stderr)
            np.savez(stored, **_measure(path))
        with np.load(stored) as m:
            early, heard = m["t"] < SECONDS, m["vt"] < SECONDS
            keep = _spaced(m["t"][early])
            if row["audio"] != "yes":
                heard[:] = False  # music, or nobody knows who speaks
            clips.append(
                Clip(speaker, path, m["t"][early][keep], m["e"][early][keep], m["vt"][heard], m["ve"][heard])
            )
    return clips


def _spaced(times: Array) -> list[int]:
    """Indices of looks that the gate would take: FACE_STEP apart."""
    keep: list[int] = []
    for i, time in enumerate(times):
        if not keep or time >= times[keep[-1]] + FACE_STEP - 1e-3:
            keep.append(i)
    return keep


def _measure(path: Path) -> dict[str, Array]:
    gate = FaceIdentityGate()
    with FaceTracker() as tracker:
        for frame in frames(path):
            if frame.time >= SECONDS:
                break
            gate.see(frame, tracker.track(frame.image, float(frame.time)))
    heard = sound(path)
    times, voices = voice_windows(heard) if len(heard) else (np.empty(0), np.empty((0, 256), np.float32))
    faces = np.array(gate._embeddings, np.float32).reshape(-1, 128)
    return {"t": np.array(gate._times), "e": faces, "vt": times, "ve": voices}


if __name__ == "__main__":
    finish(run(), GOAL)
