"""A customer's own finished video, with its sound late by eight frames: what `greenroom import` is shown.

The fault is made here, in the demonstration's script, by an ordinary encoder: the pipeline has no switch for faults.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from core.media.encode import VideoWriter
from core.settings import get_settings
from generate.lipsync import load_lipsync
from generate.presenter import sample_presenter
from generate.voice import load_voice

SCRIPT = (
    "Good morning. Our spring menu is out now, with five new teas and a few old favourites. "
    "Come by on Saturday, try them all, and tell us which one you like best."
)
FRAMES_LATE = 8


def make_customer_video(
    out: Path, *, frames_late: int = FRAMES_LATE, progress: Callable[[float], None]
) -> Path:
    """Animate the sample presenter and write the sound ``frames_late`` frames after the lips."""
    lipsync = load_lipsync()
    prepared = lipsync.prepare(sample_presenter(), get_settings().home / "prepared")
    speech = load_voice("hibari").speak(SCRIPT)
    fps = Fraction(prepared.fps)
    silence = np.zeros(int(speech.rate * frames_late / fps), np.float32)
    sound = np.concatenate([silence, speech.samples])[: len(speech.samples)]
    total = int(speech.seconds * fps)
    with VideoWriter(out, prepared.width, prepared.height, fps, speech.rate) as writer:
        for index, image in enumerate(lipsync.animate(prepared, speech)):
            start, end = (int(speech.rate * n / fps) for n in (index, index + 1))
            writer.write(image)
            writer.write_sound(sound[start:end])
            progress(index / max(1, total))
    return out
