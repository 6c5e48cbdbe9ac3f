"""Geometry: pixels that are not square, turned and mirrored pictures, coded sizes that are cropped.

A stored pixel's aspect is the container's (pasp, DisplayWidth) or else the coded picture's (VUI). It widens the
picture where it is above 1 and heightens it where it is below, as HTML says; it belongs to the stored picture, so it
turns with it. The display matrix is applied whole: a mirrored one mirrors.
"""

from __future__ import annotations

import random
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from tests.media_catalogue import boxes
from tests.media_catalogue.scene import PRIMING, Scene
from tests.media_catalogue.truth import Member, Truth
from tests.media_catalogue.writing import steady, write

ASPECTS = [Fraction(4, 3), Fraction(16, 11), Fraction(8, 9), Fraction(2), Fraction(1, 2)]


def shaped(
    path: Path,
    *,
    aspect: Fraction = Fraction(1),
    rotation: int = 0,
    mirror: bool = False,
    only_coded: bool = False,
    width: int = 320,
    height: int = 180,
    codec: str = "libx264",
    seed: int = 0,
) -> Truth:
    """``only_coded``: the container says nothing of the aspect, only the coded picture does."""
    scene = Scene(steady(25, 2), (0.0, 2.0), seed=seed)
    drawn = scene.picture(
        aspect=aspect, rotation=rotation, mirror=mirror, width=width, height=height, codec=codec,
    )  # fmt: skip
    sound = "libopus" if path.suffix == ".mkv" else "aac"
    write(path, [drawn, scene.sound_track(codec=sound)])
    if only_coded:
        boxes.edit(path, lambda data: boxes.rename(data, b"pasp", b"free"))
    primed = PRIMING["aac"] / 48_000 if path.suffix == ".ts" else 0.0
    seen: dict[str, Any] = {"colour_tolerance": 12.0}
    if mirror:
        seen["rotation"] = None  # a mirrored picture can be told as turned either way; what is seen counts
    return scene.truth(drawn, primed=primed, zero_tolerance=0.025, seen=seen, heard={"edge": 0.09})


def members() -> list[Member]:
    found: list[Member] = []

    def add(name: str, suffix: str, **how: Any) -> None:
        found.append(Member("shape", name, suffix, partial(shaped, **how)))

    for i, aspect in enumerate(ASPECTS):
        name = f"{aspect.numerator}_{aspect.denominator}"
        add(name, ".mp4", aspect=aspect, seed=i)
        add(name, (".mkv", ".ts")[i % 2], aspect=aspect, seed=i)
    add("vui_only_4_3", ".mp4", aspect=Fraction(4, 3), only_coded=True)
    add("vui_only_1_2", ".mp4", aspect=Fraction(1, 2), only_coded=True)
    for rotation in (90, 180, 270):
        add(f"turned_{rotation}", ".mp4", rotation=rotation)
        add(f"turned_{rotation}_4_3", ".mov", rotation=rotation, aspect=Fraction(4, 3))
    add("turned_90_1_2", ".mp4", rotation=90, aspect=Fraction(1, 2))
    add("turned_90", ".mkv", rotation=90)
    add("mirrored", ".mp4", mirror=True)
    add("mirrored_90", ".mp4", mirror=True, rotation=90)
    add("upside_down", ".mp4", mirror=True, rotation=180)  # flipped top to bottom
    add("cropped_odd", ".mp4", width=318, height=178)  # coded as 320x192, the rest is cropped
    add("cropped_hevc", ".mp4", width=314, height=182, codec="libx265")
    return found


def drawn(rng: random.Random, number: int) -> Member:
    suffix = rng.choice([".mp4", ".mp4", ".mov", ".mkv", ".ts"])
    turnable = suffix in (".mp4", ".mov")
    how: dict[str, Any] = {
        "aspect": rng.choice([Fraction(1), *ASPECTS, Fraction(rng.randint(10, 40), rng.randint(15, 25))]),
        "rotation": rng.choice([0, 90, 180, 270]) if turnable else 0,
        "mirror": rng.random() < 0.2 if turnable else False,
        "width": rng.choice([320, 318, 256]),
        "height": rng.choice([180, 178, 240]),
        "seed": rng.randrange(1_000_000),
    }
    if suffix == ".mp4" and how["aspect"] != 1:
        how["only_coded"] = rng.random() < 0.3
    return Member("shape", f"{number}", suffix, partial(shaped, **how))
