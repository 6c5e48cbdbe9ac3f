"""An examination: every gate of the set decides, in one pass, and nothing that goes wrong ends in a pass."""

from __future__ import annotations

import logging
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.errors import Conflict, MediaError
from core.gates import GateEntry, GateSet, Threshold, load_gate_set
from core.heartbeat import beating
from core.media.encode import VideoWriter
from core.models import Brief, Verdict
from detect import registry
from detect.service import examine
from tests.media_catalogue import tracks

OURS = ["counting", "breaks_while_seeing", "breaks_while_answering", "abstains", "says_nothing", "impostor"]
OURS += ["beats_while_seeing", "beats_while_answering"]
CLASSES = {"cannot_be_made": "CannotBeMade"}
BRIEF = Brief(script=None, language="en", persona=None, label_profile="default", mark_id=None)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of a grey picture with neither face nor sound."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    with VideoWriter(path, 160, 160, Fraction(25), 0) as writer:
        for level in range(12):
            writer.write(np.full((160, 160, 3), 100 + level, np.uint8))
    return path


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name: name.title().replace("_", "") for name in OURS} | CLASSES
    for name, attribute in names.items():
        monkeypatch.setitem(registry.GATES, name, f"tests.detect.gates:{attribute}")


def gate_set(*names: str, **more: GateEntry) -> GateSet:
    standard = load_gate_set().gates
    versions = {name: standard[name].version if name in standard else "1" for name in names}
    entries = {name: GateEntry(version=version) for name, version in versions.items()}
    return GateSet(name="of-this-test", gates=entries | more)


def decide(path: Path, gates: GateSet, brief: Brief | None = None, **more):
    examination = examine(path, brief=brief, gate_set=gates, **more)
    return examination, {decision.result.gate: decision for decision in examination.decisions}


def test_every_gate_of_the_set_decides_and_the_set_is_named_by_its_hash(plain: Path) -> None:
    gates = gate_set("counting", "one_face")
    examination, by_name = decide(plain, gates)
    assert list(by_name) == ["counting", "one_face"]
    assert by_name["counting"].result.score == 12
    assert by_name["counting"].verdict is Verdict.PASS
    assert examination.gate_set_sha256 == gates.sha256
    assert len(examination.essence.sha256) == 64
    assert examination.transcript is None
    assert examination.heard is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("breaks_while_seeing", "the check failed to look at the frames (RuntimeError)"),
        ("breaks_while_answering", "the check failed to answer (ZeroDivisionError)"),
        ("cannot_be_made", "the check failed to prepare (OSError)"),
        ("says_nothing", "the check failed to answer (ArithmeticError)"),
        ("impostor", "the check failed to answer (RuntimeError)"),
        ("abstains", "the video has no sound"),
    ],
)
def test_a_gate_that_cannot_measure_abstains_with_the_reason_and_harms_no_other(
    plain: Path, name: str, reason: str
) -> None:
    examination, by_name = decide(plain, gate_set(name, "counting"))
    assert by_name[name].result.abstained
    assert by_name[name].result.reason == reason
    assert by_name[name].verdict is Verdict.REVIEW
    assert by_name["counting"].result.score == 12
    assert examination.verdict is Verdict.REVIEW


