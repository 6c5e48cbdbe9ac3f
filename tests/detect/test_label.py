"""The label gate passes a labelled render and names the seconds of a missing one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from core.labels import draw_label, load_label_profile
from core.media.models import Image
from core.models import Verdict
from detect.errors import Abstain
from detect.label import LabelGate
from tests.detect.technical.conftest import BRIEF, examine, scene, write

TERRITORY = {name: replace(BRIEF, label_profile=name) for name in ("default", "eu", "in")}


def labelled(name: str, count: int = 75) -> list[Image]:
    profile = load_label_profile(name)
    return [draw_label(scene(i, 640, 360), profile, i / 25, count / 25) for i in range(count)]


@pytest.mark.parametrize("name", ["default", "eu", "in"])
def test_a_labelled_render_passes(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.mp4", labelled(name, 20), None, crf=30)
    decision = examine(LabelGate(), path, TERRITORY[name])
    assert decision.verdict is Verdict.PASS
    assert decision.result.score is not None
    assert decision.result.score > 0.7


def test_a_render_without_label_is_blocked(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", [scene(i, 640, 360) for i in range(20)], None)
    decision = examine(LabelGate(), path, TERRITORY["default"])
    assert decision.verdict is Verdict.BLOCK
    (finding,) = decision.result.findings
    assert finding.code == "label_missing"
    assert finding.message == "The label 'AI-generated' is not in the picture for 0.8 s."
    assert (finding.spans[0].t0, finding.spans[0].t1) == pytest.approx((0.0, 0.8))
    assert finding.citation.startswith("House rule")


def test_a_label_that_goes_away_is_named_with_its_seconds(tmp_path: Path) -> None:
    images = labelled("default")
    images[30:50] = [scene(i, 640, 360) for i in range(30, 50)]
    decision = examine(LabelGate(), write(tmp_path / "a.mp4", images, None), TERRITORY["default"])
    (finding,) = decision.result.findings
    assert finding.code == "label_missing"
    assert (finding.spans[0].t0, finding.spans[0].t1) == pytest.approx((1.2, 2.0), abs=0.1)


def test_a_smeared_label_is_for_review(tmp_path: Path) -> None:
    images = [cv2.GaussianBlur(image, (0, 0), 1.8) for image in labelled("default", 20)]
    decision = examine(LabelGate(), write(tmp_path / "a.mp4", images, None), TERRITORY["default"])
    assert decision.verdict is Verdict.REVIEW
    assert {f.code for f in decision.result.findings} == {"label_illegible"}


def test_the_label_of_another_territory_does_not_do(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", labelled("default", 20), None)
    assert examine(LabelGate(), path, TERRITORY["in"]).verdict is Verdict.BLOCK


def test_one_odd_frame_is_no_missing_label(tmp_path: Path) -> None:
    images = labelled("default", 30)
    images[15] = scene(15, 640, 360)
    path = write(tmp_path / "a.mp4", images, None)
    assert examine(LabelGate(), path, TERRITORY["default"]).verdict is Verdict.PASS


def test_without_a_territory_it_abstains(tmp_path: Path) -> None:
    with pytest.raises(Abstain, match="no territory"):
        examine(LabelGate(), write(tmp_path / "a.mp4", labelled("default", 5), None), None)
