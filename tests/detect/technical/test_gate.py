"""The technical gate names each fault with its seconds, and has nothing to say about a sound video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.media.models import Image
from core.models import Finding, GateDecision, Verdict
from detect.technical import TechnicalGate
from tests.detect.technical.conftest import RATE, examine, scene, speech, write

Voice = NDArray[np.float32]


def only(decision: GateDecision, code: str) -> Finding:
    """The finding of that code; there must be no other that counts."""
    faults = [f for f in decision.result.findings if f.severity != "note"]
    assert [f.code for f in faults] == [code], [f.message for f in faults]
    assert decision.verdict is not Verdict.PASS
    assert decision.result.score == 1.0
    return faults[0]


def seconds(finding: Finding) -> tuple[float, float]:
    (span,) = finding.spans
    assert span.t0 is not None
    assert span.t1 is not None
    return span.t0, span.t1


def test_a_sound_video_passes(tmp_path: Path, scenes: list[Image], voice: Voice) -> None:
    decision = examine(TechnicalGate(), write(tmp_path / "good.mp4", scenes, voice))
    assert decision.verdict is Verdict.PASS
    assert decision.result.findings == ()
    assert decision.result.score == 0.0
    assert decision.result.measures["lufs"] == pytest.approx(-16, abs=0.5)


@pytest.mark.parametrize("crf", [18, 35])
def test_a_frozen_picture(tmp_path: Path, scenes: list[Image], voice: Voice, crf: int) -> None:
    images = [*scenes[:40], *[scenes[40]] * 20, *scenes[60:]]
    finding = only(
        examine(TechnicalGate(), write(tmp_path / "a.mp4", images, voice, crf=crf)), "frozen_picture"
    )
    t0, t1 = seconds(finding)
    assert t0 == pytest.approx(1.64, abs=0.17)
    assert t1 == pytest.approx(2.4, abs=0.17)
    assert finding.unit == "s"
    assert finding.threshold == 0.4


def test_black_frames(tmp_path: Path, scenes: list[Image], voice: Voice) -> None:
    images = [*scenes[:50], *[np.zeros_like(scenes[0])] * 3, *scenes[53:]]
    decision = examine(TechnicalGate(), write(tmp_path / "a.mp4", images, voice))
    found = {f.code: f for f in decision.result.findings}
    assert decision.verdict is Verdict.REVIEW
    assert seconds(found["black_frames"]) == pytest.approx((2.0, 2.12), abs=0.05)
    assert found["black_frames"].message == "The picture is black for 0.12 s."


def test_repeated_pictures(tmp_path: Path, scenes: list[Image], voice: Voice) -> None:
    images = [scenes[i // 2 * 2] for i in range(100)]
    finding = only(examine(TechnicalGate(), write(tmp_path / "a.mp4", images, voice)), "duplicated_frames")
    assert finding.score == pytest.approx(0.47, abs=0.05)


def test_a_cut(tmp_path: Path, scenes: list[Image], voice: Voice) -> None:
    other = [np.asarray(scene(i)[:, ::-1] // 2 + 100, np.uint8) for i in range(50)]
    path = write(tmp_path / "a.mp4", [*scenes[:50], *other], voice)
    finding = only(examine(TechnicalGate(), path), "picture_jump")
    assert finding.spans[0].t0 == pytest.approx(1.96, abs=0.05)
    # In a video of unknown origin a cut is no fault.
    assert examine(TechnicalGate(), path, brief=None).verdict is Verdict.PASS


def test_flashes_that_can_harm(tmp_path: Path, scenes: list[Image], voice: Voice) -> None:
    """Five flashes a second over the whole picture; at two a second there is no danger."""

    def flashing(every: int) -> list[Image]:
        return [np.asarray(image // (3 if i // every % 2 else 1), np.uint8) for i, image in enumerate(scenes)]

    fast = examine(TechnicalGate(), write(tmp_path / "fast.mp4", flashing(2), voice))
    slow = examine(TechnicalGate(), write(tmp_path / "slow.mp4", flashing(7), voice))
    found = {f.code: f for f in fast.result.findings}
    assert found["flicker"].severity == "block"
    assert found["flicker"].score == pytest.approx(6, abs=1.0)
    assert "flicker" not in {f.code for f in slow.result.findings}


def test_missing_frames_in_the_clock(tmp_path: Path, scenes: list[Image], voice: Voice) -> None:
    from tests.core.media_files import write_raw

    times = [i * 40 for i in range(50) if i not in (20, 21, 22)]
    path = write_raw(tmp_path / "a.mp4", 320, 180, times=times)
    decision = examine(TechnicalGate(), path)
    (finding,) = [f for f in decision.result.findings if f.code == "missing_frames"]
    assert seconds(finding)[1] == pytest.approx(0.92, abs=0.05)
    assert finding.score == pytest.approx(4.0, abs=0.1)


def test_long_silence(tmp_path: Path, scenes: list[Image], voice: Voice) -> None:
    hushed = voice.copy()
    hushed[RATE // 2 : 3 * RATE] = 0
    finding = only(examine(TechnicalGate(), write(tmp_path / "a.mp4", scenes, hushed)), "long_silence")
    assert seconds(finding) == pytest.approx((0.5, 3.0), abs=0.05)
    assert finding.spans[0].source == "sound"


def test_a_dropout_in_mid_word(tmp_path: Path, scenes: list[Image], voice: Voice) -> None:
    holed = voice.copy()
    holed[round(1.3 * RATE) : round(1.36 * RATE)] = 0
    finding = only(examine(TechnicalGate(), write(tmp_path / "a.mp4", scenes, holed)), "sound_dropout")
    assert seconds(finding) == pytest.approx((1.3, 1.36), abs=0.02)


def test_clipped_sound(tmp_path: Path, scenes: list[Image]) -> None:
    clipped = np.clip(speech(4.0, lufs=-4.0), -1, 1)
    decision = examine(TechnicalGate(), write(tmp_path / "a.mp4", scenes, clipped))
    codes = {f.code for f in decision.result.findings}
    assert {"clipped_sound", "loudness_off", "true_peak"} == codes


@pytest.mark.parametrize("lufs", [-23.0, -12.5])
def test_loudness_off_the_target(tmp_path: Path, scenes: list[Image], lufs: float) -> None:
    path = write(tmp_path / "a.mp4", scenes, speech(4.0, lufs))
    decision = examine(TechnicalGate(), path)
    found = {f.code: f for f in decision.result.findings}
    assert found["loudness_off"].score == pytest.approx(abs(lufs + 16), abs=0.6)
    assert decision.verdict is Verdict.REVIEW
    # Nobody promised -16 LUFS for a video of unknown origin: there it is a note.
    assert examine(TechnicalGate(), path, brief=None).verdict is Verdict.PASS


def test_sound_and_picture_of_unlike_length(tmp_path: Path, scenes: list[Image], voice: Voice) -> None:
    finding = only(
        examine(TechnicalGate(), write(tmp_path / "a.mp4", scenes, voice[: 3 * RATE])), "length_mismatch"
    )
    assert seconds(finding) == pytest.approx((3.0, 4.0), abs=0.05)


def test_no_sound(tmp_path: Path, scenes: list[Image]) -> None:
    path = write(tmp_path / "a.mp4", scenes, None)
    assert only(examine(TechnicalGate(), path), "no_sound").message == "The video has no sound."
    assert examine(TechnicalGate(), path, brief=None).verdict is Verdict.PASS


def test_one_frame(tmp_path: Path, scenes: list[Image]) -> None:
    decision = examine(TechnicalGate(), write(tmp_path / "a.mp4", scenes[:1], None))
    assert {f.code for f in decision.result.findings} == {"no_sound"}


def test_the_sample_presenter_is_technically_sound(presenter: Path) -> None:
    assert examine(TechnicalGate(), presenter).verdict is Verdict.PASS


def test_real_clips_have_no_false_freeze_flash_or_dropout(test_media: Path) -> None:
    """Eight speakers; jumps and levels aside, for such clips are cut and mixed as they are."""
    seen: dict[str, Path] = {}
    for path in sorted((test_media / "real").glob("*.mp4"), key=lambda p: p.stat().st_size):
        seen.setdefault(path.name.split("-")[0], path)
    wrong = {}
    for path in list(seen.values())[:8]:
        decision = examine(TechnicalGate(), path, brief=None)
        wrong[path.name] = {f.code for f in decision.result.findings} & {
            "frozen_picture", "black_frames", "flicker", "sound_dropout", "missing_frames",
        }  # fmt: skip
    assert {name: codes for name, codes in wrong.items() if codes} == {}
