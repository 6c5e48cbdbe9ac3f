"""Start the confined child and listen to it. Whatever it says is checked: it may have been taken over."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from core.heartbeat import beat
from core.media.errors import media_error
from core.media.own import OwnFile
from core.media.starting import start
from core.media.wire import HEADER
from core.settings import MediaSettings, get_settings

MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What the parsing of a message raises when the message is not what it should be."""

_HEAD_MAX = 1 << 20
_PIPE_BYTES = 1 << 20  # the most an unprivileged process may ask for
_SLICE_SECONDS = 1.0  # of waiting between two beats
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    # Pictures are allocated and freed at a high rate: from the heap that costs a third of fresh mappings.
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the child: see :mod:`core.media.wire`."""

    kind: bytes
    head: bytes
    body: NDArray[np.uint8]

    def json(self) -> dict[str, Any]:
        """The head as facts. Raises ValueError where it is none."""
        try:
            facts = json.loads(self.head)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        if not isinstance(facts, dict):
            raise ValueError("not an object")
        return facts


def converse(
    job: str, path: Path, limits: MediaSettings | None = None, *, own: OwnFile | None = None, **extra: Any
) -> Generator[Message, None, None]:
    """Run one job over one file in a confined child and yield its messages.

    The child is killed when the generator ends, however it ends. For each message ``stall_seconds`` may be spent
    waiting for the child, however many pieces the message comes in; what the caller does meanwhile does not count.
    ``own`` vouches for the file: see :mod:`core.media.starting`.

    Raises:
        MediaError: the file is missing, empty, over a limit or unreadable, or the child broke or hung.
    """
    limits = limits or get_settings().media
    try:
        file = path.open("rb")
    except OSError as error:
        raise media_error("missing_file", path, {}, limits) from error
    with file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise media_error("empty_file", path, {}, limits)
        if size > limits.max_bytes:
            raise media_error("too_large", path, {"found": size}, limits)
        reader, writer = os.pipe()
        try:
            request = {
                "job": job,
                "threads": get_settings().threads,
                "memory_bytes": limits.child_memory_mb * 1_000_000,
                "cpu_seconds": int(limits.child_seconds * max(1.0, limits.max_seconds / 600)),
                "limits": limits.model_dump(mode="json"),
                **extra,
            }
            child = start(
                "core.media.child", request, file=file, out=writer, environment=_ENVIRONMENT, own=own
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
    try:
        yield from _messages(reader, path, limits)
    finally:
        os.close(reader)
        child.kill()
        child.wait()


def _messages(reader: int, path: Path, limits: MediaSettings) -> Generator[Message, None, None]:
    _widen(reader)
    most = limits.max_pixels * 3
    while True:
        wait = _Wait(reader, limits.stall_seconds)
        try:
            kind, head_size, body_size = HEADER.unpack(wait.read(HEADER.size).tobytes())
            if head_size > _HEAD_MAX or body_size > most:
                raise ValueError("an oversized message")
            message = Message(kind, wait.read(head_size).tobytes(), wait.read(body_size))
        except TimeoutError as error:
            raise media_error("stalled", path, {}, limits) from error
        except (EOFError, ValueError, struct.error) as error:
            # The child ended without a word: killed by a limit, or a crash inside libav.
            raise media_error("decoder_died", path, {}, limits) from error
        if kind == b"Z":
            return
        if kind == b"E":
            raise _refusal(message, path, limits)
        yield message


def _refusal(message: Message, path: Path, limits: MediaSettings) -> MediaError:
    try:
        facts = message.json()
        return media_error(str(facts.pop("code", "unreadable")), path, facts, limits)
    except MALFORMED:
        return media_error("unreadable", path, {}, limits)


def _widen(reader: int) -> None:
    import fcntl

    with_size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if with_size is not None:
        try:
            fcntl.fcntl(reader, with_size, _PIPE_BYTES)
        except OSError:
            return  # the default of 64 KiB works too, slower


class _Wait:
    """One message, and how long the child may still keep us waiting for it."""

    def __init__(self, reader: int, seconds: float) -> None:
        self._reader, self._left = reader, seconds
        self._ready = select.poll()
        self._ready.register(reader, select.POLLIN)

    def read(self, size: int) -> NDArray[np.uint8]:
        """Raises TimeoutError when the time is up, EOFError when the child is gone."""
        buffer = np.empty(size, np.uint8)
        view = memoryview(buffer.data)
        while view:
            beat()  # the child's time is bounded: waiting for it is no hanging
            began = time.monotonic()
            ready = self._ready.poll(max(0.0, min(self._left, _SLICE_SECONDS)) * 1000)
            self._left -= time.monotonic() - began
            if not ready:
                if self._left <= 0:
                    raise TimeoutError
                continue
            got = os.readv(self._reader, [view])
            if got == 0:
                raise EOFError
            view = view[got:]
        return buffer


__all__ = ["MediaError", "Message", "converse"]
