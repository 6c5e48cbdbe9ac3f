"""The sound of a finished video as it was heard, for the one encode (trust steps 5 to 7).

Two channels are kept where what differs between them is no speech. Where a voice could hide in the difference, or the
channels cancel each other, the ear that people hear is written alone: what is released is then what every gate heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.media.heard import EarName
from core.media.models import Samples
from core.media.reading import read
from core.perception.ears import agree
from core.settings import MediaSettings


@dataclass(frozen=True)
class Mix:
    """How the channels of a file become those that are written.

    Attributes:
        channels: 0 (no sound), 1 or 2.
        ear: what is written where it is one.
        gain: 1, or less where a surround mix would exceed full scale.
        rate: of the samples, Hz.
    """

    channels: int
    ear: EarName = "mid"
    gain: float = 1.0
    rate: int = 0

    def apply(self, block: Samples) -> Samples:
        """float32 (n, 2 or 3), as a reading gives it, to (n,) or (n, 2)."""
        left, right = block[:, 0], block[:, 1]
        if self.channels == 2:
            mixed = block[:, :2]
        else:
            mixed = {
                "mid": (left + right) / 2,
                "left": left,
                "right": right,
                "side": (left - right) / 2,
                "centre": block[:, -1],
            }[self.ear]
        return np.ascontiguousarray(mixed * np.float32(self.gain), np.float32)


def plan_mix(source: Path, limits: MediaSettings | None = None) -> Mix:
    """Listen to the whole file once and decide.

    Raises:
        MediaError: the file cannot be read or breaks a limit.
    """
    peak = 0.0

    def hear(block: Samples) -> None:
        nonlocal peak
        peak = max(peak, float(np.abs(block[:, :2]).max(initial=0.0)))

    with read(source, limits, want="H", hear=hear) as reading:
        reading.finish()
    audio, heard = reading.presentation.audio, reading.heard
    if audio is None or heard is None:
        return Mix(0)
    # Levels above full scale of a float track are the maker's; those of a downmix are ours.
    gain = min(1.0, 1.0 / peak) if audio.channels > 2 and peak > 0 else 1.0
    ears = heard.ears
    main: EarName = ears[0].name if ears else "mid"
    stereo = audio.channels > 1 and main == "mid" and agree(ears)
    return Mix(2 if stereo else 1, main, gain, audio.sample_rate)
