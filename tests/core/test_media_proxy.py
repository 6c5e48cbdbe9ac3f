"""A proxy shows what the file shows, when the file shows it, in a form that every browser plays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.media.decode import frames
from core.media.errors import MediaError
from core.media.probe import probe
from core.media.proxy import WIDEST, write_proxy
from core.media.reading import read
from tests.core.media_files import picture, tone, write_raw, write_video

UNEVEN = [0, 40, 80, 200, 240, 250, 400, 440, 520, 700]


def test_it_shows_and_sounds_the_same_at_the_same_times(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", [picture(n) for n in range(30)], tone(1.2))
    proxy = write_proxy(source, tmp_path / "out.webm")
    info = probe(proxy)
    assert (info.video.codec, info.audio.codec if info.audio else "") == ("vp8", "opus")
    before, after = list(frames(source)), list(frames(proxy))
    assert [round(1000 * frame.time) for frame in after] == [40 * n for n in range(30)]
    for one, two in zip(before, after, strict=True):
        assert one.image.shape == two.image.shape
        assert np.abs(one.image.astype(int) - two.image.astype(int)).mean() < 6
    with read(proxy, want="H") as heard:
        heard.finish()
        assert heard.heard is not None and heard.heard.main is not None
        assert heard.heard.main.level == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=2)


def test_an_uneven_clock_stays_uneven(tmp_path: Path) -> None:
    source = write_raw(tmp_path / "vfr.mp4", 320, 180, times=UNEVEN)
    proxy = write_proxy(source, tmp_path / "out.webm")
    assert [frame.time for frame in frames(proxy)] == [Fraction(t, 1000) for t in UNEVEN]


def test_a_large_picture_gets_smaller_and_keeps_its_shape(tmp_path: Path) -> None:
    source = write_raw(tmp_path / "large.mp4", 1920, 1080, frames=3)
    video = probe(write_proxy(source, tmp_path / "out.webm")).video
    assert (video.width, video.height) == (WIDEST, 720)


def test_nothing_is_left_where_the_file_breaks(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", [picture(n) for n in range(30)], tone(1.2))
    source.write_bytes(source.read_bytes()[:4000])
    with pytest.raises(MediaError):
        write_proxy(source, tmp_path / "out.webm")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
