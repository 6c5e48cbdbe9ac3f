"""Start the confined child and listen to it. Whatever it says is checked: it may have been taken over."""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import MediaError
from core.media.errors import media_error
from core.media.wire import HEADER
from core.settings import MediaSettings, get_settings

_ROOT = Path(__file__).resolve().parents[2]
_HEAD_MAX = 1 << 20
_PIPE_BYTES = 1 << 20  # the most an unprivileged process may ask for
_ENVIRONMENT = {
    "PYTHONPATH": str(_ROOT),
    "PYTHONUTF8": "1",
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
        facts = json.loads(self.head)
        if not isinstance(facts, dict):
            raise ValueError("not an object")
        return facts


def converse(
    job: str, path: Path, limits: MediaSettings | None = None, **extra: Any
) -> Generator[Message, None, None]:
    """Run one job over one file in a confined child and yield its messages.

    The child is killed when the generator ends, however it ends. Only the time spent waiting for the child
    counts towards ``stall_seconds``.

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
                "file": file.fileno(),
                "out": writer,
                "threads": get_settings().threads,
                "memory_bytes": limits.child_memory_mb * 1_000_000,
                "cpu_seconds": int(limits.child_seconds * max(1.0, limits.max_seconds / 600)),
                "limits": limits.model_dump(mode="json"),
                **extra,
            }
            child = subprocess.Popen(
                [sys.executable, "-s", "-P", "-m", "core.media.child", json.dumps(request)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(file.fileno(), writer),
                env=_ENVIRONMENT,
                cwd="/",
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
        try:
            kind, head_size, body_size = HEADER.unpack(_read(reader, HEADER.size, path, limits).tobytes())
            if head_size > _HEAD_MAX or body_size > most:
                raise ValueError("an oversized message")
            message = Message(
                kind, _read(reader, head_size, path, limits).tobytes(), _read(reader, body_size, path, limits)
            )
            if kind == b"Z":
                return
            if kind == b"E":
                facts = message.json()
                raise media_error(str(facts.pop("code", "unreadable")), path, facts, limits)
        except (EOFError, ValueError, struct.error) as error:
            # The child ended without a word: killed by a limit, or a crash inside libav.
            raise media_error("decoder_died", path, {}, limits) from error
        yield message


def _widen(reader: int) -> None:
    import fcntl

    with_size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if with_size is not None:
        try:
            fcntl.fcntl(reader, with_size, _PIPE_BYTES)
        except OSError:
            return  # the default of 64 KiB works too, slower


def _read(reader: int, size: int, path: Path, limits: MediaSettings) -> NDArray[np.uint8]:
    buffer = np.empty(size, np.uint8)
    view = memoryview(buffer.data)
    waiting = select.poll()
    waiting.register(reader, select.POLLIN)
    while view:
        if not waiting.poll(limits.stall_seconds * 1000):
            raise media_error("stalled", path, {}, limits)
        got = os.readv(reader, [view])
        if got == 0:
            raise EOFError
        view = view[got:]
    return buffer


__all__ = ["MediaError", "Message", "converse"]
