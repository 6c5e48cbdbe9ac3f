"""The verifier's real senses: the mark reader and the fingerprint, over the confined decoder."""

from __future__ import annotations

from pathlib import Path

from core.media.decode import frames, sound
from core.secrets import derived_key
from core.settings import MediaSettings
from provenance.fingerprint import Fingerprint, Fingerprinter
from provenance.mark import MarkReader, MarkReading
from provenance.models import Agreement

EXPECTED_SECONDS = 4
"""Where our own signature names the mark, this much is enough to confirm it."""


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
        raise NotImplementedError
