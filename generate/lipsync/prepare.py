"""Onboarding of a reference: one decode, one track, everything the engine needs on disk (trust step 5's input)."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.canonical import digest_file
from core.media.models import Frame, Samples
from core.media.reading import read
from core.perception.models import Face, FaceTrack, Phone
from core.perception.record import LandmarkRecorder
from core.perception.speech import align, transcribe
from core.perception.watch import follow
from generate.errors import ReferenceRefused
from generate.lipsync.articulation import Articulation, fit_articulation
from generate.lipsync.examine import (
    GOOD_FACE_PX,
    OFFSET_GESTURES,
    SMALLEST_APERTURE,
    SURE_OF_SOUND,
    check_faces,
    sound_offset,
    usable_run,
)
from generate.lipsync.models import Examination, Prepared, Progress
from generate.lipsync.pose import Array, Poses, canonical_stable, poses, smoothed
from generate.lipsync.shape import APERTURE, FaceShape, fit_shape, gestures
from generate.lipsync.speech import asked, sound_features
from generate.lipsync.store import Pictures, PictureWriter
from generate.models import Speech

LONGEST_SECONDS = 120.0  # of a reference; two minutes teach all that the engine can learn


@dataclass(frozen=True)
class Parts:
    """What the hybrid engine keeps of a reference; arrays have a row a frame.

    Attributes:
        points: (n, 478, 3) smoothed pixels. canonical: the same without head pose. own: (n, g) gestures.
        pose: per frame. run: frames the body walks through. units: frame numbers whose mouths may be used.
        sharpness: (n,) of the mouth region. motion: (n,) head speed, inter-eye distances a frame.
        bodies, mouths: pictures of every frame; corners: (n, 2) of the mouths in them.
    """

    points: Array
    canonical: Array
    own: Array
    pose: Poses
    run: tuple[int, int]
    units: NDArray[np.intp]
    sharpness: Array
    motion: Array
    shape: FaceShape
    articulation: Articulation
    bodies: Pictures
    mouths: Pictures
    corners: NDArray[np.int64]


class _Keeper:
    """Watches the one decode: keeps each picture, a crop of its lower face, and how sharp that is."""

    def __init__(self, bodies: PictureWriter, mouths: PictureWriter):
        self._bodies, self._mouths = bodies, mouths
        self.corners: list[tuple[int, int]] = []
        self.sharpness: list[float] = []
        self.change: list[float] = []
        self._last: NDArray[np.int16] | None = None

    def see(self, frame: Frame, face: Face | None) -> None:
        image = frame.image
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2  # 4:2:0 needs even sides
        self._bodies.add(image[:height, :width])
        small = cv2.cvtColor(cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        now = small.astype(np.int16)
        self.change.append(0.0 if self._last is None else float(np.abs(now - self._last).mean()))
        self._last = now
        if face is None:
            self._mouths.add(None)
            self.corners.append((0, 0))
            self.sharpness.append(0.0)
            return
        x0, y0, x1, y1 = _lower_face(face.landmarks, width, height)
        crop = image[y0:y1, x0:x1]
        self._mouths.add(crop)
        self.corners.append((x0, y0))
        self.sharpness.append(mouth_sharpness(image, face.landmarks))


def _lower_face(landmarks: NDArray[np.float32], width: int, height: int) -> tuple[int, int, int, int]:
    """Box of everything below the eyes, with room for bending."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    margin = 0.12 * float(high[0] - low[0])
    top = float(landmarks[[6, 197], 1].mean())
    x0, y0 = max(0, int(low[0] - margin)), max(0, int(top - margin))
    x1, y1 = min(width, int(high[0] + margin) + 1), min(height, int(high[1] + margin) + 1)
    return x0, y0, max(x1, x0 + 2), max(y1, y0 + 2)


def mouth_sharpness(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> float:
    """Root mean square of the Laplacian around the mouth, at 64 pixels an inter-eye distance; grey levels."""
    eyes = float(np.linalg.norm(landmarks[263, :2] - landmarks[33, :2]))
    x, y = landmarks[[13, 14], :2].mean(axis=0)
    half = 0.55 * eyes
    height, width = image.shape[:2]
    x0, x1 = max(0, int(x - half)), min(width, int(x + half))
    y0, y1 = max(0, int(y - 0.7 * half)), min(height, int(y + half))
    if eyes < 8 or x1 - x0 < 8 or y1 - y0 < 8:
        return 0.0
    grey = cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY)
    scale = min(1.0, 64 / eyes)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).std())


