"""What people see and hear is what is read: pictures and sound of odd files, when they are presented.

The files carry a clock in picture and sound (``tests/media_catalogue``), so each test measures the reading itself.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from tests import media_catalogue
from tests.media_catalogue import clocks
from tests.media_catalogue.check import offsets, problems
from tests.media_catalogue.found import Found, product
from tests.media_catalogue.truth import Member, Truth

# One or a few of each idea; the benchmark reads them all.
FAST = [
    "clock_clock_wraps.ts",
    "clock_trimmed_tail.mp4",
    "clock_b_mpeg4.avi",
    "clock_late_sound.avi",
    "clock_primed_aac.mp4",
    "clock_sound_longer.mp4",
    "declared_joined_same_clock.ts",
    "declared_claims_60_s.mp4",
    "declared_long_last_sample.mp4",
    "shape_4_3.mp4",
    "shape_vui_only_1_2.mp4",
    "shape_turned_90_4_3.mov",
    "shape_mirrored_90.mp4",
    "colour_601_hd.mp4",
    "colour_untagged_sd.ts",
    "colour_2020_hevc.mp4",
    "colour_pq_hevc.mp4",
    "track_cover_before.mp4",
    "track_thumbnails.mp4",
    "track_two_pictures_second_default.mkv",
    "track_second_sound_enabled.mp4",
    "track_second_sound_silent.mkv",
    "track_sound_only.mp4",
    "sound_antiphase.mp4",
    "sound_centre_side_ac3.ts",
    "sound_over_full_scale.mkv",
    "sound_hole.ts",
    "sound_overlap.ts",
    "sound_mono_stereo.ts",
    "damage_zeros.mp4",
    "damage_noise.ts",
    "damage_dropped.mkv",
    "damage_no_first_keyframe.ts",
    "damage_sound_noise.mp4",
    "damage_backwards.ts",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("presentation")


@cache
def members() -> dict[str, Member]:
    return {member.file_name: member for member in media_catalogue.members()}


def reading(make: Any, path: Path) -> tuple[Truth, Found]:
    truth = make(path)
    return truth, product(path)


def in_step(truth: Truth, found: Found) -> None:
    """Flash and beep lie as far apart as they should, to one frame, and every picture is at its time."""
    errors = offsets(truth, found)
    assert len(errors) >= 3
    assert max(abs(error) for error in errors) <= truth.one_frame
    assert problems(truth, found) == []


@pytest.mark.parametrize("name", FAST)
def test_the_file_is_read_as_it_is_presented(name: str, folder: Path) -> None:
    truth, found = reading(members()[name].make, folder / name)
    assert problems(truth, found) == []


@pytest.mark.parametrize("rate", list(clocks.RATES))
def test_every_usual_rate_is_in_step(rate: str, folder: Path) -> None:
    in_step(
        *reading(
            partial(clocks.even, rate=rate, b_frames=2, picture_to=3, sound_to=3), folder / f"{rate}.mp4"
        )
    )


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize(("picture", "sound"), [(1.0, 0.0), (0.6, 1.0)])
def test_tracks_that_begin_apart_stay_apart(suffix: str, picture: float, sound: float, folder: Path) -> None:
    """The earlier track's beginning is zero; the other's frames and samples keep their distance."""
    make = partial(clocks.even, picture_from=picture, sound_from=sound)
    truth, found = reading(make, folder / f"{picture}_{sound}{suffix}")
    in_step(truth, found)
    assert found.presentation is not None
    assert found.presentation.audio is not None
    assert min(found.presentation.video.start, found.presentation.audio.start) == 0
    apart = float(found.presentation.video.start - found.presentation.audio.start)
    assert apart == pytest.approx(picture - sound, abs=0.04)
    assert found.shots[0].time == pytest.approx(float(found.presentation.video.start), abs=1e-6)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_what_an_edit_list_cuts_is_neither_seen_nor_heard(b_frames: int, folder: Path) -> None:
    make = partial(clocks.trimmed, picture_cut=1.2, sound_cut=1.2, b_frames=b_frames)
    truth, found = reading(make, folder / f"cut{b_frames}.mp4")
    in_step(truth, found)
    assert found.shots[0].counter == 30
    assert len(found.shots) == 120


def test_a_cut_of_one_track_moves_it_against_the_other(folder: Path) -> None:
    truth, found = reading(partial(clocks.trimmed, picture_cut=0.8, sound_cut=0.0), folder / "one.mp4")
    assert truth.offset == pytest.approx(0.8)
    in_step(truth, found)


@pytest.mark.parametrize("movflags", list(clocks.FRAGMENTS))
def test_fragments_with_pictures_out_of_order_are_in_step(movflags: str, folder: Path) -> None:
    in_step(*reading(partial(clocks.fragmented, movflags=movflags), folder / f"{movflags}.mp4"))


@pytest.mark.parametrize(("how", "suffix"), [("jitter", ".mp4"), ("halved", ".mkv"), ("pause", ".mp4")])
def test_a_variable_clock_keeps_its_times(how: str, suffix: str, folder: Path) -> None:
    truth, found = reading(partial(clocks.uneven, how=how), folder / f"{how}{suffix}")
    in_step(truth, found)


def test_pictures_of_an_avi_are_even_whatever_their_order_in_the_file(folder: Path) -> None:
    _, found = reading(partial(clocks.avi, codec="libx264", b_frames=2), folder / "b.avi")
    assert [shot.counter for shot in found.shots] == list(range(100))
    steps = {round(b.time - a.time, 6) for a, b in zip(found.shots, found.shots[1:], strict=False)}
    assert steps == {float(Fraction(1, 25))}
