"""Pictures come upright, in their true colours, at their true times; sound lies on the same axis."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.errors import MediaError
from core.media.decode import frames, sound, sound_blocks
from core.media.reading import read
from core.settings import MediaSettings
from tests.core.media_files import RATE, picture, write_raw, write_video
from tests.media_catalogue import sounds


def test_every_picture_once_with_its_time(clip: Path) -> None:
    seen = list(frames(clip))
    assert [f.index for f in seen] == list(range(50))
    assert [f.time for f in seen] == [Fraction(i, 25) for i in range(50)]
    assert all(f.image.shape == (180, 320, 3) and f.image.dtype == np.uint8 for f in seen)
    for i in (0, 17, 49):
        assert np.abs(seen[i].image.astype(int) - picture(i)).mean() < 2.5


def test_the_picture_is_the_callers_to_change(clip: Path) -> None:
    frame = next(frames(clip))
    frame.image[:] = 0
    assert not frame.image.any()


def test_a_variable_clock_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 40, 80, 200, 240, 250, 400, 440, 520, 700]
    path = write_raw(tmp_path / "vfr.mp4", 320, 180, times=times)
    assert [f.time for f in frames(path)] == [Fraction(t, 1000) for t in times]


@pytest.mark.parametrize("angle", [90.0, -90.0, 180.0])
def test_a_rotated_phone_video_is_turned_upright(tmp_path: Path, angle: float) -> None:
    """The matrix says how far the player must turn the picture; positive is counterclockwise (FFmpeg)."""
    plain = next(frames(write_raw(tmp_path / "plain.mp4", 320, 180))).image
    turned = next(frames(write_raw(tmp_path / "turned.mp4", 320, 180, rotation=angle))).image
    expected = np.rot90(plain, round(angle / 90))
    assert turned.shape == expected.shape
    assert np.abs(turned.astype(int) - expected).mean() < 1.0


@pytest.mark.parametrize("colorspace", [1, 5])
@pytest.mark.parametrize("full", [False, True])
def test_colours_follow_the_files_own_matrix(tmp_path: Path, colorspace: int, full: bool) -> None:
    """BT.709 and BT.601, limited and full range: the same colours come back."""
    colours = np.array([[[200, 40, 40], [40, 200, 40], [40, 40, 200], [220, 220, 220]]], np.uint8)
    image = np.repeat(np.repeat(colours, 64, axis=0), 64, axis=1)
    path = tmp_path / "colour.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = colorspace, 2 if full else 1
        stream.codec_context.options = {"crf": "1"}
        frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(
            format="yuv420p", dst_colorspace=colorspace, src_color_range=2, dst_color_range=2 if full else 1
        )
        frame.colorspace, frame.color_range = colorspace, 2 if full else 1
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    back = next(frames(path)).image
    assert np.abs(back[32, 32::64].astype(int) - image[32, 32::64]).max() <= 5


def test_a_jump_of_size_is_refused(tmp_path: Path) -> None:
    small, large = (write_raw(tmp_path / f"{w}.ts", w, 64, codec="mpeg2video") for w in (64, 128))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(MediaError) as caught:
        list(frames(joined))
    assert caught.value.code == "size_changes"


def test_a_clock_that_runs_past_the_limit_is_refused_in_mid_file(tmp_path: Path) -> None:
    """What the container declares is a claim; the pictures' own times count too."""
    path = write_raw(tmp_path / "long.mkv", 64, 64, codec="mpeg4", frames=30)
    with pytest.raises(MediaError) as caught:
        list(frames(path, MediaSettings(max_seconds=0.5)))
    assert caught.value.code == "too_long"


def test_sound_is_mono_at_the_asked_rate(clip: Path) -> None:
    samples = sound(clip)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert abs(len(samples) - 2 * RATE) < 0.02 * RATE
    spectrum = np.abs(np.fft.rfft(samples[4000:20000]))
    assert abs(np.argmax(spectrum) * RATE / 16000 - 440) < 2
    assert 0.27 < np.abs(samples[4000:20000]).max() < 0.33
    assert abs(len(sound(clip, 48_000)) - 96_000) < 1000


