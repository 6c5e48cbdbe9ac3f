"""Canonical bytes and digests: the same fact always hashes to the same value (RFC 8785, SHA-256)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from io import BufferedReader
from pathlib import Path
from typing import Any

import rfc8785

from core.heartbeat import beat


def canonical_json(value: Any) -> bytes:
    """RFC 8785 JSON. Raises ``rfc8785.CanonicalizationError`` for NaN, infinities and non-JSON types."""
    if _is_simple(value):
        with contextlib.suppress(UnicodeEncodeError):  # half a character: the library says so
            return _SIMPLE.encode(value).encode("utf-8")
    return rfc8785.dumps(value)


_SIMPLE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_EXACT = 2**53


def _is_simple(value: Any) -> bool:
    """Where Python's own encoder, which is ten times as quick, writes what RFC 8785 asks for: no floats, whose digits
    differ, no number that a double does not hold, and keys in ASCII, which every order sorts alike."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_EXACT < value < _EXACT)
    if kind is dict:
        return all(type(name) is str and name.isascii() and _is_simple(item) for name, item in value.items())
    return (kind is list or kind is tuple) and all(map(_is_simple, value))


def digest_json(value: Any) -> str:
    """Lower-case hex SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def digest_bytes(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Lower-case hex SHA-256 of a file, read in blocks."""
    beat()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_State = tuple[int, int, int, int, int]  # device, inode, size, mtime_ns, ctime_ns
_SETTLED_SECONDS = 0.1  # clocks of file systems step by up to 10 ms
_MOST_REMEMBERED = 10_000
_remembered: dict[_State, str] = {}
_lock = threading.Lock()


def digest_file_once(path: Path) -> str:
    """As :func:`digest_file`; a file that this process has read and that is as it was is not read again.

    As it was: on the same device, the same inode, size, time of its last write and of its last change. A file that
    was written a moment ago is read each time, as another write could leave it with the same times. What this cannot
    see: bytes that change beneath the file system, and a write through a mapping that this user holds open.
    """
    with path.open("rb") as file:
        return digest_open_file(file)


def digest_open_file(file: BufferedReader) -> str:
    """As :func:`digest_file_once`, of a file that is open, from its beginning; it is left there."""
    began = time.time()
    state = _state(os.fstat(file.fileno()))
    known = _remembered.get(state)
    if known is not None:
        return known
    beat()
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    settled = max(state[3:]) / 1e9 < began - _SETTLED_SECONDS
    if settled and _state(os.fstat(file.fileno())) == state:
        with _lock:
            if len(_remembered) >= _MOST_REMEMBERED:
                del _remembered[next(iter(_remembered))]  # the oldest
            _remembered[state] = digest
    return digest


def _state(found: os.stat_result) -> _State:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
