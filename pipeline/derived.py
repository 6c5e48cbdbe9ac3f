"""What is made of stored files when somebody asks for it: a picture, the times of its frames. Nothing of it is stored.

It is made of bytes that never change, so the last few are kept in this process's memory, by digest, and made one at a
time. Who may have it is asked by whoever hands it out, each time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from core.errors import GreenroomError

Made = TypeVar("Made")


class Busy(GreenroomError):
    """Others are being made."""

    code = "busy"
    http_status = 503
    retryable = True


class Derived(Generic[Made]):
    """The last of their kind.

    Args:
        make: from the file with this digest.
        most: so many are kept.
        waits: seconds that one waits for its turn.
    """

    def __init__(self, make: Callable[[str], Made], *, most: int, waits: float = 5.0) -> None:
        self.make, self.most, self.waits = make, most, waits
        self._kept: OrderedDict[str, Made] = OrderedDict()
        self._making = threading.Lock()

    def kept(self, sha256: str) -> Made | None:
        """What takes no time."""
        return self._kept.get(sha256)

    def of(self, sha256: str) -> Made:
        """Kept, or made now. Raises Busy after ``waits`` seconds, and whatever ``make`` raises."""
        if (known := self._kept.get(sha256)) is not None:
            return known
        if not self._making.acquire(timeout=self.waits):
            raise Busy("this is not ready yet", next_step="reload the page in a moment")
        try:
            if (known := self._kept.get(sha256)) is None:
                known = self._kept[sha256] = self.make(sha256)
                if len(self._kept) > self.most:
                    self._kept.popitem(last=False)
            return known
        finally:
            self._making.release()

    def forget(self) -> None:
        """Make each anew."""
        self._kept.clear()
