"""One encoder: true colours, tags that say so, the index in front, the same bytes again, all or nothing."""

from __future__ import annotations

import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.canonical import digest_file
from core.media.boxes import top_level
from core.media.decode import frames, sound
from core.media.encode import VideoWriter
from tests.core.media_files import FPS, RATE, picture, tone, write_video


def test_the_file_is_tagged_and_its_index_comes_first(clip: Path) -> None:
    with clip.open("rb") as file:
        kinds = [box.kind for box in top_level(file)]
    assert kinds.index("moov") < kinds.index("mdat")
    with av.open(str(clip)) as container:
        video, audio = container.streams.video[0].codec_context, container.streams.audio[0].codec_context
        assert (video.name, video.pix_fmt) == ("h264", "yuv420p")
        assert (video.color_primaries, video.color_trc, video.colorspace, video.color_range) == (1, 1, 1, 1)
        assert (audio.name, audio.sample_rate) == ("aac", 48_000)


def test_colours_survive(tmp_path: Path) -> None:
    """Greys and saturated colours come back within two levels of 255 at CRF 1."""
    rng = np.random.default_rng(7)
    patches = rng.integers(16, 236, (6, 10, 3), dtype=np.uint8)
    patches[0] = np.linspace(0, 255, 10, dtype=np.uint8)[:, None]
    image = np.repeat(np.repeat(patches, 32, axis=0), 32, axis=1)
    back = next(frames(write_video(tmp_path / "patches.mp4", [image], crf=1))).image
    error = back[16::32, 16::32].astype(int) - patches
    assert np.abs(error).max() <= 4
    assert np.abs(error.mean(axis=(0, 1))).max() <= 1.5


def test_a_key_frame_every_two_seconds(tmp_path: Path) -> None:
    path = write_video(tmp_path / "gop.mp4", [picture(i, 64, 64) for i in range(110)])
    with av.open(str(path)) as container:
        keys = [
            float(p.pts * p.time_base)
            for p in container.demux(video=0)
            if p.pts is not None and p.is_keyframe
        ]
    assert keys == [0.0, 2.0, 4.0]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    images = [picture(i) for i in range(30)]
    one, two = (write_video(tmp_path / f"{n}.mp4", images, tone(1.2)) for n in "ab")
    assert digest_file(one) == digest_file(two)


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "half.mp4"
    with pytest.raises(RuntimeError), VideoWriter(path, 64, 64, FPS, RATE) as writer:
        writer.write(picture(0, 64, 64))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(b"old")
    with VideoWriter(path, 64, 64, FPS, 0) as writer:
        writer.write(picture(0, 64, 64))
        assert path.read_bytes() == b"old"
    assert len(list(frames(path))) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_encoded_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="even sides"):
        VideoWriter(tmp_path / "odd.mp4", 63, 64, FPS, 0)
    with VideoWriter(tmp_path / "ok.mp4", 64, 64, FPS, 0) as writer:
        with pytest.raises(ValueError, match="expected uint8"):
            writer.write(picture(0, 32, 64))
        with pytest.raises(ValueError, match="without sound"):
            writer.write_sound(tone(0.1))
        writer.write(picture(0, 64, 64))


def test_stereo_stays_stereo(tmp_path: Path) -> None:
    path = tmp_path / "stereo.mp4"
    with VideoWriter(path, 64, 64, FPS, 48_000, channels=2) as writer:
        for i in range(25):
            writer.write(picture(i, 64, 64))
            both = np.stack([tone(0.04, 48_000), np.zeros(1920, np.float32)], axis=1)
            writer.write_sound(both)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.channels == 2


def test_odd_frame_rates_keep_their_clock(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "ntsc.mp4", [picture(i, 64, 64) for i in range(10)], fps=Fraction(30000, 1001)
    )
    assert [f.time for f in frames(path)] == [Fraction(i * 1001, 30000) for i in range(10)]


def test_sound_in_any_portions_is_the_same_sound(tmp_path: Path) -> None:
    images = [picture(i, 64, 64) for i in range(25)]
    whole = tmp_path / "whole.mp4"
    with VideoWriter(whole, 64, 64, FPS, RATE) as writer:
        writer.write_sound(tone(1.0))
        for image in images:
            writer.write(image)
    assert np.array_equal(sound(whole), sound(write_video(tmp_path / "bits.mp4", images, tone(1.0))))


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A hundred and fifty pictures of 640x360 are 104 MB; the encoder holds its look-ahead only."""
    images = [picture(i, 640, 360) for i in range(0, 40, 8)]
    with VideoWriter(tmp_path / "long.mp4", 640, 360, FPS, RATE, preset="ultrafast") as writer:

        def write(count: int) -> None:
            for i in range(count):
                writer.write(images[i % len(images)])
                writer.write_sound(tone(0.04))

        write(40)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        write(150)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 40_000  # kB
