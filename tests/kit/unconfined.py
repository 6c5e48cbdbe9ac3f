"""The two confined children run inside this process, for the kit's own files: a render takes nine of them.

Their work is the real one (libav's reading, the C2PA library's judgement); only the confinement and the process around
it are left out. What they do not read well goes the real way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import core.media.confined
import provenance.reader
from core.media import child_jobs
from core.media.confined import Message
from core.media.wire import Refused, Wire
from core.settings import MediaSettings, get_settings
from provenance.models import Anchors
from provenance.reader import RawReading
from provenance.reader_child import answer
from provenance.trust import library_settings
from tests.kit.standing_in import standing_in

_converse, _read_raw = core.media.confined.converse, provenance.reader.read_raw


@contextmanager
def unconfined() -> Iterator[None]:
    """Readings of files without a process for each, for the length of the block."""
    with ExitStack() as stack:
        stack.enter_context(standing_in(_converse, _converse_here))
        stack.enter_context(standing_in(_read_raw, _read_raw_here))
        yield


class _Heap(Wire):
    """Messages that stay in this process."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, kind: bytes, head: bytes = b"", body: Any = b"") -> None:
        copy = np.frombuffer(bytes(memoryview(body).cast("B")), np.uint8).copy()
        self.messages.append(Message(kind, head, copy))


def _converse_here(job: str, path: Path, limits: MediaSettings | None = None, **extra: Any) -> Any:
    limits = limits or get_settings().media
    wire = _Heap()
    try:
        with path.open("rb") as file:
            request = {
                "job": job,
                "file": file.fileno(),
                "threads": 1,
                "limits": limits.model_dump(mode="json"),
                **extra,
            }
            child_jobs.JOBS[job](request, wire)
    except (Refused, OSError, ValueError):
        yield from _converse(job, path, limits, **extra)
        return
    yield from wire.messages


def _read_raw_here(path: Path, anchors: Anchors, limits: MediaSettings | None = None) -> RawReading:
    lists = [library_settings(anchors.own)]
    if anchors.others.strip():
        lists.append(library_settings(anchors.own + "\n" + anchors.others))
    with path.open("rb") as file:
        reply = answer({"file": file.fileno()}, lists)
    if reply["status"] != "found":
        return _read_raw(path, anchors, limits)
    trusted = "others" if reply["list"] == 1 else "own"
    return RawReading("found", trusted, reply["embedded"], "", dict(reply["store"]))
