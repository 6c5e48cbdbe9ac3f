"""The catalogue's files are what they claim: checked with PyAV alone and with a second, simple reader."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import av
import pytest

from tests import media_catalogue
from tests.media_catalogue import KINDS, boxes
from tests.media_catalogue.check import problems
from tests.media_catalogue.plain import plain
from tests.media_catalogue.truth import Member

# What a reader must understand and the simple one does not: clocks that start again or go backwards, light beyond
# SDR, and places in an AVI at which a picture does not come out.
BEYOND = ("declared_joined", "damage_backwards", "colour_pq", "colour_hlg", "damage_noise_mpeg4")


def by_name(name: str) -> Member:
    return next(member for member in media_catalogue.members() if member.file_name == name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("catalogue")


def seen_by_libav(path: Path) -> list[dict[str, Any]]:
    found = []
    with av.open(str(path)) as container:
        for stream in container.streams:
            start = stream.start_time
            found.append(
                {
                    "type": stream.type,
                    "start": None if start is None else round(float(start * stream.time_base), 3),
                    "disposition": int(stream.disposition),
                    "stream": stream,
                }
            )
    return found


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_simple_reader_finds_the_truth_in_every_file(kind: str, folder: Path) -> None:
    wrong = {}
    for member in KINDS[kind].members():
        path, truth = member.write(folder)
        if truth.seen is None or member.file_name.startswith(BEYOND):
            continue
        if found := problems(truth, plain(path, truth), facts=False):
            wrong[member.file_name] = found
    assert wrong == {}


def test_the_simple_reader_does_not_agree_with_everything(folder: Path) -> None:
    """The check finds what is wrong: another file's truth, and clocks that the simple reader cannot follow."""
    path, _ = by_name("clock_sound_late_1.mp4").write(folder)
    _, other = by_name("clock_even_25.mp4").write(folder)
    assert problems(other, plain(path, other), facts=False)
    path, truth = by_name("declared_joined_same_clock.ts").write(folder)
    assert any("do not rise" in line for line in problems(truth, plain(path, truth), facts=False))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".webm"])
def test_the_same_member_has_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    member = next(m for m in media_catalogue.members() if m.suffix == suffix)
    digests = []
    for name in "ab":
        (tmp_path / name).mkdir()
        path, _ = member.write(tmp_path / name)
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
    assert digests[0] == digests[1]


def test_names_are_unique() -> None:
    names = [m.file_name for m in (*media_catalogue.members(), *media_catalogue.drawn(1, 70))]
    assert len(set(names)) == len(names)
    assert [m.file_name for m in media_catalogue.drawn(1, 20)] == [
        m.file_name for m in media_catalogue.drawn(1, 20)
    ]


def test_an_edit_list_marks_what_is_cut(folder: Path) -> None:
    path, _ = by_name("clock_trimmed_both.mp4").write(folder)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    hidden = [p for p in packets if p.is_discard]
    assert hidden
    assert all(p.pts < 0 for p in hidden)
    assert min(p.pts for p in packets if not p.is_discard) == 0


def test_tracks_begin_where_they_claim(folder: Path) -> None:
    path, _ = by_name("clock_picture_late_1.mp4").write(folder)
    assert [track["start"] for track in seen_by_libav(path)] == [1.0, 0.0]
    path, _ = by_name("clock_sound_late_1.mkv").write(folder)
    assert [track["start"] for track in seen_by_libav(path)] == [0.0, pytest.approx(1.0, abs=0.002)]
    path, _ = by_name("clock_clock_wraps.ts").write(folder)
    assert seen_by_libav(path)[0]["start"] < 0 or seen_by_libav(path)[0]["start"] > 95_442


def test_flags_are_in_the_files(folder: Path) -> None:
    def flags(name: str) -> list[int]:
        path, _ = by_name(name).write(folder)
        return [track["disposition"] for track in seen_by_libav(path)]

    assert [bool(f & 1) for f in flags("track_two_pictures_second_default.mp4")] == [False, True, True]
    assert [bool(f & 1) for f in flags("track_two_pictures_second_default.mkv")][:2] == [False, True]
    assert [bool(f & 1) for f in flags("track_second_sound_disabled.mp4")] == [True, True, False]
    assert [bool(f & 1) for f in flags("track_second_sound_enabled.mp4")] == [True, False, True]
    assert sum(bool(f & 0x400) for f in flags("track_cover_after.mp4")) == 1
    assert sum(bool(f & 0x400) for f in flags("track_cover.mkv")) == 1
    assert flags("track_thumbnails.mp4")[2] & 0x800


def test_colours_are_tagged_or_not(folder: Path) -> None:
    def tags(name: str) -> tuple[int, int, int]:
        path, _ = by_name(name).write(folder)
        context = seen_by_libav(path)[0]["stream"].codec_context
        return int(context.color_primaries), int(context.color_trc), int(context.colorspace)

    assert tags("colour_709.mp4") == (1, 1, 1)
    assert tags("colour_untagged_sd.mp4") == (2, 2, 2)
    assert tags("colour_pq_hevc.mp4") == (9, 16, 9)
    assert tags("colour_hlg_h264.mp4") == (9, 18, 9)


def test_headers_claim_other_lengths(folder: Path) -> None:
    path, _ = by_name("declared_claims_90_s.mkv").write(folder)
    with av.open(str(path)) as container:
        assert abs((container.duration or 0) / 1e6 - 90) < 0.1
    path, _ = by_name("declared_claims_60_s.mp4").write(folder)  # libav believes the edit lists
    data = path.read_bytes()
    at, _ = boxes.find(data, b"moov", b"mvhd")
    scale, length = struct.unpack_from(">II", data, at + 20)
    assert length == 60 * scale


def test_aspect_is_where_it_is_claimed(folder: Path) -> None:
    path, _ = by_name("shape_vui_only_4_3.mp4").write(folder)
    assert b"pasp" not in path.read_bytes()
    path, _ = by_name("shape_4_3.mp4").write(folder)
    assert b"pasp" in path.read_bytes()
