"""The time axis that people step through: as many frames as are presented, each at exactly its own time."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.media import reading as reading_module
from core.media.axis import BINS, axis_of
from core.media.child_scan import times
from core.media.confined import Message
from core.media.decode import frames
from core.media.errors import MediaError
from core.media.models import FrameTimes
from core.media.reading import read
from tests.core.media_files import picture, tone, write_raw, write_video
from tests.media_catalogue import clocks

UNEVEN = [0, 40, 80, 200, 240, 250, 400, 440, 520, 700]


def test_an_even_clock_is_one_run_of_steps(tmp_path: Path) -> None:
    path = write_video(tmp_path / "even.mp4", [picture(n) for n in range(30)], tone(1.2))
    axis = axis_of(path)
    assert [axis.frames.at(n) for n in range(30)] == [Fraction(n, 25) for n in range(30)]
    assert len(axis.frames.runs()) == 1 and sum(often for _, often in axis.frames.runs()) == 29


def test_an_uneven_clock_keeps_each_time(tmp_path: Path) -> None:
    axis = axis_of(write_raw(tmp_path / "vfr.mp4", 320, 180, times=UNEVEN))
    assert [axis.frames.at(n) for n in range(len(UNEVEN))] == [Fraction(t, 1000) for t in UNEVEN]
    ticks = np.cumsum([0, *[step for step, often in axis.frames.runs() for _ in range(often)]])
    assert [Fraction(int(tick), axis.frames.base) for tick in ticks] == [Fraction(t, 1000) for t in UNEVEN]


@pytest.mark.parametrize(
    ("make", "suffix"),
    [
        (partial(clocks.uneven, how="jitter"), ".mp4"),
        (partial(clocks.uneven, how="pause"), ".mkv"),
        (partial(clocks.trimmed, picture_cut=0.8, sound_cut=0.0), ".mp4"),
        (partial(clocks.avi, codec="libx264", b_frames=2), ".avi"),
    ],
    ids=["jitter", "pause", "cut", "avi"],
)
def test_they_are_the_times_of_the_pictures_that_come_out(make: Any, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    make(path)
    axis = axis_of(path)
    decoded = [frame.time for frame in frames(path)]
    assert len(axis.frames) == len(decoded)
    exact = suffix != ".avi"  # an AVI's decoder is given the times rounded to the microsecond
    for index, time in enumerate(decoded):
        assert axis.frames.at(index) == time if exact else abs(axis.frames.at(index) - time) < 2e-6


def test_loudness_is_told_in_parts_of_the_whole_video(tmp_path: Path) -> None:
    pictures = [picture(n) for n in range(50)]
    loud = np.concatenate([np.zeros(16_000, np.float32), tone(1.0, level=0.5)])
    peaks = axis_of(write_video(tmp_path / "half.mp4", pictures, loud)).peaks
    assert len(peaks) == BINS and max(peaks[: BINS // 3]) < 5 and 35 < max(peaks[-BINS // 3 : -10]) < 65
    assert axis_of(write_video(tmp_path / "silent.mp4", pictures)).peaks == ()


def test_only_who_asks_for_times_gets_them(tmp_path: Path) -> None:
    path = write_video(tmp_path / "even.mp4", [picture(n) for n in range(10)])
    with read(path, want="") as found:
        assert found.times is None
    with read(path, want="T") as found:
        found.finish()
        assert found.times is not None and len(found.times) == 10


def test_clocks_without_a_common_tick_are_told_to_the_microsecond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Found:
        video = 0
        ticks = {0: type("T", (), {"base": Fraction(1, 90_001)})()}
        clocks = {0: None}
        times = np.array([0.0, 0.04])

    shifted = [(np.array([0, 3600], np.int64), None, Fraction(1, 999_983))]
    monkeypatch.setattr("core.media.child_scan._epochs", lambda *_: shifted)
    ticks, base = times(Found())  # type: ignore[arg-type]
    assert (ticks.tolist(), base) == ([0, 40_000], 1_000_000)


@pytest.mark.parametrize(
    "ticks, base",
    [
        ([0, 1], 25),
        ([0, 2, 1], 25),
        ([-1, 0, 1], 25),
        ([0, 1, 10**9], 25),
        ([0, 1, 2], 0),
        ([0, 1, 2], 2**40),
    ],
)
def test_a_child_that_was_taken_over_tells_no_other_times(
    ticks: list[int], base: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "three.mp4", [picture(n) for n in range(3)])
    real = reading_module.converse

    def lying(*args: Any, **more: Any) -> Any:
        for message in real(*args, **more):
            if message.kind == b"T":
                head = int(base).to_bytes(8, "little", signed=True)
                body = np.frombuffer(np.array(ticks, np.int64).tobytes(), np.uint8)
                yield Message(b"T", head, body)
            else:
                yield message

    monkeypatch.setattr(reading_module, "converse", lying)
    with pytest.raises(MediaError), read(path, want="T") as found:
        found.finish()


def test_one_picture_has_no_steps() -> None:
    assert FrameTimes(np.array([0], np.int64), 25).runs() == []
