"""Faults of the file itself are findings with seconds: what one player hides another may show."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.media.encode import VideoWriter
from core.models import Finding, GateDecision, Verdict
from detect.technical import TechnicalGate
from tests.detect.technical.conftest import examine
from tests.media_catalogue import clocks, damage, declared, sounds, tracks
from tests.media_catalogue.truth import Truth

Make = Callable[[Path], Truth]


def examined(path: Path, make: Make, **how: Any) -> tuple[Truth, GateDecision, dict[str, Finding]]:
    truth = make(path, **how)
    decision = examine(TechnicalGate(), path, brief=None)
    return truth, decision, {finding.code: finding for finding in decision.result.findings}


def spans(finding: Finding) -> list[tuple[float, float]]:
    return [(float(span.t0), float(span.t1)) for span in finding.spans]  # type: ignore[arg-type]


# The flashes and flat cards of the catalogue are faults of other kinds; here only the file's own count.
FILE = {
    "undecodable_pictures",
    "damaged_pictures",
    "clock_reset",
    "sound_gap",
    "sound_overlap",
    "sound_layout_changes",
    "declared_length",
    "length_mismatch",
    "second_picture",
    "second_sound",
    "channels_disagree",
    "missing_frames",
}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("even.mp4", clocks.even),
        ("fragments.mp4", clocks.fragmented),
        ("b.avi", clocks.avi),
        ("cover.mp4", tracks.cover),
        ("silent.mp4", lambda path: tracks.two_sounds(path, silent=True)),
    ],
)
def test_an_odd_but_whole_file_has_no_fault_of_its_own(tmp_path: Path, name: str, make: Make) -> None:
    _, _, found = examined(tmp_path / name, make)
    assert not FILE & set(found), [found[code].message for code in FILE & set(found)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pictures_that_do_not_come_out_are_counted_with_their_seconds(tmp_path: Path, suffix: str) -> None:
    truth, decision, found = examined(tmp_path / f"hurt{suffix}", damage.hurt_pictures, how="noise", count=3)
    faults = [found[code] for code in ("undecodable_pictures", "damaged_pictures") if code in found]
    assert faults and decision.verdict is not Verdict.PASS
    assert truth.seen is not None
    for t0, t1 in (span for fault in faults for span in spans(fault)):
        assert any(t0 < h1 + 0.1 and t1 > h0 - 0.1 for h0, h1 in truth.seen.hurt)


def test_a_recording_that_begins_between_key_pictures_says_so(tmp_path: Path) -> None:
    _, decision, found = examined(tmp_path / "headless.mkv", damage.no_first_keyframe, seed=1)
    (t0, t1), *_ = spans(found["undecodable_pictures"])
    assert t0 < 0.1 and 0.3 < t1 < 0.6
    assert decision.verdict is Verdict.REVIEW


def test_joined_recordings_name_the_second_at_which_the_clock_starts_again(tmp_path: Path) -> None:
    truth, decision, found = examined(tmp_path / "joined.ts", declared.joined)
    (at, _), *_ = spans(found["clock_reset"])
    assert at == pytest.approx(truth.resets[0], abs=0.1)
    assert "starts again once" in found["clock_reset"].message
    assert "undecodable_pictures" not in found  # nothing was lost where they were joined
    assert decision.verdict is Verdict.REVIEW
    assert "declared_length" not in found  # a transport stream claims no length


def test_a_header_that_lies_is_held_against_what_is_in_the_file(tmp_path: Path) -> None:
    _, _, found = examined(tmp_path / "lies.mp4", declared.false_mp4, claimed=60.0)
    assert (
        found["declared_length"].message == "The file says that it lasts 60.0 s; what is in it lasts 4.0 s."
    )


def test_a_hole_in_the_sounds_clock_and_sound_that_is_placed_twice(tmp_path: Path) -> None:
    _, _, found = examined(tmp_path / "hole.mp4", sounds.hole, seed=1)
    ((t0, t1),) = spans(found["sound_gap"])
    assert t1 - t0 == pytest.approx(0.6, abs=0.1)
    assert t0 == pytest.approx(2.0, abs=0.15)
    _, _, found = examined(tmp_path / "overlap.ts", sounds.overlap)
    assert found["sound_overlap"].score == pytest.approx(0.4, abs=0.1)


def test_pictures_without_a_time_of_their_own(tmp_path: Path) -> None:
    _, decision, found = examined(tmp_path / "backwards.ts", damage.backwards)
    assert found["repeated_times"].score and decision.verdict is Verdict.REVIEW
    assert spans(found["repeated_times"])


def test_a_layout_that_changes_in_mid_file(tmp_path: Path) -> None:
    truth, _, found = examined(tmp_path / "changes.ts", sounds.changing)
    assert truth.heard is not None and truth.heard.layout_changes
    ((at, _),) = spans(found["sound_layout_changes"])
    assert at == pytest.approx(truth.heard.layout_changes[0], abs=0.12)


def test_sound_beside_the_picture_is_measured_between_their_ends_and_their_beginnings(tmp_path: Path) -> None:
    """A picture that begins .8 s after the sound, both ending together, is a mismatch of .8 s at the beginning."""
    _, _, found = examined(tmp_path / "late.mkv", clocks.even, picture_from=0.8, picture_to=4.0, sound_to=4.0)
    ((t0, t1),) = spans(found["length_mismatch"])
    assert (t0, t1) == (pytest.approx(0.0, abs=0.05), pytest.approx(0.8, abs=0.05))


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [(tracks.two_pictures, "second_picture", "picture"), (tracks.two_sounds, "second_sound", "sound")],
)
def test_a_rival_track_is_named_and_its_number_kept(
    tmp_path: Path, make: Make, code: str, words: str
) -> None:
    truth, decision, found = examined(tmp_path / "two.mkv", make)
    ((number, _),) = truth.rivals
    finding = found[code]
    assert f"track {number + 1} ({words}" in finding.message
    assert finding.spans[0].track == number
    assert decision.verdict is Verdict.REVIEW


def test_words_that_one_channel_alone_says_are_a_finding_of_the_file(
    tmp_path: Path, hidden: SimpleNamespace
) -> None:
    """In ``analyze`` too, where no script is known and no gate reads words."""
    ears = {ear.name: ear[:] for ear in hidden.ears}
    both = np.stack([ears["left"], ears["right"]], 1)
    path = tmp_path / "hidden.mp4"
    with VideoWriter(path, 96, 96, Fraction(25), 16_000, channels=2) as writer:
        for index in range(len(both) // 640):
            writer.write(np.full((96, 96, 3), 90 + index % 20, np.uint8))
            writer.write_sound(both[index * 640 : (index + 1) * 640])
    finding = {f.code: f for f in examine(TechnicalGate(), path, brief=None).result.findings}[
        "channels_disagree"
    ]
    assert finding.severity == "review"
    t0, t1 = spans(finding)[0]
    assert t0 < hidden.t1 and t1 > hidden.t0
