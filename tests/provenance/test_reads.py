"""How often a video is read from end to end on its way out: each read has a reason, and no more creep in."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core import canonical
from core.blobs import ObstoreBlobs
from core.media.encode import VideoWriter
from core.models import AssetRole
from provenance.credential import publish, seal
from provenance.models import ApprovalFacts
from provenance.verify import verify
from tests.provenance.conftest import MARK_ID, Studio, seal_facts
from tests.provenance.doubles import MemoryRegistry, ToldSenses
from tests.reads import Reads, counted_reads


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this test are written once; that they were written a moment ago is no reason to read them again."""
    monkeypatch.setattr(canonical, "_SETTLED_SECONDS", 0.0)


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise, 1.6 MB: what is read of a header does not count beside it."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("noise") / "asset.mp4"
    with VideoWriter(path, 320, 240, Fraction(25), 0, crf=10) as writer:
        for _ in range(25):
            writer.write(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8))
    return path


@pytest.fixture
def store(tmp_path: Path) -> ObstoreBlobs:
    return ObstoreBlobs(f"file://{tmp_path / 'blobs'}", tmp_path / "cache", 10**9)


def sealed_in(store: ObstoreBlobs, asset: Path, studio: Studio, out: Path) -> str:
    seal(asset, out, seal_facts(), studio.signer, anchors=studio.anchors.own)
    return store.put_file(out, AssetRole.SEALED).sha256


def looked_at(path: Path, studio: Studio) -> str:
    """As the inspection and the release do it. (The real senses look for the mark in the first seconds.)"""
    senses = ToldSenses(MARK_ID)
    return verify(path, registry=MemoryRegistry(), anchors=studio.anchors, senses=senses).verdict


def at_most(reads: Reads, name: str, most: int) -> None:
    times = sum(share for read, _, share in reads.by if read == name[:24])
    assert 0 < times < most + 0.5, f"{name} was read {times:.1f} times, more than {most}:\n{reads.text()}"


def test_sealing_reads_the_asset_and_what_was_made_of_it(
    studio: Studio, asset: Path, store: ObstoreBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted_reads(monkeypatch) as reads:
        sealed_in(store, asset, studio, tmp_path / "sealed.mp4")
    at_most(reads, "asset.mp4", 2)  # its boxes; the signer
    at_most(reads, "sealed.mp4", 5)  # what it says, essence, boxes, digest; the copy into the store


def test_a_release_reads_each_file_for_a_reason(
    studio: Studio, asset: Path, store: ObstoreBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both files verified by their independent readers, signed, proven to hold the same media, and stored."""
    sha256 = sealed_in(store, asset, studio, tmp_path / "sealed.mp4")
    out = tmp_path / "published.mp4"
    time.sleep(0.02)
    with counted_reads(monkeypatch) as reads:
        path = store.get_file(sha256, AssetRole.SEALED)
        assert looked_at(path, studio) == "unreleased"
        facts, anchors = ApprovalFacts("33" * 32, "seen"), studio.anchors.own
        publish(path, out, facts, studio.signer, anchors=anchors, carried=studio.sealed.essence)
        assert looked_at(out, studio) == "unreleased"
        store.put_file(out, AssetRole.PUBLISHED)
    at_most(reads, path.name, 6)  # digest; packets and credential by two children; the signer twice; boxes
    at_most(
        reads, out.name, 6
    )  # what it says, boxes, digest; packets and credential by two children; the copy


def test_serving_reads_a_file_once(asset: Path, store: ObstoreBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = store.put_file(asset, AssetRole.PUBLISHED).sha256
    time.sleep(0.02)
    with counted_reads(monkeypatch) as reads:
        for _ in range(50):
            store.get_file(sha256, AssetRole.PUBLISHED)
            assert store.size(sha256, AssetRole.PUBLISHED) == asset.stat().st_size
    assert len(reads.by) == 1, reads.text()
