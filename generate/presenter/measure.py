"""Measure the clip against its acceptance: ``python -m generate.presenter.measure [--media DIR] [--cache FILE]``.

Prints one JSON object. Likeness needs the collection of real faces; the rest needs the clip alone.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.media.decode import frames, sound
from core.media.probe import probe
from core.perception.embed import face_embedding
from core.perception.finder import find_faces
from core.perception.models import FaceTrack, Phone
from core.perception.record import LandmarkRecorder
from core.perception.watch import watch
from generate.loudness import integrated_loudness
from generate.presenter import reference_phones, sample_presenter
from generate.presenter.articulation import expected_aperture
from generate.presenter.build import LIPS_LEAD_SECONDS
from generate.presenter.portrait import SOURCES, StillMesh

CLOSE, NEAR, STRANGERS = (
    0.55,
    0.60,
    0.01,
)  # dlib's Euclidean distance; the share of strangers allowed within NEAR
FACE_HEIGHT = 300.0  # pixels
LABELS_OF_REAL_FACES = ("real", "voice-dub")
CLOSED = (
    0.02  # gap of the inner lips over the distance of the outer eye corners: nothing is seen between them
)

Array = NDArray[np.float64]
Marks = NDArray[np.float32]
"""(n, 478, 3) mesh points of every frame, pixels; NaN where the face was lost."""


@dataclass(frozen=True)
class LipSync:
    """Lips against the phones' targets, ``lead_seconds`` ahead of the sound.

    ``correlation`` without any further shift; ``lag_frames`` where it is highest (positive: the lips are late);
    closures of p, b and m, and how many of them are seen.
    """

    lead_seconds: float
    correlation: float
    lag_frames: int
    closures: int
    closures_seen: int


@dataclass(frozen=True)
class Likeness:
    """Distances of the presenter's mean embedding (and of its closest frame) to real faces."""

    real_faces: int
    nearest: float
    nearest_of_any_frame: float
    share_near: float
    strangers_share_near: float


def aperture(marks: Marks) -> Array:
    """Gap of the inner lips over the distance of the outer eye corners, each frame."""
    gap = np.linalg.norm(marks[:, 13, :2] - marks[:, 14, :2], axis=1)
    return np.asarray(gap / np.linalg.norm(marks[:, 33, :2] - marks[:, 263, :2], axis=1), np.float64)


def lip_sync(track: FaceTrack, marks: Marks, phones: list[Phone], reach: int = 8) -> LipSync:
    """How the lips follow the phones' own expectation, which leads the sound by LIPS_LEAD_SECONDS as people's do."""
    opened = aperture(marks)
    times = track.times + 0.5 / track.fps + LIPS_LEAD_SECONDS
    expected = expected_aperture(phones, times)
    best = {}
    for lag in range(-reach, reach + 1):
        early, late = max(0, -lag), max(0, lag)
        a = opened[late : len(opened) - early]
        b = expected[early : len(expected) - late]
        good = ~np.isnan(a)
        best[lag] = float(np.corrcoef(a[good], b[good])[0, 1])
    lag = max(best, key=lambda key: best[key])
    stops = [p for p in phones if p.symbol in ("P", "B", "M")]
    seen = sum(_closed(opened, times, phone) for phone in stops)
    return LipSync(LIPS_LEAD_SECONDS, round(best[0], 3), lag, len(stops), seen)


def _closed(opened: Array, times: Array, phone: Phone) -> bool:
    inside = (times > phone.t0 - 0.03) & (times < phone.t1 + 0.03)
    return bool(np.nanmin(opened[inside]) < CLOSED)


def one_large_face(path: Path, marks: Marks, every: int = 1) -> float:
    """Share of (each ``every``-th of) the frames in which MTCNN and the mesh agree on one face of 300 px or more."""
    good = total = 0
    for frame in frames(path):
        if frame.index % every:
            continue
        total += 1
        found = find_faces(frame.image)
        large = float(np.ptp(marks[frame.index, :, 1])) >= FACE_HEIGHT  # NaN, a lost face, is not
        good += len(found) == 1 and float(found[0].box[3] - found[0].box[1]) >= FACE_HEIGHT and large
    return good / total


def clip_embeddings(path: Path, marks: Marks, every: int = 25) -> NDArray[np.float32]:
    """dlib embeddings of each ``every``-th frame."""
    rows = [
        face_embedding(frame.image, marks[frame.index])
        for frame in frames(path)
        if frame.index % every == 0 and not np.isnan(marks[frame.index]).any()
    ]
    return np.stack(rows)


def real_embeddings(
    media: Path, cache: Path | None = None, every: int = 1
) -> tuple[NDArray[np.float32], list[str]]:
    """Embeddings of every real face of the collection, portraits and one frame of each clip, and who it is.

    Args:
        media: the test media. cache: an npz to keep them in. every: take each n-th portrait and clip only.
    """
    if cache is not None and cache.is_file():
        with np.load(cache, allow_pickle=False) as stored:
            return stored["embeddings"], [str(name) for name in stored["identities"]]
    rows: list[NDArray[np.float32]] = []
    identities: list[str] = []
    with StillMesh() as mesh:
        for picture, identity in _real_pictures(media, every):
            marks = mesh(picture)
            if marks is not None:
                rows.append(face_embedding(picture, marks.astype(np.float32)))
                identities.append(identity)
    embeddings = np.stack(rows)
    if cache is not None:
        np.savez_compressed(cache, embeddings=embeddings, identities=np.array(identities))
    return embeddings, identities


