"""Signing beside a child that builds (trust steps 9 and 12): the key is here, the C2PA library and the files are there.

The library reads containers and the credentials of whoever made them, which may be hostile, in native code. It does so
in :mod:`provenance.signing_child`, which has no key, no network and no files. Of what comes back this process parses
lengths: it signs one claim of the manifest that it ordered, and whoever asked reads the file again before it counts.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.heartbeat import beat
from core.media.own import OwnFile
from core.media.starting import start
from core.settings import get_settings
from provenance.errors import ProvenanceError, SignerFailed, SigningError
from provenance.exchange import LARGEST_CLAIM, LARGEST_STORE, receive, send
from provenance.signer import Signer
from provenance.stamping import token_over
from provenance.trust import library_settings

SLICE_SECONDS = 1.0  # of waiting between two beats
SECONDS_BASE, SECONDS_PER_BYTE = 60.0, 2e-7
_KINDS = {b"C": LARGEST_CLAIM, b"T": 32, b"Z": LARGEST_STORE, b"E": 60}


@dataclass(frozen=True)
class Material:
    """An ingredient whose bytes the library reads: ``entry`` is its definition, by the library's names."""

    path: Path
    media_type: str
    entry: Mapping[str, str]


@dataclass(frozen=True)
class SigningJob:
    """One credential to be made.

    Attributes:
        urn: of the manifest; ``manifest`` is its definition. intent: the library's, "" for none.
        source: the video (mp4). materials: what else is read.
        anchors: PEM of trusted roots, under which ingredients' own credentials are recorded as trusted.
        own: the caller's word that source and materials are ours (:mod:`core.media.starting`).
    """

    urn: str
    manifest: Mapping[str, Any]
    source: Path
    signer: Signer
    anchors: str
    intent: Literal["", "EDIT", "UPDATE"] = ""
    materials: tuple[Material, ...] = ()
    own: OwnFile | None = None


def sign(job: SigningJob, out: Path) -> bytes:
    """Sign into ``out``, which appears complete or not at all; the manifest store.

    Raises:
        TimestampUnavailable, SignerFailed: can be tried again. SigningError: the library refused, or did not end.
    """
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        store = _built(job, part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return store


def _built(job: SigningJob, part: Path) -> bytes:
    size = sum(path.stat().st_size for path in (job.source, *(each.path for each in job.materials)))
    seconds = SECONDS_BASE + SECONDS_PER_BYTE * size
    given = {
        "settings": library_settings(job.anchors),
        "chain": job.signer.chain,
        "manifest": job.manifest,
        "intent": job.intent,
        "materials": [[dict(each.entry), each.media_type] for each in job.materials],
    }
    ours, theirs = socket.socketpair()
    files = [part.open("w+b"), *(each.path.open("rb") for each in job.materials)]
    try:
        with theirs, job.source.open("rb") as source:
            child = start(
                "provenance.signing_child",
                {
                    "memory_bytes": get_settings().media.child_memory_mb * 1_000_000,
                    "cpu_seconds": int(seconds) + 1,
                    "file_bytes": job.source.stat().st_size + LARGEST_STORE,
                },
                file=source,
                out=theirs.fileno(),
                more=[file.fileno() for file in files],
                given=json.dumps(given).encode(),
                own=job.own,
            )
    except BaseException:
        ours.close()
        raise
    finally:
        for file in files:
            file.close()
    try:
        with ours:
            return _Talk(job, ours.fileno(), time.monotonic() + seconds).store()
    finally:
        child.kill()
        child.wait()


class _Talk:
    """What the child asks for, answered: one signature, then one timestamp."""

    def __init__(self, job: SigningJob, descriptor: int, until: float) -> None:
        self._job, self._descriptor, self._until = job, descriptor, until
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLIN)

    def store(self) -> bytes:
        """Raises as :func:`sign`."""
        try:
            for answer in (self._signed, self._stamped):
                kind, reply = answer(*receive(self._descriptor, _KINDS, self._wait))
                send(self._descriptor, kind, reply)
            kind, store = receive(self._descriptor, _KINDS, self._wait)
        except ProvenanceError:
            raise
        except (OSError, EOFError, ValueError) as error:  # a time that is over is an OSError
            raise self._failed(type(error).__name__) from error
        if kind != b"Z" or not store:
            raise self._refused(kind, store)
        return store

    def _signed(self, kind: bytes, claim: bytes) -> tuple[bytes, bytes]:
        if kind != b"C":
            raise self._refused(kind, claim)
        if self._job.urn.encode() not in claim:
            raise self._failed("a claim of another manifest")
        beat()
        try:
            return b"c", self._job.signer.sign(claim)
        except Exception as error:
            raise SignerFailed(
                f"the signer failed ({type(error).__name__})",
                next_step="check the key service; the asset stays unsigned and the stage can be tried again",
            ) from error

    def _stamped(self, kind: bytes, digest: bytes) -> tuple[bytes, bytes]:
        if kind != b"T" or len(digest) != 32:
            raise self._refused(kind, digest)
        return b"t", token_over(digest, self._job.signer.timestamp_url)

    def _wait(self) -> None:
        while True:
            beat()  # the child's time is bounded: waiting for it is no hanging
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if self._ready.poll(min(left, SLICE_SECONDS) * 1000):
                return

    def _refused(self, kind: bytes, said: bytes) -> SigningError:
        word = said.decode("ascii", "replace") if kind == b"E" else "an unexpected message"
        return self._failed(word if word.isidentifier() else "an unexpected message")

    def _failed(self, why: str) -> SigningError:
        return SigningError(
            f"the credential could not be made ({why})",
            where=self._job.source.name,
            next_step="the video or what it was made from cannot be read by the C2PA library; nothing was signed",
        )
