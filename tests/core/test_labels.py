"""The label is what the territory asks for, legible on any ground, and only then counts as there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from core.labels import (
    LabelError,
    LabelProfile,
    draw_label,
    label_legibility,
    label_on,
    label_patch,
    load_label_profile,
    names,
)
from core.media.decode import frames
from core.media.models import Image
from tests.core.media_files import write_video

BASE = {
    "name": "test",
    "territory": "*",
    "text": "AI-generated",
    "place": "bottom_left",
    "height_share": 0.05,
    "when": "always",
    "source": "a rule somewhere",
    "status": "house_rule",
    "date": "2026-11-21",
}


def profile(**changes: object) -> LabelProfile:
    return LabelProfile.model_validate(BASE | changes)


def grounds(width: int, height: int) -> dict[str, Image]:
    """What may lie behind a label: smooth, busy, white, black."""
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([90 + 80 * y / height, 110 + 60 * x / width, 150 - 60 * y / height], -1).astype(
        np.uint8
    )
    noise = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    busy = np.clip((cv2.GaussianBlur(noise, (0, 0), 2).astype(int) - 128) * 4 + 128, 0, 255).astype(np.uint8)
    return {
        "smooth": smooth,
        "busy": busy,
        "white": np.full((height, width, 3), 250, np.uint8),
        "black": np.full((height, width, 3), 5, np.uint8),
    }


def test_each_shipped_profile_names_its_rule() -> None:
    assert names() == ["default", "eu", "in", "us"]
    for name in names():
        loaded = load_label_profile(name)
        assert loaded.name == name
        assert len(loaded.source) > 20
        assert loaded.contrast >= 4.5
        assert "generated" in f"{loaded.badge} {loaded.text}".lower() or "synthetic" in loaded.text.lower()


def test_india_is_labelled_for_the_full_duration() -> None:
    india = load_label_profile("IN")
    assert all(label_on(india, t, 60.0) for t in np.arange(0, 60, 0.5))
    assert india.height_share > load_label_profile("default").height_share


def test_a_territory_without_a_profile_gets_the_default() -> None:
    assert load_label_profile("BR").name == "default"


@pytest.mark.parametrize("name", ["../secrets", "", "e u", "eu.yaml"])
def test_a_name_is_a_word(name: str) -> None:
    with pytest.raises(LabelError) as caught:
        load_label_profile(name)
    assert str(caught.value) == (
        "that is not the name of a label profile. Next: use one of: default, eu, in, us."
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"when": "start", "seconds": 1.0}, "less than two seconds"),
        ({"when": "interval", "seconds": 5.0, "every": 5.0}, "must be longer"),
        ({"plate": (200, 200, 200)}, "contrast"),
        ({"plate_opacity": 0.3}, "greater than or equal to 0.5"),
        ({"height_share": 0.01}, "greater than or equal to 0.02"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_label_that_nobody_could_read_is_no_profile(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        profile(**changes)


def test_when_it_is_due() -> None:
    start = profile(when="start", seconds=5)
    assert [label_on(start, t, 20.0) for t in (0.0, 4.9, 5.0, 19.0)] == [True, True, False, False]
    assert label_on(start, 4.0, 4.5)
    interval = profile(when="interval", seconds=5, every=15)
    assert [label_on(interval, t, 60.0) for t in (0.0, 6.0, 15.0, 19.9, 20.0)] == [
        True,
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("size", [(1280, 720), (1080, 1920), (256, 256)])
@pytest.mark.parametrize("place", ["top_left", "top_right", "bottom_left", "bottom_right"])
def test_it_lies_inside_the_safe_area(size: tuple[int, int], place: str) -> None:
    width, height = size
    patch = label_patch(profile(place=place), width, height)
    high, wide = patch.rgba.shape[:2]
    assert patch.x >= 0.05 * width - 2
    assert patch.y >= 0.05 * height - 2
    assert patch.x + wide <= 0.95 * width + 2
    assert patch.y + high <= 0.95 * height + 2
    assert (patch.x < width / 2) == place.endswith("left")
    assert (patch.y < height / 2) == place.startswith("top")
    assert high >= 0.05 * min(width, height)


def test_it_does_not_fit_into_a_stamp() -> None:
    with pytest.raises(LabelError, match="does not fit into 40x40"):
        label_patch(load_label_profile("in"), 40, 40)


def test_drawing_leaves_the_rest_and_the_original_alone() -> None:
    ground = grounds(640, 360)["smooth"]
    before = ground.copy()
    drawn = draw_label(ground, profile(), 0.0, 10.0)
    assert np.array_equal(ground, before)
    patch = label_patch(profile(), 640, 360)
    high, wide = patch.rgba.shape[:2]
    changed = np.any(drawn != ground, axis=2)
    changed[patch.y : patch.y + high, patch.x : patch.x + wide] = False
    assert not changed.any()
    late = profile(when="start", seconds=5)
    assert np.array_equal(draw_label(ground, late, 6.0, 20.0), ground)


@pytest.mark.parametrize("name", ["default", "eu", "in", "us"])
@pytest.mark.parametrize("ground", ["smooth", "busy", "white", "black"])
def test_it_is_legible_on_any_ground(name: str, ground: str) -> None:
    loaded = load_label_profile(name)
    assert label_legibility(draw_label(grounds(640, 360)[ground], loaded, 0, 9), loaded, 0, 9) > 0.8


@pytest.mark.parametrize("ground", ["smooth", "busy", "white", "black"])
def test_a_spoilt_label_is_not_legible(ground: str) -> None:
    label, below = profile(), grounds(640, 360)[ground]
    drawn = draw_label(below, label, 0, 9)
    patch = label_patch(label, 640, 360)
    high, wide = patch.rgba.shape[:2]
    place = np.s_[patch.y : patch.y + high, patch.x : patch.x + wide]
    spoilt = {"missing": below.copy(), "faint": cv2.addWeighted(drawn, 0.3, below, 0.7, 0)}
    spoilt["blurred"] = drawn.copy()
    spoilt["blurred"][place] = cv2.GaussianBlur(drawn, (0, 0), high * 0.12)[place]
    spoilt["half"] = drawn.copy()
    spoilt["half"][patch.y + high // 2 :] = below[patch.y + high // 2 :]
    spoilt["covered"] = drawn.copy()
    spoilt["covered"][:, patch.x + wide // 2 : patch.x + wide * 3 // 4] = (30, 30, 160)
    scores = {how: label_legibility(image, label, 0, 9) for how, image in spoilt.items()}
    assert {how: score for how, score in scores.items() if score >= 0.55} == {}


def test_no_label_is_asked_for_while_none_is_due() -> None:
    late = profile(when="start", seconds=5)
    assert label_legibility(grounds(640, 360)["smooth"], late, 9.0, 20.0) == 1.0


def test_two_draws_are_the_same() -> None:
    label_patch.cache_clear()
    one = label_patch(profile(), 640, 360).rgba.copy()
    label_patch.cache_clear()
    assert np.array_equal(one, label_patch(profile(), 640, 360).rgba)


def test_it_survives_heavy_compression(tmp_path: Path) -> None:
    """CRF 35 on a busy ground, and the same without the label."""
    label, below = load_label_profile("default"), grounds(640, 360)["busy"]
    with_label = write_video(tmp_path / "with.mp4", [draw_label(below, label, 0, 9)] * 5, crf=35)
    without = write_video(tmp_path / "without.mp4", [below] * 5, crf=35)
    assert min(label_legibility(f.image, label, 0, 9) for f in frames(with_label)) > 0.7
    assert max(label_legibility(f.image, label, 0, 9) for f in frames(without)) < 0.1
