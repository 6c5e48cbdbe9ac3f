"""What the process that holds the signing key and the child that builds a credential say to each other.

A message on their socket is ``<cQ`` (kind, length) and that many bytes. From the child: ``C`` the claim to be signed,
``T`` a SHA-256 to be timestamped, ``Z`` the manifest store at the end, ``E`` the name of an error. To the child: ``c``
a signature, ``t`` a timestamp token. No answer: the key holder has hung up.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

HEADER = struct.Struct("<cQ")
LARGEST_CLAIM = 1_000_000
LARGEST_TOKEN = 60_000
LARGEST_STORE = 64_000_000  # bytes of all manifests, those of ingredients included


def send(descriptor: int, kind: bytes, data: bytes) -> None:
    """One message; blocks while nobody reads."""
    view = memoryview(HEADER.pack(kind, len(data)) + data)
    while view:
        view = view[os.write(descriptor, view) :]


def receive(
    descriptor: int, most: dict[bytes, int], wait: Callable[[], None] = lambda: None
) -> tuple[bytes, bytes]:
    """The next message: its kind and what it holds.

    Args:
        most: the kinds that may come, each with the most bytes that it may hold.
        wait: called before each read; it may raise.

    Raises:
        EOFError: the other side is gone. ValueError: another message than may come.
    """
    kind, length = HEADER.unpack(_exactly(descriptor, HEADER.size, wait))
    if length > most.get(kind, -1):
        raise ValueError("an unknown or oversized message")
    return kind, _exactly(descriptor, length, wait)


def _exactly(descriptor: int, size: int, wait: Callable[[], None]) -> bytes:
    data = bytearray()
    while len(data) < size:
        wait()
        block = os.read(descriptor, min(size - len(data), 1 << 20))
        if not block:
            raise EOFError
        data += block
    return bytes(data)
