"""The two confined children run inside this process, for the kit's own files: a render takes nine of them.

Their work is the real one (libav's reading, the C2PA library's judgement); only the confinement and the process around
it are left out. What they do not read well goes the real way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import core.media.confined
import provenance.reader
import provenance.reader_child
from core.media import child_jobs
from core.media.confined import Message
from core.media.own import OwnFile
from core.media.wire import Refused, Wire
from core.settings import MediaSettings, get_settings
from provenance.models import Anchors
from provenance.reader import RawReading
from provenance.reader_child import answer
from provenance.trust import library_settings
from tests.kit.standing_in import standing_in


def unconfined() -> AbstractContextManager[None]:
    """Readings of files without a process for each, for the length of the block."""
    here = _Here()
    return standing_in(
        (core.media.confined.converse, here.converse),
        (provenance.reader.read_raw, here.read_raw),
        (provenance.reader_child.lock, here.unlocked),  # the walls would stand around this process, for good
    )


class _Heap(Wire):
    """Messages that stay in this process."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, kind: bytes, head: bytes = b"", body: Any = b"") -> None:
        copy = np.frombuffer(bytes(memoryview(body).cast("B")), np.uint8).copy()
        self.messages.append(Message(kind, head, copy))


_SMALL, _MOST = 200_000, 24  # bytes of a file of the kit; files whose reading is kept


class _Here:
    _kept: ClassVar[dict[tuple[bytes | None, str], list[Message]]] = {}
    """What was read of the same bytes for the same question: each world begins with the same reference."""

    def __init__(self) -> None:
        self._converse, self._read_raw = core.media.confined.converse, provenance.reader.read_raw
        # An object's bound method is made anew each time it is asked for: the double must be one object.
        self.converse, self.read_raw = self._converse_here, self._read_raw_here
        self.unlocked = self._unlocked

    def _unlocked(self) -> frozenset[str]:
        return frozenset()

    def _converse_here(
        self,
        job: str,
        path: Path,
        limits: MediaSettings | None = None,
        *,
        own: OwnFile | None = None,
        **extra: Any,
    ) -> Iterator[Message]:
        limits = limits or get_settings().media
        request = {"job": job, "threads": 1, "limits": limits.model_dump(mode="json"), **extra}
        try:
            with path.open("rb") as file:
                small = file.read(_SMALL) if path.stat().st_size < _SMALL else None
                file.seek(0)
                key = (small, json.dumps(request, sort_keys=True))
                messages = self._kept.get(key) if small is not None else None
                if messages is None:
                    wire = _Heap()
                    child_jobs.JOBS[job](request | {"file": file.fileno()}, wire)
                    messages = wire.messages
        except (Refused, OSError, ValueError, TypeError):
            yield from self._converse(job, path, limits, own=own, **extra)
            return
        if small is not None:
            self._kept[key] = messages
            while len(self._kept) > _MOST:
                del self._kept[next(iter(self._kept))]
        for message in messages:
            yield Message(message.kind, message.head, message.body.copy())

    def _read_raw_here(
        self, path: Path, anchors: Anchors, limits: MediaSettings | None = None, *, own: OwnFile | None = None
    ) -> RawReading:
        lists = [library_settings(anchors.own)]
        if anchors.others.strip():
            lists.append(library_settings(anchors.own + "\n" + anchors.others))
        with path.open("rb") as file:
            reply = answer({"file": file.fileno()}, lists)
        if reply["status"] != "found":
            return self._read_raw(path, anchors, limits, own=own)
        trust_list = "others" if reply["list"] == 1 else "own"
        return RawReading("found", trust_list, reply["embedded"], "", dict(reply["store"]))
