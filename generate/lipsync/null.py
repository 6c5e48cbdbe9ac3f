"""The engine that does nothing: the reference's own pictures, to and fro. Shows the flow, never releases."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from core.canonical import digest_file
from core.errors import DevelopmentPart
from core.media.decode import frames
from core.media.probe import probe
from generate.errors import ReferenceRefused
from generate.lipsync.body import walk
from generate.lipsync.models import Examination, Image, Prepared, Progress, picture_count
from generate.lipsync.store import Pictures, PictureWriter
from generate.models import Speech


class NullLipSync:
    """Copies the reference; the lips do not follow the speech. Warns each time."""

    engine = "null-lipsync 1"

    def prepare(self, reference: Path, cache: Path, progress: Progress | None = None) -> Prepared:
        sha256 = digest_file(reference)
        folder = cache / f"{self.engine.replace(' ', '-')}-{sha256[:40]}"
        if not (folder / "offsets.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with PictureWriter(folder / "bodies.bin") as writer:
                for frame in frames(reference):
                    height, width = frame.image.shape[0] // 2 * 2, frame.image.shape[1] // 2 * 2
                    writer.add(frame.image[:height, :width])
                    if progress is not None:
                        progress(float(frame.time))
            (folder / "offsets.json").write_text(json.dumps(writer.offsets), encoding="utf-8")
        offsets = np.array(json.loads((folder / "offsets.json").read_text(encoding="utf-8")), np.int64)
        if len(offsets) < 2:
            raise ReferenceRefused("the reference has no pictures", code="no_face", where=reference.name)
        info = probe(reference)
        pictures = Pictures(folder / "bodies.bin", offsets, keep=2)
        height, width = pictures[0].shape[:2]
        examination = Examination(
            frames=len(pictures),
            fps=float(info.video.frame_rate),
            width=width,
            height=height,
            face_px=0.0,
            yaw_degrees=0.0,
            sound_offset_frames=None,
            sound_confidence=0.0,
            aperture_range=0.0,
            usable=1.0,
            transcript="",
            notes=("the null engine examined nothing",),
        )
        rate = Fraction(info.video.frame_rate).limit_denominator(100_000)
        return Prepared(self.engine, sha256, folder, width, height, rate, examination, pictures)

    def animate(
        self, prepared: Prepared, speech: Speech, *, head: float = 0.0, tail: float = 0.0
    ) -> Iterator[Image]:
        if prepared.engine != self.engine or not isinstance(prepared.parts, Pictures):
            raise ValueError(
                f"prepared by {prepared.engine}, not by {self.engine}: prepare the reference again"
            )
        warnings.warn("NullLipSync does not move the lips: no release", DevelopmentPart, stacklevel=2)
        pictures = prepared.parts
        count = picture_count(prepared, speech, head, tail)
        path = walk((0, len(pictures)), np.zeros(len(pictures)), count, float(prepared.fps))
        return (pictures[int(frame)].copy() for frame in path)
