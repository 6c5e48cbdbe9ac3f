"""The streamed meter agrees with the whole-file one, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from detect.technical.loudness import LoudnessMeter
from tests.detect.technical.conftest import speech


def fed(samples: np.ndarray, rate: int, block: int) -> LoudnessMeter:  # type: ignore[type-arg]
    meter = LoudnessMeter(rate, samples.shape[1])
    for start in range(0, len(samples), block):
        meter.feed(samples[start : start + block])
    return meter


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_it_agrees_with_pyloudnorm(rate: int, channels: int) -> None:
    rng = np.random.default_rng(channels)
    swell = 0.02 + 0.3 * np.abs(np.sin(np.arange(6 * rate) / rate))
    samples = (swell[:, None] * rng.standard_normal((6 * rate, channels))).astype(np.float32)
    samples[2 * rate : 3 * rate] = 0  # gated away
    reference = pyloudnorm.Meter(rate).integrated_loudness(samples.astype(np.float64))
    assert fed(samples, rate, 1024).integrated == pytest.approx(reference, abs=0.1)


def test_the_size_of_the_blocks_does_not_count() -> None:
    samples = speech(3.0)[:, None]
    assert fed(samples, 48_000, 997).integrated == pytest.approx(
        fed(samples, 48_000, 48_000).integrated, abs=1e-6
    )


def test_a_full_scale_sine_reads_minus_three() -> None:
    """BS.1770: 997 Hz at 0 dBFS in one channel is -3.01 LKFS."""
    sine = np.sin(2 * np.pi * 997 * np.arange(5 * 48_000) / 48_000).astype(np.float32)[:, None]
    assert fed(sine, 48_000, 48_000).integrated == pytest.approx(-3.01, abs=0.1)


def test_a_peak_between_samples_is_found() -> None:
    """A sine at a quarter of the rate, 45 degrees off: samples at 0.707, the wave at 1."""
    sine = np.sin(2 * np.pi * np.arange(48_000) / 4 + np.pi / 4).astype(np.float32)[:, None]
    assert np.abs(sine).max() < 0.708
    assert fed(sine, 48_000, 1000).true_peak == pytest.approx(0.0, abs=0.3)


def test_silence_has_no_loudness() -> None:
    meter = fed(np.zeros((48_000, 1), np.float32), 48_000, 4800)
    assert meter.integrated == float("-inf")
    assert meter.true_peak == float("-inf")
