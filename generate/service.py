"""Trust steps 5 to 7 in one streaming pass: lips, label, mark, encode.

An unmarked or unlabelled picture exists only in memory, one at a time; the file appears under its name when it is
complete, and not at all otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.canonical import digest_file_once
from core.labels import LabelProfile, draw_label
from core.media.encode import VideoWriter
from core.media.essence import essence
from generate.errors import Cancelled
from generate.lipsync.models import Image, LipSync, Prepared, picture_count
from generate.models import Candidate, Speech
from generate.relabel import relabel

__all__ = ["make_candidate", "relabel"]

HEAD_SECONDS = 0.3  # of picture before the first and after the last sound
TAIL_SECONDS = 0.3

Mark = Callable[[int, Image], Image]
Progress = Callable[[float], None]


def make_candidate(
    prepared: Prepared,
    speech: Speech,
    *,
    label_profile: LabelProfile,
    mark: Mark,
    out: Path,
    lipsync: LipSync,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    threads: int = 2,
) -> Candidate:
    """Render ``speech`` on a prepared reference into ``out`` (MP4), at the reference's size and rate.

    Args:
        label_profile: the territory's visible label. mark: ``mark(index, image) -> image`` puts the invisible mark in
            (trust step 6); it gets the labelled picture, as the mark must survive in what is seen.
        lipsync: the engine that prepared the reference. progress: called with the share done, 0..1.
        cancelled: asked before each picture; True ends the render and leaves nothing behind.
        threads: of the encoder; the same input and threads give the same bytes.

    Raises:
        Cancelled: somebody asked for it. ValueError: ``prepared`` belongs to another engine, or ``mark`` gave back
            something that is no such picture.
    """
    count = picture_count(prepared, speech, HEAD_SECONDS, TAIL_SECONDS)
    fps = prepared.fps
    seconds = float(count / fps)
    before = round(HEAD_SECONDS * speech.rate)
    written = made = 0
    with VideoWriter(out, prepared.width, prepared.height, fps, speech.rate, threads=threads) as writer:
        pictures = lipsync.animate(prepared, speech, head=HEAD_SECONDS, tail=TAIL_SECONDS)
        for index, picture in enumerate(pictures):  # trust step 5
            if cancelled is not None and cancelled():
                raise Cancelled(
                    "the render was cancelled",
                    where=f"picture {index} of {count}",
                    next_step="start it again",
                )
            labelled = draw_label(picture, label_profile, float(index / fps), seconds)
            marked = mark(index, labelled)  # trust step 6
            if marked.shape != picture.shape or marked.dtype != np.uint8:
                raise ValueError("the mark changed the size or the depth of a picture")
            writer.write(marked)  # trust step 7
            until = min(round((index + 1) / fps * speech.rate), round(seconds * speech.rate))
            writer.write_sound(_sound(speech.samples, written - before, until - before))
            written, made = until, index + 1
            if progress is not None:
                progress(made / count)
        if made != count:
            raise ValueError(f"{lipsync.engine} made {made} pictures instead of {count}")
    return Candidate(
        path=out,
        seconds=seconds,
        frames=count,
        sha256=digest_file_once(out),
        essence=essence(out).sha256,
        engine=lipsync.engine,
        voice=speech.voice,
    )


def _sound(samples: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
    """Samples ``start`` to ``stop``; silence where that reaches outside."""
    inside = samples[max(0, start) : max(0, min(stop, len(samples)))]
    left = min(max(0, -start), stop - start)
    return np.pad(inside, (left, stop - start - left - len(inside))).astype(np.float32)