def test_no_sound_is_an_empty_array(tmp_path: Path) -> None:
    path = write_video(tmp_path / "mute.mp4", [picture(0)] * 5)
    assert sound(path).shape == (0,)
    assert list(sound_blocks(path)) == []


def test_sound_blocks_have_the_files_rate_and_come_as_two_speakers_play_them(clip: Path) -> None:
    blocks = list(sound_blocks(clip))
    assert all(b.ndim == 2 and b.shape[1] == 2 for b in blocks)
    assert all(np.array_equal(b[:, 0], b[:, 1]) for b in blocks)  # one channel is played by both
    assert abs(sum(len(b) for b in blocks) - 96_000) < 1000


def test_sound_that_starts_late_is_preceded_by_silence(tmp_path: Path) -> None:
    """Both tracks share one axis: a click at 1.5 s is found at 1.5 s, though the track begins at 1 s."""
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for i in range(50):
            frame = av.VideoFrame.from_ndarray(picture(i, 64, 64), format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = np.zeros((1, RATE), np.int16)
        samples[0, RATE // 2] = 20_000
        block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = RATE, RATE, Fraction(1, RATE)
        container.mux(audio.encode(block))
        container.mux(audio.encode(None))
    found = sound(path)
    assert abs(int(np.argmax(np.abs(found))) - 1.5 * RATE) <= RATE // 1000


def test_a_click_keeps_its_place_through_our_own_encoder(tmp_path: Path) -> None:
    """AAC's priming samples must not shift the sound against the picture."""
    samples = np.zeros(2 * RATE, np.float32)
    samples[RATE : RATE + 4] = 0.9
    path = write_video(tmp_path / "click.mp4", [picture(i) for i in range(50)], samples)
    assert abs(int(np.argmax(np.abs(sound(path)))) - RATE) < 0.002 * RATE


def test_damage_in_mid_file_ends_in_pictures_or_a_clear_error(clip: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = clip.read_bytes()
    start = data.index(b"mdat") + 400
    for _ in range(4):
        path = tmp_path / "hurt.mp4"
        hurt = bytearray(data)
        for at in rng.integers(start, len(data), 40):
            hurt[at] = rng.integers(256)
        path.write_bytes(hurt)
        try:
            assert len(list(frames(path))) <= 50
            sound(path)
        except MediaError as error:
            assert error.code in {"damaged", "unreadable", "no_frames"}


def test_real_clips_are_read_to_the_end(test_media: Path) -> None:
    """One of each container in the collection."""
    for suffix in ("avi", "mpg", "webm", "mp4"):
        path = min((test_media / "real").glob(f"*.{suffix}"), key=lambda p: p.stat().st_size)
        times = [f.time for f in frames(path)]
        assert len(times) > 10
        assert times == sorted(set(times))
        assert abs(len(sound(path)) / RATE - float(times[-1])) < 1.0


def test_channels_that_do_not_say_where_they_are_heard_are_refused(tmp_path: Path) -> None:
    """Matroska does not keep the layout of PCM: a guess would leave one of three channels to nobody's ears."""
    path = tmp_path / "three.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=RATE, layout="2.1")
        for i in range(10):
            frame = av.VideoFrame.from_ndarray(picture(i, 64, 64), format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(np.full((1, 3 * 6400), 3000, np.int16), format="s16", layout="2.1")
        block.sample_rate, block.pts, block.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(audio.encode(block))
    with pytest.raises(MediaError) as refused:
        sound(path)
    assert refused.value.code == "layout" and "3 channels" in refused.value.what


def test_where_sound_is_placed_twice_is_one_span_and_ends_when_the_clock_has_caught_up(
    tmp_path: Path,
) -> None:
    path = tmp_path / "overlap.ts"
    sounds.overlap(path, seed=218791, seconds=0.36210653082956973)
    with read(path) as reading:
        reading.finish()
    ((t0, t1),) = reading.decoded.overlaps
    assert reading.decoded.dropped == pytest.approx(t1 - t0, abs=0.002)
    assert 0.3 < t1 - t0 < 0.4
