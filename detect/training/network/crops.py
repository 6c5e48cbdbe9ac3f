"""Faces cut out at their own scale, with landmarks, embedding and the split that keeps a person in one part.

A face higher than ``FACE`` pixels is shrunk to that; a smaller one keeps its pixels, because what betrays a paste is
finer than any common scale. People are joined by face embedding, not by file name: several collections hold the
same person under other ids, and a cluster that touches the trees' training identities is in training here too, so
that both models can be compared on people whom neither saw.
"""

from __future__ import annotations

import csv
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.media.decode import frames
from core.perception.embed import face_embedding
from core.perception.finder import find_faces
from core.perception.mesh import MeshFollower
from detect.artifact.crop import CANVAS, native_crop
from detect.artifact.geometry import Image, Points
from detect.training.authenticity import split_of

LOOKS = 8  # frames of a clip, over its first seconds
LOOK_EVERY = 0.6
BLOCK = 20  # sources in one cache file
SAME = 0.42  # embedding distance below which two faces are taken for one person
CLIPS_OF_A_SPEAKER = 4
# In no part of training: six talking-head and swap engines, and every file of the face-swap collection.
HELD_OUT = (
    "Loopy",
    "DreamTalk",
    "GHOST face swap",
    "StyleTalk",
    "Wav2Lip+GFPGAN",
    "FF++ FaceSwap",
    "FF++ Deepfakes",
)

# Camera clips that some of those engines worked on: held out too, so that pairs of one source stay unseen.
HELD_OUT_SOURCES = ("ai-forever/ghost", "ajay-sainy/Wav2Lip-GFPGAN")


@dataclass(frozen=True)
class Source:
    """One still or clip: who, which generator ('' for a camera), whose repository."""

    path: Path
    identity: str
    generator: str
    source: str
    still: bool


