"""Windows: what stands out in a clip's own seconds stands out in the numbers; gaps and short clips are honest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detect.artifact import windows as table_module
from detect.artifact.quality import smooth, speaking
from detect.artifact.regions import INDEX, NAMES
from detect.artifact.windows import KEPT, OFF, WINDOW, Windows, colour_departure, in_parts, joined, windows

Array = NDArray[Any]


def clip(seconds: float, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    frame_times = np.arange(0, seconds, 0.04)
    times = frame_times[::2]
    measures = rng.normal(size=(len(times), len(NAMES))) * 0.1
    still = rng.uniform(100, 200, (1, len(KEPT) + 1, 2))
    points = still + rng.normal(size=(len(frame_times), len(KEPT) + 1, 2)) * 0.05
    points[:, -1] = (140, 0)
    return times, measures, frame_times, points


def column(table: Windows, name: str) -> Array:
    return table.values[:, table.names.index(name)]


def test_too_few_frames_give_no_window() -> None:
    times, measures, frame_times, points = clip(0.3)
    assert windows(times, measures, frame_times, points) is None


def test_parts_of_a_long_clip_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    times, measures, frame_times, points = clip(100)
    kept = np.flatnonzero((frame_times < 31) | (frame_times > 38.5))
    frame_times, points = frame_times[kept] + 3.3, points[kept]
    rows = np.flatnonzero((times < 31) | (times > 38.5))
    times, measures = times[rows] + 3.3, measures[rows].astype(np.float32)
    monkeypatch.setattr(table_module, "PART", 1000.0)
    whole = windows(times, measures, frame_times, points)
    monkeypatch.setattr(table_module, "PART", 20.0)
    parts = list(in_parts(times, measures, frame_times, points))
    together = joined(parts)
    assert whole is not None and len(parts) == 5
    assert np.array_equal(together.start, whole.start)
    assert np.abs(together.values - whole.values).max() < 1e-5
    assert np.array_equal(colour_departure(together.only(OFF)), colour_departure(together))


def test_names_and_values_agree_and_nothing_is_nan() -> None:
    times, measures, frame_times, points = clip(4)
    measures[0, INDEX["change_face"]] = np.nan
    table = windows(times, measures, frame_times, points)
    assert table is not None
    assert table.values.shape[1] == len(table.names) == len(set(table.names))
    assert np.isfinite(table.values).all()
    assert np.allclose(table.end - table.start, WINDOW)


def test_a_second_of_blur_stands_out_against_the_clip_itself() -> None:
    times, measures, frame_times, points = clip(6)
    spoilt = (times >= 2) & (times < 3)
    measures[spoilt, INDEX["fine_mouth"]] -= 2
    table = windows(times, measures, frame_times, points)
    assert table is not None
    z = column(table, "z_sharp_fine_mouth_eyes")
    inside = (table.start >= 2) & (table.end <= 3.05)
    outside = (table.end <= 2) | (table.start >= 3)
    assert z[inside].max() < -4
    assert np.abs(z[outside]).max() < 3


def test_a_trembling_face_bends_its_tracks() -> None:
    times, measures, frame_times, points = clip(6)
    rng = np.random.default_rng(1)
    shaking = (frame_times >= 2) & (frame_times < 3)
    points[shaking] += rng.normal(size=(shaking.sum(), 1, 2)) * 3
    table = windows(times, measures, frame_times, points)
    assert table is not None
    bend = column(table, "bend_head")
    inside = (table.start >= 2) & (table.end <= 3)
    assert bend[inside].min() > bend[table.end <= 2].max() + 1


def test_an_hour_costs_what_its_windows_cost_and_a_far_scene_does_not_count() -> None:
    times, measures, frame_times, points = clip(60)
    measures[times > 30, INDEX["a_chin"]] += 40  # another scene: a new normal, not a defect of half a minute
    table = windows(times, measures, frame_times, points)
    assert table is not None
    off = column(table, "off_chin_forehead")
    assert off[(table.start > 45)].max() < 5


def test_smoothing_averages_neighbours_and_keeps_the_length() -> None:
    start = np.array([0.0, 0.24, 0.48, 5.0])
    table = Windows(start, start + WINDOW, np.zeros((4, 1), np.float32), ("x",))
    out = smooth(np.array([0.0, 1.0, 0.0, 0.7]), table)
    assert np.allclose(out, [0.5, 0.5, 0.5, 0.7])


def test_speech_is_told_from_silence() -> None:
    start = np.arange(0, 2, 0.24)
    table = Windows(start, start + WINDOW, np.zeros((len(start), 1), np.float32), ("x",))
    rng = np.random.default_rng(0)
    sound = np.zeros(16000 * 3, np.float32)
    sound[:16000] = rng.normal(size=16000) * 0.1
    share = speaking(sound, table)
    assert share[0] == 1 and share[-1] == 0
    assert not speaking(np.zeros(0, np.float32), table).any()
