"""What a fingerprint comparison means for a verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from provenance.fingerprint.models import FACE_BYTES, PICTURE_VALUES, SHAPE_VALUES, Fingerprint
from provenance.fingerprint.watch import NO_FACE
from provenance.models import Difference
from provenance.senses import RealSenses, agreement
from tests.media_catalogue import sounds


def test_a_whole_copy_agrees() -> None:
    found = agreement(True, (), (0.0, 29.6), 30.0, 29.6)
    assert found.agrees and found.share == 1.0 and found.excerpt is None


def test_an_excerpt_is_no_faithful_copy() -> None:
    for covers in ((0.0, 28.0), (2.0, 30.0)):
        found = agreement(True, (), covers, 30.0, covers[1] - covers[0])
        assert not found.agrees and found.share == 1.0 and found.excerpt == covers


def test_the_share_counts_seconds_once() -> None:
    differences = (
        Difference(1.0, 2.0, "picture"),
        Difference(1.0, 2.0, "face"),
        Difference(3.0, 5.0, "speech"),
    )
    found = agreement(False, differences, None, 10.0, 10.0)
    assert not found.agrees and abs(found.share - 0.7) < 1e-9


def test_a_disagreement_without_seconds_agrees_nowhere() -> None:
    assert agreement(False, (), None, 10.0, 10.0).share == 0.0


def test_a_file_that_is_too_short_to_compare_says_so_instead_of_accusing() -> None:
    """No second is named as different where none was compared."""
    frames = np.arange(10, dtype=np.uint32) * 40
    short = Fingerprint(
        duration_ms=400,
        aspect=1778,
        picture_ms=frames[:2],
        pictures=np.zeros((2, PICTURE_VALUES), np.uint8),
        face_bits=np.zeros((2, FACE_BYTES), np.uint8),
        face_shape=np.zeros((2, SHAPE_VALUES), np.uint8),
        frame_ms=frames,
        motion=np.full((10, 5), NO_FACE, np.int16),
        speech=np.zeros(16, np.uint32),
        level=np.zeros(16, np.uint8),
    )
    found = RealSenses(key=b"k" * 32).compare(short, short)
    assert not found.agrees and found.differences == ()
    assert "too short" in found.reason and "0.4 s" in found.reason


def test_sound_that_a_clock_hides_was_not_heard(tmp_path: Path) -> None:
    """Packets at a time where there was sound already are left out here, and a player may play them."""
    path = tmp_path / "overlap.ts"
    sounds.overlap(path)
    (found,) = RealSenses(key=b"k" * 32).unheard(path)
    assert (found.what, round(found.t0)) == ("speech", 2)