def _real_pictures(media: Path, every: int) -> Iterator[tuple[NDArray[np.uint8], str]]:
    with (media / "faces.csv").open(encoding="utf-8") as file:
        for row in list(csv.DictReader(file))[::every]:
            if row["label"] == "real":
                picture = cv2.imread(str(media / row["file"]), cv2.IMREAD_COLOR)
                if picture is not None:
                    yield picture, row["identity"] or row["file"]
    with (media / "manifest.csv").open(encoding="utf-8") as file:
        for row in list(csv.DictReader(file))[::every]:
            if row["label"] in LABELS_OF_REAL_FACES:
                middle = int(float(row["seconds"]) * float(row["fps"]) / 2)
                for frame in frames(media / row["file"]):
                    if frame.index == min(middle, 60):
                        yield frame.image, row["speaker"] or row["file"]
                        break


def likeness(own: NDArray[np.float32], real: NDArray[np.float32], identities: list[str]) -> Likeness:
    """Whether the presenter looks like anybody: compared with how alike strangers are."""
    mean = own.mean(axis=0)
    distances = np.linalg.norm(real - mean, axis=1)
    closest = min(float(np.linalg.norm(real - row, axis=1).min()) for row in own)
    names = np.array(identities)
    near = pairs = 0
    for index in range(len(real) - 1):
        other = names[index + 1 :] != names[index]
        near += int((np.linalg.norm(real[index + 1 :][other] - real[index], axis=1) < NEAR).sum())
        pairs += int(other.sum())
    return Likeness(
        len(real),
        round(float(distances.min()), 3),
        round(closest, 3),
        round(float((distances < NEAR).mean()), 5),
        round(near / pairs, 5),
    )


def sharpness(path: Path, marks: Marks, every: int = 50) -> float:
    """Median variance of the Laplacian over the face, grey levels squared."""
    values = []
    for frame in frames(path):
        if frame.index % every == 0 and not np.isnan(marks[frame.index]).any():
            low, high = marks[frame.index, :, :2].min(axis=0), marks[frame.index, :, :2].max(axis=0)
            face = frame.image[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])]
            values.append(cv2.Laplacian(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())
    return float(np.median(values))


def measure(path: Path, media: Path | None, cache: Path | None = None) -> dict[str, Any]:
    """Every figure of the card."""
    info = probe(path)
    recorder = LandmarkRecorder()
    track = watch(path, [recorder])
    marks = recorder[:]
    heights = np.ptp(marks[:, :, 1], axis=1)
    samples = sound(path, rate=48_000)
    record: dict[str, Any] = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "seconds": round(float(info.duration), 2),
        "size": [info.video.width, info.video.height],
        "frames_per_second": float(info.video.frame_rate),
        "loudness_lufs": round(integrated_loudness(samples, 48_000), 1),
        "one_face_of_300_px_share": one_large_face(path, marks),
        "mesh_height_px": [round(float(np.nanmin(heights)), 1), round(float(np.nanmax(heights)), 1)],
        "sharpness": round(sharpness(path, marks), 1),
        "lip_sync": asdict(lip_sync(track, marks, reference_phones())),
    }
    if media is not None:
        record["likeness"] = asdict(likeness(clip_embeddings(path, marks), *real_embeddings(media, cache)))
    return record


def write_statement(record: dict[str, Any], path: Path) -> None:
    """provenance.json: what a provenance statement over the presenter says, checked facts only."""
    sources = json.loads(SOURCES.read_text(encoding="utf-8"))
    roles = {role: [value] if isinstance(value, str) else value for role, value in sources.items()}
    statement = {
        "statement": "The presenter in sample.mp4 does not exist. Her face is composed of generated faces by the "
        "scripts in this folder; her voice is a stock voice.",
        "person_depicted": None,
        "sha256": record["sha256"],
        "made_by": "generate/presenter/build.py",
        "made_from": {
            "generated_faces": len({digest for digests in roles.values() for digest in digests}),
            "generator": "a research GAN trained on CelebA-HQ (PGGAN or StyleGAN through InterFaceGAN)",
            "upscaler": "Real-ESRGAN x4plus",
            "voice": "hibari-tts 0.2.1, voice heart",
        },
        "sources": roles,
        "checks": {key: value for key, value in record.items() if key != "sha256"},
    }
    path.write_text(json.dumps(statement, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=sample_presenter())
    parser.add_argument("--media", type=Path, default=os.environ.get("GREENROOM_TEST_MEDIA"))
    parser.add_argument(
        "--cache", type=Path, help="keep the real faces' embeddings here (personal data: delete it)"
    )
    parser.add_argument("--write", action="store_true", help="record the figures in provenance.json")
    arguments = parser.parse_args()
    record = measure(arguments.clip, arguments.media and Path(arguments.media), arguments.cache)
    if arguments.write:
        write_statement(record, Path(__file__).with_name("provenance.json"))
    print(json.dumps(record, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