def sources(media: Path) -> Iterator[Source]:
    """Stills and clips. Voice dubs and shifted copies are left out: their pictures are those of other files."""
    seen: dict[str, int] = {}
    with (media / "faces.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            generator = "InterFaceGAN" if row["label"] != "real" else ""
            yield Source(media / row["file"], row["identity"] or row["file"], generator, row["set"], True)
    with (media / "manifest.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["label"] == "voice-dub" or row["file"].startswith("real-offset/"):
                continue
            seen[row["speaker"]] = seen.get(row["speaker"], 0) + 1
            if seen[row["speaker"]] <= CLIPS_OF_A_SPEAKER:
                generator = row["generator"] if row["label"] == "synthetic" else ""
                yield Source(media / row["file"], row["speaker"], generator, row["source"], False)


def looks(source: Source, mesh: MeshFollower) -> Iterator[tuple[Image, Points]]:
    """The still, or some frames of the clip, with landmarks; nothing where no face is found."""
    if source.still:
        image = np.asarray(cv2.imread(str(source.path)), np.uint8)
        height, width = image.shape[:2]
        middle = np.array([0.2 * width, 0.2 * height, 0.8 * width, 0.85 * height], np.float32)
        points = mesh.start(image, middle)  # portraits: the detector costs ten times as much
        points = points if points is not None else _found(image, mesh)
        if points is not None:
            yield image, points
        return
    count, following = 0, False
    for frame in frames(source.path):
        if count >= LOOKS:
            return
        if float(frame.time) < count * LOOK_EVERY:
            continue
        count += 1
        image = _own_panel(frame.image)
        points = mesh.follow(image) if following else None
        points = points if points is not None else _found(image, mesh)
        following = points is not None
        if points is not None:
            yield image, points


def _found(image: Image, mesh: MeshFollower) -> Points | None:
    """The largest face's mesh; opening a mesh costs more than a look, so one serves all sources."""
    found = find_faces(image)
    return mesh.start(image, found[0].box) if found else None


def _own_panel(image: Image) -> Image:
    """Some engines show reference, pose and result side by side: the result is the panel on the right."""
    height, width = image.shape[:2]
    return np.ascontiguousarray(image[:, width - height :]) if width >= 1.95 * height else image


def build(
    media: Path, cache: Path, *, seconds: float, shard: int = 0, shards: int = 1, stills: float = 1.0
) -> bool:
    """One npz for each ``BLOCK`` sources; stops after ``seconds``, goes on at the next call. True when done.

    ``stills``: the share of stills that is taken, by a hash of their names.
    """
    cache.mkdir(parents=True, exist_ok=True)
    every = list(sources(media))
    started = time.monotonic()
    mesh = MeshFollower()
    for block in range(0, len(every), BLOCK):
        target = cache / f"crops_{block:05d}.npz"
        if target.exists() or (block // BLOCK) % shards != shard:
            continue
        if time.monotonic() - started > seconds:
            return False
        crops, points, embeddings, rows, facts = [], [], [], [], []
        for row, source in enumerate(every[block : block + BLOCK]):
            if source.still and crc(source.path.name) % 1000 >= 1000 * stills:
                continue
            for number, (image, landmarks) in enumerate(looks(source, mesh)):
                crop, inside = native_crop(image, landmarks)
                crops.append(crop)
                points.append(inside.astype(np.float32))
                rows.append(block + row)
                if number == 0:
                    embeddings.append(face_embedding(image, landmarks))
                    facts.append(block + row)
        np.savez(
            target,
            crops=np.array(crops, np.uint8).reshape(-1, CANVAS, CANVAS, 3),
            points=np.array(points, np.float32).reshape(-1, 478, 2),
            rows=np.array(rows, np.int32),
            embeddings=np.array(embeddings, np.float32).reshape(-1, 128),
            embedded=np.array(facts, np.int32),
        )
        sys.stderr.write(f"{target.name}: {len(crops)} faces\n")
    return True


@dataclass(frozen=True)
class Faces:
    """Every cut-out face, a row each, in the order of the sources.

    Attributes:
        crops: (n, CANVAS, CANVAS, 3) uint8 BGR. points: (n, 478, 2). source: (n,) index into ``sources``.
        cluster: (n,) the person. part: (n,) train, calibrate, test or unseen (a held-out generator).
        generator: (n,) '' for a camera. clip: (n,) whether the row is a frame of a clip.
    """

    crops: NDArray[np.uint8]
    points: NDArray[np.float32]
    source: NDArray[np.int32]
    cluster: NDArray[np.int64]
    part: NDArray[np.str_]
    generator: NDArray[np.str_]
    repository: NDArray[np.str_]
    clip: NDArray[np.bool_]
    sources: tuple[Source, ...]


def load(media: Path, cache: Path) -> Faces:
    """All blocks, with people clustered and parts given."""
    every = tuple(sources(media))
    files = sorted(cache.glob("crops_*.npz"))
    parts: dict[str, list[Any]] = {k: [] for k in ("crops", "points", "rows", "embeddings", "embedded")}
    for file in files:
        with np.load(file) as stored:
            for key, values in parts.items():
                values.append(stored[key])
    rows = np.concatenate(parts["rows"])
    embedded = np.concatenate(parts["embedded"])
    person = clusters(np.concatenate(parts["embeddings"]), [every[i].identity for i in embedded])
    of_source = dict(zip(embedded.tolist(), person.tolist(), strict=True))
    split = _parts(every, of_source)
    return Faces(
        crops=np.concatenate(parts["crops"]),
        points=np.concatenate(parts["points"]),
        source=rows,
        cluster=np.array([of_source[i] for i in rows.tolist()]),
        part=np.array([split[i] for i in rows.tolist()]),
        generator=np.array([every[i].generator for i in rows.tolist()]),
        repository=np.array([every[i].source for i in rows.tolist()]),
        clip=np.array([not every[i].still for i in rows.tolist()]),
        sources=every,
    )


def clusters(embeddings: NDArray[np.float32], identities: list[str]) -> NDArray[np.int64]:
    """(n,) a number for each person: rows nearer than ``SAME`` and rows of one identity are joined."""
    parent = np.arange(len(embeddings))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    first: dict[str, int] = {}
    for i, identity in enumerate(identities):
        parent[root(i)] = root(first.setdefault(identity, i))
    for i, row in enumerate(embeddings):
        for j in np.flatnonzero(np.linalg.norm(embeddings[:i] - row, axis=1) < SAME):
            parent[root(i)] = root(int(j))
    return np.array([root(i) for i in range(len(embeddings))])


def _parts(every: tuple[Source, ...], person: dict[int, int]) -> dict[int, str]:
    """The part of each source: its cluster's most trained-on identity decides, but for what is held out."""
    order = ("train", "calibrate", "test")
    best: dict[int, int] = {}
    for i, cluster in person.items():
        if not _unseen(every[i]):
            part = order.index(split_of(every[i].identity))
            best[cluster] = min(best.get(cluster, 2), part)
    return {i: "unseen" if _unseen(every[i]) else order[best[c]] for i, c in person.items()}


def _unseen(source: Source) -> bool:
    return source.generator in HELD_OUT or source.source in HELD_OUT_SOURCES


def crc(text: str) -> int:
    """A stable seed for a name."""
    return zlib.crc32(text.encode())
