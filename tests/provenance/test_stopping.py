"""Signing and verifying show that they live, and end when told to: a lost lease is no verdict and no failure."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.errors import Conflict
from core.heartbeat import beat, beating
from provenance import reader, stamping
from provenance.credential import seal
from provenance.errors import SignerFailed, SigningError, TimestampUnavailable
from provenance.signer import FileSigner
from provenance.verify import verify
from tests.provenance.conftest import MARK_ID, Studio, seal_facts
from tests.provenance.doubles import MemoryRegistry, ToldSenses


class Lost(Conflict):
    """As a pipeline's lost lease."""


class Count:
    """A callback that counts, and raises when it is called below the named function."""

    def __init__(self, lost_in: str = "") -> None:
        self.beats = 0
        self.lost_in = lost_in

    def __call__(self) -> None:
        self.beats += 1
        frame = sys._getframe() if self.lost_in else None
        while frame is not None:
            if frame.f_code.co_name == self.lost_in:
                raise Lost("no longer ours")
            frame = frame.f_back


@dataclass(frozen=True)
class SlowService:
    """A key service that shows that it waits."""

    inner: FileSigner
    chain: str
    timestamp_url: str
    development: bool = True

    def sign(self, data: bytes) -> bytes:
        beat()
        return self.inner.sign(data)


@pytest.fixture
def service(studio: Studio) -> SlowService:
    return SlowService(studio.signer, studio.signer.chain, studio.signer.timestamp_url)


def test_a_lease_that_is_lost_while_the_key_service_signs_ends_the_sealing(
    studio: Studio, service: SlowService, tmp_path: Path
) -> None:
    """The library calls the signer back, and would turn whatever it raises into a bad signature."""
    with pytest.raises(Lost), beating(Count(lost_in="sign")):
        seal(studio.asset, tmp_path / "out.mp4", seal_facts(), service)
    assert list(tmp_path.iterdir()) == []


def test_a_lease_that_is_lost_between_two_tries_ends_the_sealing(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamping, "PAUSE", 0.01)
    deaf = replace(studio.signer, timestamp_url="http://127.0.0.1:9/")
    counting = Count()
    with pytest.raises(TimestampUnavailable), beating(counting):
        seal(studio.asset, tmp_path / "out.mp4", seal_facts(), deaf)
    assert counting.beats >= stamping.TRIES
    with pytest.raises(Lost), beating(Count(lost_in="token_over")):
        seal(studio.asset, tmp_path / "out.mp4", seal_facts(), deaf)


def test_a_lost_lease_is_no_verdict(studio: Studio) -> None:
    for place in ("read_raw", "read"):
        with pytest.raises(Lost), beating(Count(lost_in=place)):
            verify(
                studio.published.path,
                registry=MemoryRegistry(),
                anchors=studio.anchors,
                senses=ToldSenses(MARK_ID),
            )


def test_waiting_for_the_reading_child_beats(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "SLICE_SECONDS", 0.02)
    counting = Count()
    with beating(counting):
        assert reader.read_raw(studio.published.path, studio.anchors).status == "found"
    assert counting.beats >= 3


def test_a_child_that_says_nothing_is_waited_for_and_no_longer_than_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "SLICE_SECONDS", 0.02)
    taking, giving = os.pipe()
    try:
        counting = Count()
        with beating(counting), pytest.raises(TimeoutError):
            reader._collect(taking, time.monotonic() + 0.2)
        assert counting.beats >= 5
        late = threading.Timer(0.1, lambda: (os.write(giving, b"{}"), os.close(giving)))
        late.start()
        assert reader._collect(taking, time.monotonic() + 5) == b"{}"
        late.join()
    finally:
        os.close(taking)


def test_what_may_well_succeed_later_says_so() -> None:
    assert TimestampUnavailable("x").retryable
    assert SignerFailed("x").retryable
    assert issubclass(SignerFailed, SigningError)
    assert not SigningError("x").retryable  # what the library refuses, it refuses again
