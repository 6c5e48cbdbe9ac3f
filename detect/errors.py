"""What can go wrong while measuring; a gate that cannot measure abstains and says why."""

from __future__ import annotations

import math


class Abstain(Exception):
    """Raised by a gate that cannot measure this subject: the text is the reason, in words for a reviewer."""


def too_short(seconds: float, need: str) -> Abstain:
    """The abstain over a clip that ends before a gate can say anything: "the clip is too short: 0.8 s, ``need``"."""
    return Abstain(f"the clip is too short: {math.floor(10 * seconds + 1e-6) / 10:.1f} s, {need}")
