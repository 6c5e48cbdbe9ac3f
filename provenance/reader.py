"""Read a file's credential without trusting the file, the library or its summary (trust step 10).

A child process with explicit anchors; then our own judgement over what it reports: the success codes that
must be there, every failure anywhere, every ingredient, every manifest in the container. Nothing of the signer's is
used here but the names of assertions.
"""

from __future__ import annotations

import json
import os
import select
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.heartbeat import beat
from core.media.own import OwnFile
from core.media.starting import start
from core.settings import MediaSettings, get_settings
from provenance.models import Anchors
from provenance.trust import library_settings

_TRACES = (b"jumb", b"c2pa")
LARGEST_REPLY = 32_000_000  # bytes of JSON
SLICE_SECONDS = 1.0  # of waiting between two beats
SECONDS_BASE, SECONDS_PER_BYTE = 30.0, 2e-7  # a 100 MB file may take 50 s

Status = Literal["found", "none", "unsupported", "broken", "crashed"]


@dataclass(frozen=True)
class RawReading:
    """What the child said. ``trust_list``: own or others, whose anchors the settings held."""

    status: Status
    trust_list: Literal["own", "others"] = "own"
    embedded: bool = False
    error: str = ""
    store: dict[str, Any] = field(default_factory=dict)


def read_raw(
    path: Path, anchors: Anchors, limits: MediaSettings | None = None, *, own: OwnFile | None = None
) -> RawReading:
    """Run the library over a file in the confined child. A crash, a hang or a flood is ``crashed``. ``own`` vouches for
    the file: see :mod:`core.media.starting`."""
    limits = limits or get_settings().media
    lists = [library_settings(anchors.own)]
    if anchors.others.strip():
        lists.append(library_settings(anchors.own + "\n" + anchors.others))
    with path.open("rb") as file:
        seconds = SECONDS_BASE + SECONDS_PER_BYTE * os.fstat(file.fileno()).st_size
        reader, writer = os.pipe()
        try:
            request = {
                "memory_bytes": limits.child_memory_mb * 1_000_000,
                "cpu_seconds": int(seconds) + 1,
            }
            child = start(
                "provenance.reader_child",
                request,
                file=file,
                out=writer,
                given=json.dumps(lists).encode(),
                own=own,
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
    try:
        reply = json.loads(_collect(reader, time.monotonic() + seconds))
        return RawReading(
            reply["status"],
            "others" if reply.get("list") == 1 else "own",
            reply.get("embedded") is True,
            str(reply.get("error", ""))[:60],
            dict(reply.get("store") or {}),
        )
    except (OSError, ValueError, KeyError, TypeError, TimeoutError):
        return RawReading("crashed")
    finally:
        os.close(reader)
        child.kill()
        child.wait()


def holds_manifest(path: Path) -> bool:
    """Are there any bytes of a manifest store in the file: a JUMBF box that speaks of C2PA (ISO 19566-5)?"""
    tail, seen = b"", set()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            beat()
            window = tail + block
            seen |= {trace for trace in _TRACES if trace in window}
            if len(seen) == len(_TRACES):
                return True
            tail = window[-16:]
    return False


def _collect(reader: int, deadline: float) -> bytes:
    reply = bytearray()
    while True:
        beat()  # the child's time is bounded: waiting for it is no hanging
        left = deadline - time.monotonic()
        ready, _, _ = select.select([reader], [], [], max(0.0, min(left, SLICE_SECONDS)))
        if not ready:
            if left <= 0:
                raise TimeoutError
            continue
        block = os.read(reader, 1 << 16)
        if not block:
            return bytes(reply)
        reply += block
        if len(reply) > LARGEST_REPLY:
            raise ValueError("the reply is too long")
