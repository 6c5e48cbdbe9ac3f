"""Files that this installation wrote itself: the only ones that a nursery may read (:mod:`core.media.nurseries`).

Everything else is foreign and gets a fresh process with a memory layout of its own: an import, an upload to the public
verifier, a persona's reference, a file under ``analyze``, and whatever nobody has vouched for.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BufferedReader

from core.canonical import digest_open_file


@dataclass(frozen=True, slots=True)
class OwnFile:
    """The word of the caller that the bytes with this SHA-256 are our encoder's and our signer's, and nobody else's.

    Given to a reading where it is called, and nowhere else: no setting, row, message or request holds one, and a test
    names the modules that make one. It vouches for bytes, not for a path: see :meth:`vouches_for`.
    """

    sha256: str

    def vouches_for(self, file: BufferedReader) -> bool:
        """Whether the open file has these bytes. Raises OSError where it cannot be read."""
        return digest_open_file(file) == self.sha256
