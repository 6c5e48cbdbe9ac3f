"""A probe says what a file is, or says clearly why it cannot be used and what to do."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from core.errors import MediaError
from core.media.probe import probe
from core.settings import MediaSettings
from tests.core.media_files import picture, write_raw, write_sound_only, write_video


def refusal(path: Path, **limits: Any) -> tuple[str, str]:
    with pytest.raises(MediaError) as caught:
        probe(path, MediaSettings(**limits))
    return caught.value.code, str(caught.value)


def test_a_good_file(clip: Path) -> None:
    info = probe(clip)
    assert info.size == clip.stat().st_size
    assert info.video.codec == "h264"
    assert (info.video.width, info.video.height, info.video.rotation) == (320, 180, 0)
    assert info.video.frame_rate == 25
    assert info.video.frames == 50
    assert info.video.duration == 2
    assert not info.video.variable
    assert info.audio is not None
    assert (info.audio.codec, info.audio.sample_rate, info.audio.channels) == ("aac", 48_000, 1)
    assert abs(info.audio.duration - 2) < Fraction(3, 100)


def test_no_sound_is_allowed(tmp_path: Path) -> None:
    assert probe(write_video(tmp_path / "mute.mp4", [picture(0)] * 5)).audio is None


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.mp4") == (
        "missing_file",
        "there is no such file, or it may not be read. Where: none.mp4. Next: check the path.",
    )


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    assert refusal(path) == (
        "empty_file",
        "the file is empty. Where: empty.mp4. Next: upload it again; the last transfer did not finish.",
    )


def test_a_text_file_named_mp4(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("Dear customer,\n" * 100)
    assert refusal(path) == (
        "not_a_video",
        "this is not a video that can be read. Where: notes.mp4. Next: export the video again (MP4 with H.264 and "
        "AAC is safest) and try that file.",
    )


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_truncated_mp4(clip: Path, tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[: int(clip.stat().st_size * share)])
    assert refusal(path) == (
        "truncated",
        "the file ends before its content does. Where: cut.mp4. Next: upload it again; the last transfer did not "
        "finish.",
    )


def test_an_mp4_whose_index_at_the_end_is_lost(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "late.mp4", 320, 180)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moov") - 4])
    assert refusal(path)[0] == "truncated"


def test_one_pixel(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "dot.avi", 1, 1, codec="rawvideo", pixel_format="bgr24")
    assert refusal(path) == (
        "too_small",
        "the picture is 1x1; each side must have at least 16 pixels. Where: dot.avi. Next: export it larger.",
    )


def test_only_sound(tmp_path: Path) -> None:
    assert refusal(write_sound_only(tmp_path / "song.mp4")) == (
        "no_video",
        "the file has no picture track. Where: song.mp4. Next: hand in a video; sound alone cannot be examined.",
    )


def test_over_the_limits(clip: Path) -> None:
    assert refusal(clip, max_seconds=1) == (
        "too_long",
        "the video is 2 s long; the limit is 1 s. Where: clip.mp4. Next: shorten it, or raise "
        "GREENROOM_MEDIA_MAX_SECONDS.",
    )
    assert refusal(clip, max_bytes=1000)[0] == "too_large"
    assert refusal(clip, max_pixels=320 * 179) == (
        "too_many_pixels",
        "the picture is 320x180; the limit is 57280 pixels. Where: clip.mp4. Next: export it at 3840x2160 or "
        "smaller.",
    )
    assert refusal(clip, max_frame_rate=24) == (
        "frame_rate",
        "the video has 25 frames a second; the limit is 24. Where: clip.mp4. Next: export it at 60 frames a second "
        "or fewer.",
    )
    assert refusal(clip, max_streams=1) == (
        "too_many_streams",
        "the file has 2 tracks; the limit is 1. Where: clip.mp4. Next: export it with one picture and one sound "
        "track.",
    )


def test_a_play_list_cannot_name_other_files(clip: Path, tmp_path: Path) -> None:
    hls = tmp_path / "list.mp4"
    hls.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{clip}\n#EXT-X-ENDLIST\n")
    concat = tmp_path / "concat.mp4"
    concat.write_text(f"ffconcat version 1.0\nfile '{clip}'\n")
    assert refusal(hls)[0] == "not_a_video"
    assert refusal(concat)[0] == "not_a_video"


def test_an_mp4_around_rubbish_is_refused(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "rubbish.mp4"
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = os.urandom(len(data) - start)
    path.write_bytes(data)
    assert refusal(path)[0] in {"no_frames", "damaged"}


@pytest.mark.parametrize(("angle", "turn"), [(90.0, 270), (-90.0, 90), (180.0, 180)])
def test_a_rotated_phone_video(tmp_path: Path, angle: float, turn: int) -> None:
    info = probe(write_raw(tmp_path / "phone.mp4", 320, 180, rotation=angle))
    assert info.video.rotation == turn
    upright = (180, 320) if turn in (90, 270) else (320, 180)
    assert (info.video.width, info.video.height) == upright


def test_a_variable_frame_clock(tmp_path: Path) -> None:
    times = [0, 40, 80, 200, 240, 250, 400, 440, 520, 700]
    info = probe(write_raw(tmp_path / "vfr.mp4", 320, 180, times=times))
    assert info.video.variable
    assert info.video.frames == len(times)


def test_webm_and_avi_are_read(tmp_path: Path) -> None:
    assert probe(write_raw(tmp_path / "a.webm", 64, 64, codec="libvpx-vp9")).video.codec == "vp9"
    assert probe(write_raw(tmp_path / "a.avi", 64, 64, codec="mpeg4")).video.codec == "mpeg4"


def test_a_rare_codec_is_refused_before_it_runs(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "rare.avi", 64, 64, codec="cinepak", pixel_format="rgb24", frames=3)
    assert refusal(path) == (
        "codec",
        "the picture (track 1) is coded in a way that is not supported (cinepak). Where: rare.avi. Next: export the "
        "video again (MP4 with H.264 and AAC is safest) and try that file.",
    )
