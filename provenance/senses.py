"""The verifier's real senses: the mark reader and the fingerprint, over the confined decoder."""

from __future__ import annotations

import math
from pathlib import Path

from core.media.decode import frames, sound
from core.secrets import derived_key
from core.settings import MediaSettings
from provenance.fingerprint import Fingerprint, Fingerprinter, compare
from provenance.mark import MarkReader, MarkReading
from provenance.models import Agreement, Difference

EXPECTED_SECONDS = 4
"""Where our own signature names the mark, this much is enough to confirm it."""


EXCERPT_SECONDS = 1.0
"""Re-encoding may lose a frame or an encoder's delay at an end; more is an excerpt."""


class RealSenses:
    """Marks under this installation's key (``derived_key("mark")``); fingerprints of picture, face and speech."""

    def __init__(self, limits: MediaSettings | None = None, *, key: bytes | None = None):
        self._limits = limits
        self._key = key

    def mark(self, path: Path, expected: int | None) -> MarkReading:
        reader = MarkReader(self._key or derived_key("mark"), expected)
        pictures = frames(path, self._limits)
        try:
            for frame in pictures:
                if expected is not None and frame.time >= EXPECTED_SECONDS:
                    break
                reader.see(frame)
        finally:
            pictures.close()
        return reader.reading()

    def fingerprint(self, path: Path) -> Fingerprint:
        from core.perception.watch import watch

        fingerprinter = Fingerprinter()
        watch(path, [fingerprinter], self._limits)
        return fingerprinter.fingerprint(sound(path, limits=self._limits))

    def compare(self, stored: Fingerprint, found: Fingerprint) -> Agreement:
        comparison = compare(stored, found)
        differences = tuple(Difference(found.t0, found.t1, found.what) for found in comparison.differing)
        return agreement(comparison.agrees, differences, comparison.covers, stored.duration, found.duration)


def agreement(
    agrees: bool,
    differences: tuple[Difference, ...],
    covers: tuple[float, float] | None,
    stored_seconds: float,
    found_seconds: float,
) -> Agreement:
    """A comparison as the verifier needs it: how much of the file agrees, and whether it is all of the asset.

    An excerpt agrees with what it shows, and leaves out the rest, which may be what mattered: no faithful copy.
    """
    seconds = max(1, math.ceil(found_seconds))
    differing = {second for d in differences for second in range(int(d.t0), math.ceil(d.t1))}
    share = max(0.0, 1 - len(differing) / seconds) if agrees or differences else 0.0
    if agrees and covers is not None:
        missing = max(covers[0], stored_seconds - covers[1])
        if missing > EXCERPT_SECONDS:
            return Agreement(False, share, differences, excerpt=covers)
    return Agreement(agrees, share, differences)