def prepare(
    reference: Path, cache: Path, engine: str, progress: Progress | None = None, *, learn: float = 1.0
) -> Prepared:
    """See :meth:`generate.lipsync.models.LipSync.prepare`.

    Args:
        learn: first share of the clip that mouths and articulation are taken from (benchmarks hold back the rest).
    """
    sha256 = digest_file(reference)
    name = f"{engine.replace(' ', '-')}-{sha256[:40]}" + (f"-learn{learn:g}" if learn < 1 else "")
    folder = cache / name
    if not (folder / "prepared.json").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
        try:
            _make(reference, making, engine, sha256=sha256, progress=progress, learn=learn)
            try:
                making.rename(folder)
            except OSError:  # somebody else was faster
                if not (folder / "prepared.json").is_file():
                    raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return load(folder)


def _make(
    reference: Path, folder: Path, engine: str, *, sha256: str, progress: Progress | None, learn: float
) -> None:
    with (
        read(reference) as reading,
        PictureWriter(folder / "bodies.bin") as bodies,
        PictureWriter(folder / "mouths.bin") as mouths,
    ):
        info = reading.presentation
        if info.duration > LONGEST_SECONDS:
            raise ReferenceRefused(
                f"the reference lasts {float(info.duration):.0f} s; {LONGEST_SECONDS:.0f} s are the most that is used",
                code="too_long",
                where=reference.name,
                next_step="cut out 20 to 60 seconds of calm speech",
            )
        keeper = _Keeper(bodies, mouths)
        marks = LandmarkRecorder()
        track = follow(reading.pictures(), [keeper, marks], progress)
    main = reading.heard.main if reading.heard is not None else None
    check_faces(track, reference)
    points = smoothed(marks[:])
    stable = canonical_stable(points[track.found])
    pose = poses(_filled(points, track.found), stable)
    angles = pose.angles()
    canonical = pose.to_canonical(_filled(points, track.found))
    own = gestures(canonical)
    centre = pose.shift[:, :2] / pose.scale[:, None]
    motion = np.linalg.norm(np.diff(centre, axis=0, prepend=centre[:1]), axis=1)
    motion += np.radians(np.abs(np.diff(angles, axis=0, prepend=angles[:1])).sum(axis=1))
    change = np.array(keeper.change)
    jumps = (motion > 0.25) | (change > max(12.0, 8 * float(np.median(change))))
    good, run = usable_run(track, np.where(track.found[:, None], angles, np.nan), jumps, reference)
    speech, offset, confidence, transcript = _listen(
        main[:] if main is not None else np.zeros(0, np.float32),
        track,
        np.where(_first(track, learn)[:, None], own, np.nan),
    )
    if float(np.percentile(own[good, APERTURE], 95)) < SMALLEST_APERTURE:
        raise ReferenceRefused(
            "the mouth hardly moves",
            code="still_mouth",
            where=reference.name,
            next_step="record the person speaking for 20 s",
        )
    learned = good & _first(track, learn)
    sharpness = np.array(keeper.sharpness)
    enough = 0.6 * float(np.median(sharpness[learned]))
    units = np.flatnonzero(learned & (sharpness >= enough) & (motion < 0.06) & ~jumps)
    articulation = fit_articulation(own, learned, speech, _middles(track))
    shape = fit_shape(canonical[learned], own[learned])
    box = track.boxes[track.found]
    face_px = float(np.median(box[:, 2] - box[:, 0]))
    examination = Examination(
        frames=len(track.times),
        fps=track.fps,
        width=track.width // 2 * 2,
        height=track.height // 2 * 2,
        face_px=face_px,
        yaw_degrees=float(np.percentile(np.abs(angles[track.found, 0]), 95)),
        sound_offset_frames=offset,
        sound_confidence=confidence,
        aperture_range=float(np.percentile(own[good, APERTURE], 95)),
        usable=float(good.mean()),
        transcript=transcript,
        notes=tuple(_notes(face_px, offset, confidence, float(good.mean()))),
    )
    arrays: dict[str, Any] = {
        "points": points.astype(np.float32),
        "found": track.found,
        "stable": stable,
        "run": np.array(run),
        "units": units,
        "sharpness": sharpness,
        "motion": motion,
        "corners": np.array(keeper.corners, np.int64),
        "body_offsets": np.array(bodies.offsets, np.int64),
        "mouth_offsets": np.array(mouths.offsets, np.int64),
        **{f"shape_{key}": value for key, value in asdict(shape).items()},
        **{f"speech_{key}": value for key, value in articulation.arrays().items()},
    }
    np.savez_compressed(folder / "prepared.npz", **arrays)
    rate = info.video.frame_rate.limit_denominator(100_000)
    if info.video.variable:
        rate = Fraction(track.fps).limit_denominator(1000)  # the mean of an uneven clock
    (folder / "prepared.json").write_text(
        json.dumps(
            {"engine": engine, "sha256": sha256, "fps": [rate.numerator, rate.denominator]}
            | {"examination": asdict(examination)}
        ),
        encoding="utf-8",
    )


