"""One small video, sealed and published under a development authority, for all tests of this package."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.errors import DevelopmentPart
from core.media.encode import VideoWriter
from provenance.credential import publish, seal
from provenance.models import Anchors, ApprovalFacts, Credential, GateFact, Ingredient, SealFacts
from provenance.pki import Pki, init_pki
from provenance.signer import FileSigner
from provenance.timestamp import DevelopmentTimestamps, TimestampAuthority

MARK_ID = 0x12_3456_789A


def write_clip(
    path: Path, *, seconds: float = 2.0, seed: int = 0, size: tuple[int, int] = (320, 240)
) -> Path:
    """A textured picture that moves, with a tone that sweeps: ``seconds`` at 25 fps."""
    width, height = size
    rng = np.random.default_rng(seed)
    tile = rng.integers(40, 215, (height // 8, width // 8, 3), dtype=np.uint8)
    picture = tile.repeat(8, axis=0).repeat(8, axis=1)
    rate, count = 16_000, int(seconds * 25)
    times = np.arange(int(seconds * rate)) / rate
    sound = (0.2 * np.sin(2 * np.pi * (200 + 60 * seed + 50 * times) * times)).astype(np.float32)
    with VideoWriter(path, width, height, Fraction(25), rate) as writer:
        for index in range(count):
            writer.write(np.roll(picture, 2 * index, axis=1))
            writer.write_sound(sound[index * rate // 25 : (index + 1) * rate // 25])
    return path


def seal_facts(**changes: object) -> SealFacts:
    """Facts of a usual generated render."""
    usual: dict[str, object] = {
        "gate_set": "standard",
        "gate_set_sha256": "ab" * 32,
        "gates": (GateFact("lip_sync", "1", "pass", "cd" * 32), GateFact("label", "1", "pass", "ef" * 32)),
        "mark_id": MARK_ID,
        "ingredients": (Ingredient("speech", "22" * 32, None, "audio/wav"),),
        "label_profile": "eu",
        "territory": "DE",
    }
    return SealFacts(**(usual | changes))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Studio:
    """A development authority with its signer, and one video through sealing and publishing."""

    pki: Pki
    signer: FileSigner
    anchors: Anchors
    asset: Path
    sealed: Credential
    published: Credential


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("studio")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevelopmentPart)
        pki = init_pki(folder / "pki")
    clock = DevelopmentTimestamps(TimestampAuthority.of(pki))
    signer = FileSigner.load(pki.key, pki.chain, timestamp_url=clock.url, development=True)
    anchors = Anchors(own=pki.anchors.read_text())
    asset = write_clip(folder / "asset.mp4")
    reference = write_clip(folder / "reference.mp4", seconds=1, seed=1)
    ingredients = (
        Ingredient("reference clip", "11" * 32, reference),
        Ingredient("speech", "22" * 32, None, "audio/wav"),
    )
    sealed = seal(
        asset, folder / "sealed.mp4", seal_facts(ingredients=ingredients), signer, anchors=anchors.own
    )
    published = publish(
        sealed.path, folder / "published.mp4", ApprovalFacts("33" * 32, "seen"), signer, anchors=anchors.own
    )
    yield Studio(pki, signer, anchors, asset, sealed, published)
    clock.close()