def test_what_a_failing_gate_says_is_not_logged(plain: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        decide(plain, gate_set("breaks_while_seeing"))
    assert "gate breaks_while_seeing failed to look at the frames: RuntimeError at gates.py" in caplog.text
    assert "secret" not in caplog.text


def test_a_gate_that_is_not_installed_blocks(plain: Path) -> None:
    examination, by_name = decide(plain, gate_set("counting", "crystal_ball"))
    assert by_name["crystal_ball"].verdict is Verdict.BLOCK
    assert [f.code for f in by_name["crystal_ball"].result.findings] == ["gate_missing"]
    assert examination.verdict is Verdict.BLOCK


def test_a_gate_of_another_version_blocks(plain: Path) -> None:
    examination, by_name = decide(plain, gate_set(counting=GateEntry(version="2")))
    assert by_name["counting"].verdict is Verdict.BLOCK
    assert "version 2 is not installed" in by_name["counting"].result.reason
    assert examination.verdict is Verdict.BLOCK


def test_a_gate_that_needs_a_brief_is_absent_without_one(plain: Path) -> None:
    gates = gate_set("one_face", mark=GateEntry(version="1", needs_brief=True))
    assert "mark" not in decide(plain, gates)[1]
    assert "mark" in decide(plain, gates, BRIEF)[1]


def test_a_set_of_which_nothing_applies_is_no_pass(plain: Path) -> None:
    with pytest.raises(ValueError, match="never passes"):
        examine(plain, brief=None, gate_set=gate_set(mark=GateEntry(version="1", needs_brief=True)))


def test_the_threshold_of_the_set_decides(plain: Path) -> None:
    bound = Threshold(
        direction="high_is_bad", review=5, block=20, unit="frames", reason="chosen for this test alone"
    )
    examination, by_name = decide(plain, gate_set(counting=GateEntry(version="1", threshold=bound)))
    assert by_name["counting"].verdict is Verdict.REVIEW
    assert by_name["counting"].threshold == 5
    assert examination.verdict is Verdict.REVIEW


def test_other_watchers_and_the_mark_reader_see_the_same_frames_once(plain: Path) -> None:
    class Fingerprinter:
        def __init__(self) -> None:
            self.seen: list[int] = []

        def see(self, frame, face) -> None:
            self.seen.append(frame.index)

    class Reader(Fingerprinter):
        def reading(self):
            raise AssertionError("no gate asked for the mark")

    watcher, reader, steps = Fingerprinter(), Reader(), []
    examine(
        plain,
        brief=None,
        gate_set=gate_set("counting"),
        mark_reader=reader,
        watchers=[watcher],
        progress=steps.append,
    )
    assert watcher.seen == reader.seen == list(range(12))
    assert steps == sorted(steps)
    assert steps[-1] == 1.0


def test_no_face_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "plain.mp4"
    with VideoWriter(path, 160, 160, Fraction(25), 0) as writer:
        for level in range(30):
            writer.write(np.full((160, 160, 3), 100 + level, np.uint8))
    examination, by_name = decide(path, gate_set("one_face"))
    assert [f.code for f in by_name["one_face"].result.findings] == ["no_face"]
    assert examination.verdict is Verdict.REVIEW


def test_each_finding_says_which_track_of_the_file_it_is_about(tmp_path: Path) -> None:
    """A still picture comes first in this file: what is looked at is track 1, and not track 0."""
    path = tmp_path / "still.mkv"
    tracks.still_track(path, first=True)
    examination, by_name = decide(path, gate_set("one_face"))
    assert examination.info.video.number == 1
    (finding,) = by_name["one_face"].result.findings
    assert [span.track for span in finding.spans] == [1]


def test_two_faces_are_a_finding_with_the_seconds(short_presenter: Path, tmp_path: Path) -> None:
    import cv2

    from core.media.decode import frames

    path = tmp_path / "two.mp4"
    with VideoWriter(path, 640, 180, Fraction(25), 0) as writer:
        for frame in frames(short_presenter):
            half = cv2.resize(frame.image, (320, 180), interpolation=cv2.INTER_AREA)
            writer.write(np.hstack([half, half[:, ::-1]]))
    _, by_name = decide(path, gate_set("one_face"))
    finding = next(f for f in by_name["one_face"].result.findings if f.code == "two_faces")
    assert finding.severity == "review"
    assert finding.spans[0].t0 < 0.2
    assert finding.spans[-1].t1 > 2.0


def test_a_file_that_is_no_video_is_the_callers_error(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    with pytest.raises(MediaError):
        examine(text, brief=None, gate_set=gate_set("counting"))


def test_the_same_bytes_give_the_same_decisions(plain: Path) -> None:
    first, second = (examine(plain, brief=BRIEF, gate_set=gate_set("one_face", "mark")) for _ in range(2))
    assert first.decisions == second.decisions


class Lost(Conflict):
    """As a pipeline's lost lease."""


@pytest.mark.parametrize("gate", ["beats_while_seeing", "beats_while_answering"])
def test_a_lost_lease_ends_the_examination_and_is_no_abstention(plain: Path, gate: str) -> None:
    """The lease is lost at the first beat inside the gate itself."""
    inside = "tests/detect/gates.py"

    def lost() -> None:
        frame = sys._getframe()
        while frame is not None:
            if frame.f_code.co_filename.endswith(inside):
                raise Lost("no longer ours")
            frame = frame.f_back

    with pytest.raises(Lost), beating(lost):
        decide(plain, gate_set(gate, "counting"))


def test_an_examination_beats_at_each_picture_and_each_gate(plain: Path) -> None:
    beats = []
    with beating(lambda: beats.append(1)):
        decide(plain, gate_set("counting", "one_face"))
    assert len(beats) >= 12 + 2
