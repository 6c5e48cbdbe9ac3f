"""What the confined child sends to its parent.

A message is ``<cIQ`` (kind, length of the head, length of the body), the head, the body:
    b"I" JSON facts of the presentation, first; b"D" JSON facts of what came out, last
    b"F" a picture; the head is ``<qqqii``: index, time as a fraction of seconds, width, height
    b"A" sound at its own rate, b"H" at the rate asked for; the head is ``<qq``: its start as a fraction of seconds
    b"Z" the end
    b"E" JSON ``{"code": …, facts}``: a refusal; the words are the parent's
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

HEADER = struct.Struct("<cIQ")


class Refused(Exception):
    """The file breaks a limit or cannot be read; ``code`` and ``facts`` go to the parent."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class Wire:
    """The way out: messages on one descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, kind: bytes, head: bytes = b"", body: Any = b"") -> None:
        """One message; ``body`` is any contiguous buffer. Blocks while the parent is not reading."""
        view = memoryview(body).cast("B")
        self._write(memoryview(HEADER.pack(kind, len(head), len(view)) + head))
        self._write(view)

    def send_json(self, kind: bytes, facts: dict[str, Any]) -> None:
        self.send(kind, json.dumps(facts).encode())

    def _write(self, view: memoryview) -> None:
        while view:
            view = view[os.write(self._descriptor, view) :]
