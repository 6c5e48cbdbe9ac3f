"""The process with the key signs one claim of the manifest that it ordered, whatever the child that builds it says."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from core.canonical import digest_file_once
from core.media import nurseries
from core.media.own import OwnFile
from provenance import credential, signing
from provenance.credential import publish, seal
from provenance.errors import SigningError
from provenance.exchange import receive, send
from provenance.manifest import published_manifest, sealed_manifest
from provenance.models import ApprovalFacts, GateFact
from provenance.signing import SigningJob, sign
from provenance.signing_child import timestamped
from tests.provenance.conftest import Studio, seal_facts

URN = "urn:c2pa:00000000-0000-4000-8000-000000000001"
CLAIM = b"a claim of " + URN.encode()


@dataclass
class Counting:
    """A signer that counts."""

    studio: Studio
    signed: int = 0
    development: bool = True

    @property
    def chain(self) -> str:
        return self.studio.signer.chain

    @property
    def timestamp_url(self) -> str:
        return self.studio.signer.timestamp_url

    def sign(self, data: bytes) -> bytes:
        self.signed += 1
        return self.studio.signer.sign(data)


class Taken:
    """A child that was taken over: it says what it likes over the socket that it was given."""

    def __init__(self, says: Callable[[int], None]) -> None:
        self._says = says

    def __call__(self, _module: str, _request: Any, *, out: int, **_: Any) -> Taken:
        self._thread = threading.Thread(target=self._talk, args=(os.dup(out),))
        self._thread.start()
        return self

    def _talk(self, descriptor: int) -> None:
        try:
            self._says(descriptor)
        except (OSError, EOFError):  # it was hung up on
            pass
        finally:
            os.close(descriptor)

    def kill(self) -> None: ...

    def wait(self) -> None:
        self._thread.join()


def of_another(talk: int) -> None:
    send(talk, b"C", b"a claim of urn:c2pa:00000000-0000-4000-8000-00000000000f")


def twice(talk: int) -> None:
    for _ in range(2):
        send(talk, b"C", CLAIM)
        receive(talk, {b"c": 64})


def a_clock_before_the_signature(talk: int) -> None:
    send(talk, b"T", bytes(32))


def a_flood(talk: int) -> None:
    send(talk, b"C", CLAIM * 100_000)


def without_an_end(talk: int) -> None:
    send(talk, b"C", CLAIM)
    receive(talk, {b"c": 64})
    send(talk, b"T", bytes(32))


def an_error_with_words(talk: int) -> None:
    send(talk, b"E", b"as the file says: <script>")


@pytest.mark.parametrize(
    ("says", "signed"),
    [
        (of_another, 0),
        (twice, 1),
        (a_clock_before_the_signature, 0),
        (a_flood, 0),
        (without_an_end, 1),
        (an_error_with_words, 0),
    ],
)
def test_a_child_that_was_taken_over_gets_one_signature_at_most_and_no_file(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: Callable[[int], None], signed: int
) -> None:
    monkeypatch.setattr(signing, "start", Taken(says))
    signer = Counting(studio)
    with pytest.raises(SigningError) as caught:
        sign(SigningJob(URN, {}, studio.asset, signer, ""), tmp_path / "out.mp4")
    assert signer.signed == signed and list(tmp_path.iterdir()) == []
    assert "script" not in str(caught.value)


def test_a_file_that_says_something_else_than_was_ordered_is_deleted(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates = (GateFact("lip_sync", "1", "pass", "00" * 32),)

    def lying(job: SigningJob, out: Path) -> bytes:
        if job.intent == "UPDATE":
            said = published_manifest(job.urn, ApprovalFacts("44" * 32, "seen"), demonstration=True)
        else:
            said = sealed_manifest(job.urn, seal_facts(gates=gates), ftyp_sha256="", demonstration=True)
        return sign(replace(job, manifest=said), out)

    monkeypatch.setattr(credential, "sign", lying)
    with pytest.raises(SigningError, match="does not say what was ordered"):
        seal(studio.asset, tmp_path / "out.mp4", seal_facts(), studio.signer, anchors=studio.anchors.own)
    with pytest.raises(SigningError, match="does not say what was ordered"):
        publish(studio.sealed.path, tmp_path / "out.mp4", ApprovalFacts("33" * 32, "seen"), studio.signer)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_our_own_is_published_by_a_child_of_a_nursery(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forked = []
    fork = nurseries.Nursery.fork

    def noted(self: nurseries.Nursery, *given: Any) -> Any:
        forked.append(self.module)
        return fork(self, *given)

    monkeypatch.setattr(nurseries.Nursery, "fork", noted)
    own = OwnFile(digest_file_once(studio.sealed.path))
    facts, anchors = ApprovalFacts("33" * 32, "seen"), studio.anchors.own
    publish(studio.sealed.path, tmp_path / "out.mp4", facts, studio.signer, anchors=anchors, own=own)
    assert forked[0] == "provenance.signing_child"
    for nursery in nurseries.OPEN.values():
        nursery.close()


def test_a_timestamp_that_finds_no_place_is_refused() -> None:
    signature = bytes(range(64))
    store = b"\xa1\x63pad\x59\x10\x00" + bytes(0x1000) + b"\xf6\x58\x40" + signature
    old, new = timestamped(store, signature, b"x" * 300)
    assert len(old) == len(new) and b"sigTst2" in new and new.endswith(signature)
    with pytest.raises(ValueError, match="too long"):
        timestamped(store, signature, b"x" * 4000)
    with pytest.raises(ValueError, match="padding"):
        timestamped(store.replace(b"\xf6\x58", b"\x00\xf6\x58"), signature, b"x")
