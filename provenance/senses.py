"""The verifier's real senses: the mark reader and the fingerprint, over the confined decoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from core.heartbeat import beat
from core.media.decode import frames
from core.media.heard import Heard
from core.media.models import Decoded
from core.media.own import OwnFile
from core.media.reading import read
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

    def __init__(
        self, limits: MediaSettings | None = None, *, key: bytes | None = None, own: OwnFile | None = None
    ):
        self._limits, self._own = limits, own
        self._key = key
        self._heard: Heard | None = None
        self._decoded: Decoded | None = None

    def mark(self, path: Path, expected: int | None) -> MarkReading:
        reader = MarkReader(self._key or derived_key("mark"), expected)
        pictures = frames(path, self._limits, own=self._own)
        try:
            for frame in pictures:
                if expected is not None and frame.time >= EXPECTED_SECONDS:
                    break
                reader.see(frame)
        finally:
            pictures.close()
        return reader.reading()

    def fingerprint(self, path: Path) -> Fingerprint:
        from core.perception.watch import follow

        fingerprinter = Fingerprinter()
        with read(path, self._limits) as reading:
            follow(reading.pictures(), [fingerprinter])
            self._heard, self._decoded = reading.heard, reading.decoded
        return fingerprinter.fingerprint(self._heard.main if self._heard is not None else None)

    def unheard(self, path: Path) -> tuple[Difference, ...]:
        from core.perception.ears import other_speech

        if self._decoded is None:
            with read(path, self._limits, want="H") as reading:
                reading.finish()
                self._heard, self._decoded = reading.heard, reading.decoded
        spans = other_speech(self._heard.ears) if self._heard is not None else ()
        # A clock that stands still hides what is said meanwhile; a player may play it.
        left_out = [Difference(t0, max(t1, t0), "speech") for t0, t1 in self._decoded.overlaps]
        return (*left_out, *(Difference(span.t0, span.t1, "speech") for span in spans))

    def compare(self, stored: Fingerprint, found: Fingerprint) -> Agreement:
        beat()
        comparison = compare(stored, found)
        beat()
        if comparison.reason:
            return Agreement(False, 0.0, reason=comparison.reason)
        differences = tuple(Difference(found.t0, found.t1, found.what) for found in comparison.differing)
        return agreement(comparison.agrees, differences, comparison.covers, stored.duration, found.duration)


class SeenSenses(RealSenses):
    """For a file that somebody just read from end to end: what was seen then is not decoded again."""

    def __init__(
        self,
        reading: MarkReading,
        fingerprint: Callable[[], Fingerprint],
        sound: Heard | None,
        decoded: Decoded,
        limits: MediaSettings | None = None,
    ):
        super().__init__(limits)
        self._reading, self._fingerprint = reading, fingerprint
        self._heard, self._decoded = sound, decoded

    def mark(self, path: Path, expected: int | None) -> MarkReading:
        # A mark that is expected is found where a blind reader finds none.
        if expected is None or self._reading.present:
            return self._reading
        return super().mark(path, expected)

    def fingerprint(self, path: Path) -> Fingerprint:
        return self._fingerprint()


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
    # What the file lacks after its end differs there too.
    seconds = max(1, math.ceil(max([found_seconds, *(d.t1 for d in differences)])))
    differing = {second for d in differences for second in range(int(d.t0), math.ceil(d.t1))}
    share = max(0.0, 1 - len(differing) / seconds) if agrees or differences else 0.0
    if agrees and covers is not None:
        missing = max(covers[0], stored_seconds - covers[1])
        if missing > EXCERPT_SECONDS:
            return Agreement(False, share, differences, excerpt=covers)
    return Agreement(agrees, share, differences)
