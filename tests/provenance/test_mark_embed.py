"""The embedder: gentle, luma only, any size, the same for the same input."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from provenance.mark import MarkEmbedder, MarkIdError
from tests.provenance.mark_media import ID, KEY, Image, marked, scene


def psnr(a: Image, b: Image) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2)))


def test_the_input_is_left_alone_and_the_same_input_gives_the_same_output() -> None:
    frame = scene(count=1)[0]
    before = frame.copy()
    embed = MarkEmbedder(ID, 1280, 720, KEY)
    first, second = embed(0, frame), embed(7, frame)
    assert np.array_equal(frame, before)
    assert np.array_equal(first, second)
    assert np.array_equal(first, MarkEmbedder(ID, 1280, 720, KEY)(0, frame))


def test_the_error_stays_under_the_bar_for_visibility() -> None:
    frame = scene(count=1)[0]
    assert psnr(frame, marked([frame])[0]) >= 46


def test_a_flat_grey_frame_is_hardly_touched() -> None:
    frame = np.full((720, 1280, 3), 127, np.uint8)
    change = np.abs(marked([frame])[0].astype(int) - frame)
    assert 0 < change.mean() < 1
    assert change.max() <= 3


def test_only_luma_changes() -> None:
    frame = np.full((180, 320, 3), (90, 130, 180), np.uint8)
    change = marked([frame])[0].astype(int) - frame
    assert np.array_equal(change[..., 0], change[..., 1])
    assert np.array_equal(change[..., 0], change[..., 2])


def test_the_face_is_marked_more_gently() -> None:
    frame = scene(count=1)[0]
    embed = MarkEmbedder(ID, 1280, 720, KEY)
    face = (500.0, 200.0, 780.0, 520.0)
    inside = np.s_[260:460, 560:720]
    outside = np.s_[20:150, 20:400]
    plain, gentle = embed(0, frame), embed(0, frame, face)
    assert psnr(frame[inside], gentle[inside]) > psnr(frame[inside], plain[inside]) + 1
    assert np.array_equal(plain[outside], gentle[outside])


def test_a_mark_has_no_low_frequencies() -> None:
    """Broad patches of light and dark would show on skin and on a studio wall."""
    frame = np.full((720, 1280, 3), 127, np.uint8)
    change = (marked([frame])[0].astype(np.float32) - frame)[..., 0]
    inner = np.s_[50:-50, 50:-50]  # a blur folds the border back
    assert np.abs(cv2.GaussianBlur(change, (0, 0), 16)[inner]).max() < 0.15


@pytest.mark.parametrize("size", [(160, 160), (161, 203), (1279, 719), (720, 1280), (3840, 2160)])
def test_any_size_from_160_to_4k(size: tuple[int, int]) -> None:
    frame = np.full((size[1], size[0], 3), 120, np.uint8)
    out = MarkEmbedder(ID, *size, KEY)(0, frame)
    assert out.shape == frame.shape
    assert not np.array_equal(out, frame)


def test_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a 1280x720"):
        MarkEmbedder(ID, 1280, 720, KEY)(0, np.zeros((720, 1282, 3), np.uint8))
    with pytest.raises(ValueError, match="px a side"):
        MarkEmbedder(ID, 8, 8, KEY)


def test_a_bad_id_or_key_is_refused() -> None:
    with pytest.raises(MarkIdError):
        MarkEmbedder(0, 1280, 720, KEY)
    with pytest.raises(MarkIdError):
        MarkEmbedder(ID, 1280, 720, b"short")


def test_it_keeps_up_with_60_frames_a_second_on_one_core() -> None:
    frame = scene(count=1)[0]
    embed = MarkEmbedder(ID, 1280, 720, KEY)
    embed(0, frame)
    start = time.process_time()
    for index in range(20):
        embed(index, frame)
    # CPU seconds; a busy machine's caches may cost half.
    assert 20 / (time.process_time() - start) > 30