def _filled(points: Array, found: NDArray[np.bool_]) -> Array:
    """Lost frames take the nearest known points: keeps arrays whole; those frames are never shown."""
    known = np.flatnonzero(found)
    nearest = known[np.clip(np.searchsorted(known, np.arange(len(points))), 0, len(known) - 1)]
    whole: Array = points[np.where(found, np.arange(len(points)), nearest)]
    return whole


def _middles(track: FaceTrack) -> Array:
    """(n,) seconds of the presentation at the middle of each picture."""
    middles: Array = track.times + 0.5 / track.fps
    return middles


def _first(track: FaceTrack, share: float) -> NDArray[np.bool_]:
    """The frames of the first ``share`` of the clip."""
    return np.arange(len(track.times)) < share * len(track.times)


def _listen(samples: Samples, track: FaceTrack, own: Array) -> tuple[Speech | None, int | None, float, str]:
    """The reference's own speech (``samples``, 16 kHz), lined up with its lips (``own`` gestures, NaN where not to be
    looked at).

    None where sound teaches nothing.
    """
    if len(samples) < 16_000 or float(np.abs(samples).max()) < 1e-3:
        return None, None, 0.0, ""
    # Lags are counted in pictures of an even clock, from the first picture on, at the presentation's times.
    first, last = float(track.times[0]), float(track.times[-1])
    even = first + np.arange(round((last - first) * track.fps) + 1) / track.fps
    nearest = np.searchsorted((track.times[1:] + track.times[:-1]) / 2, even)
    times = even + 0.5 / track.fps
    heard = transcribe(samples, language=None)
    phones = tuple(align(samples, heard.words)) if heard.language == "en" and heard.words else ()
    if sum(phone.symbol != "SIL" for phone in phones) < 2 * len(heard.words):
        phones = ()  # the aligner lost its way: sound alone then
    z = np.where(track.found[:, None], own, np.nan)[nearest]
    if phones:
        asked_for = asked(phones, times)[:, OFFSET_GESTURES]
    else:
        asked_for = np.repeat(sound_features(samples, times)[:, -1:], len(OFFSET_GESTURES), axis=1)
    offset, confidence = sound_offset(z[:, OFFSET_GESTURES], asked_for)
    if confidence < SURE_OF_SOUND:
        return None, None, confidence, heard.text
    late = offset / track.fps
    shift = round(late * 16_000)
    samples = samples[shift:] if shift > 0 else np.pad(samples, (-shift, 0))
    phones = tuple(Phone(p.symbol, p.t0 - late, p.t1 - late) for p in phones)
    return Speech(samples, 16_000, phones, heard.text), offset, confidence, heard.text


def _notes(face_px: float, offset: int | None, confidence: float, usable: float) -> list[str]:
    notes = []
    if face_px < GOOD_FACE_PX:
        notes.append(f"the face is {face_px:.0f} pixels wide; from {GOOD_FACE_PX} the mouth is sharp")
    if offset is None:
        notes.append(
            "sound and lips do not go together: the mouth moves by the general phoneme rule alone"
            if confidence
            else "there is no speech to learn from: the mouth moves by the general phoneme rule alone"
        )
    elif abs(offset) > 1:
        notes.append(f"the sound is {offset:+d} frames off the lips; this was taken into account")
    if usable < 0.9:
        notes.append(f"{100 * (1 - usable):.0f} % of the frames are turned away or without a face")
    return notes


def load(folder: Path) -> Prepared:
    """Open what :func:`prepare` stored. Numbers and pictures only; nothing in it is executed."""
    facts = json.loads((folder / "prepared.json").read_text(encoding="utf-8"))
    with np.load(folder / "prepared.npz", allow_pickle=False) as stored:
        data = {key: stored[key] for key in stored.files}
    points = _filled(data["points"].astype(np.float64), data["found"])
    pose = poses(points, data["stable"])
    canonical = pose.to_canonical(points)
    kept = {key[7:]: value for key, value in data.items() if key.startswith("speech_")}
    parts = Parts(
        points=points,
        canonical=canonical,
        own=gestures(canonical),
        pose=pose,
        run=(int(data["run"][0]), int(data["run"][1])),
        units=data["units"].astype(np.intp),
        sharpness=data["sharpness"],
        motion=data["motion"],
        shape=FaceShape(**{key[6:]: value for key, value in data.items() if key.startswith("shape_")}),
        articulation=Articulation.from_arrays(kept),
        bodies=Pictures(folder / "bodies.bin", data["body_offsets"], keep=2),
        mouths=Pictures(folder / "mouths.bin", data["mouth_offsets"], keep=24),
        corners=data["corners"],
    )
    examination = Examination(**{**facts["examination"], "notes": tuple(facts["examination"]["notes"])})
    return Prepared(
        engine=facts["engine"],
        reference_sha256=facts["sha256"],
        folder=folder,
        width=examination.width,
        height=examination.height,
        fps=Fraction(*facts["fps"]),
        examination=examination,
        parts=parts,
    )
