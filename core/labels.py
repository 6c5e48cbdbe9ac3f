"""The visible label: what a territory asks to be seen, and the one way in which it is drawn (trust step 5).

A profile is data with its source and the date on which the rule was read. The drawing is deterministic, so that
step 8 can look for exactly this label in the decoded picture (:func:`label_legibility`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.errors import GreenroomError

PROFILES = Path(__file__).parent / "label_profiles"
FONT = Path(__file__).parent / "fonts" / "NotoSans-Bold-Latin.ttf"

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
_FEWEST_TEXT_PIXELS = 9  # below this the letters are mush in any codec
_OVERSAMPLING = 4


class LabelError(GreenroomError):
    """There is no such label profile, or it is broken."""

    code = "label_profile"
    http_status = 422


class LabelProfile(BaseModel):
    """How AI-made pictures are labelled in one territory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    territory: str = Field(description="ISO 3166-1 code, EU, or * for anywhere else.")
    badge: str = Field(
        "AI", max_length=4, description="Set apart in an inverted box before the text; may be empty."
    )
    text: str = Field(min_length=2, max_length=60)
    place: Literal["top_left", "top_right", "bottom_left", "bottom_right"]
    height_share: float = Field(
        ge=0.02, le=0.2, description="Height of the letters' line as a share of the picture's shorter side."
    )
    margin_share: float = Field(
        0.05,
        ge=0.0,
        le=0.2,
        description="Distance from the edges as a share of each side; EBU R 95 keeps 5 %.",
    )
    plate: Colour = (16, 18, 22)
    plate_opacity: float = Field(0.86, ge=0.5, le=1.0)
    ink: Colour = (255, 255, 255)
    when: Literal["start", "interval", "always"]
    seconds: float = Field(0.0, ge=0.0, description="start, interval: shown for this long.")
    every: float = Field(0.0, ge=0.0, description="interval: shown again this long after it last came up.")
    source: str = Field(min_length=10, description="The rule that asks for it.")
    status: Literal["in_force", "voluntary", "draft", "house_rule"]
    date: date

    @model_validator(mode="after")
    def _makes_sense(self) -> LabelProfile:
        if self.when != "always" and self.seconds < 2:
            raise ValueError("a label that is up for less than two seconds cannot be read")
        if self.when == "interval" and self.every <= self.seconds:
            raise ValueError("'every' must be longer than 'seconds'")
        if self.contrast < 4.5:
            raise ValueError("ink on plate needs a contrast of 4.5:1 (WCAG 2.2, 1.4.3), also before white")
        return self

    @property
    def contrast(self) -> float:
        """Contrast ratio of ink on plate before the worst background, 1..21 (WCAG 2.2)."""
        ratios = []
        for behind in (0.0, 255.0):
            mixed = [self.plate_opacity * c + (1 - self.plate_opacity) * behind for c in self.plate]
            light, dark = sorted((_luminance(mixed), _luminance(list(self.ink))), reverse=True)
            ratios.append((light + 0.05) / (dark + 0.05))
        return min(ratios)


@dataclass(frozen=True, slots=True, eq=False)
class LabelPatch:
    """The label as a picture: ``rgba`` uint8 (h, w, 4), not premultiplied, at column ``x`` and row ``y``."""

    x: int
    y: int
    rgba: Image


@lru_cache(maxsize=16)
def load_label_profile(name: str) -> LabelProfile:
    """The profile of that name or territory, any case; ``default`` where a territory has none of its own.

    Raises:
        LabelError: the name is no word, or the file is broken.
    """
    wanted = name.lower()
    if not wanted.isalpha():
        raise LabelError(
            "that is not the name of a label profile", next_step="use one of: " + ", ".join(names())
        )
    path = PROFILES / f"{wanted}.yaml"
    if not path.exists():
        path = PROFILES / "default.yaml"
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return LabelProfile.model_validate(document)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise LabelError(
            f"the label profile cannot be read: {error}",
            where=path.name,
            next_step="restore or correct the file",
        ) from error


def names() -> list[str]:
    """The profiles that ship."""
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def label_on(profile: LabelProfile, t: float, duration: float) -> bool:
    """Whether the label must be on screen at ``t`` seconds of a video of ``duration`` seconds."""
    if profile.when == "always" or duration <= profile.seconds:
        return True
    if profile.when == "start":
        return t < profile.seconds
    return t % profile.every < profile.seconds


@lru_cache(maxsize=16)
def label_patch(profile: LabelProfile, width: int, height: int) -> LabelPatch:
    """The label for pictures of that size. Raises LabelError where it does not fit into the picture."""
    line = max(_FEWEST_TEXT_PIXELS, round(profile.height_share * min(width, height)))
    margin_x, margin_y = round(profile.margin_share * width), round(profile.margin_share * height)
    rgba = _draw(profile, line)
    high, wide = rgba.shape[:2]
    if wide > width - 2 * margin_x or high > height - 2 * margin_y:
        raise LabelError(
            f"the label '{profile.text}' does not fit into {width}x{height}",
            where=f"label profile {profile.name}",
            next_step="use a larger picture, or a profile with a shorter text",
        )
    # Even corners: on 4:2:0 the plate's edge then falls between chroma samples and stays clean.
    x = margin_x if profile.place.endswith("left") else width - margin_x - wide
    y = margin_y if profile.place.startswith("top") else height - margin_y - high
    return LabelPatch(x // 2 * 2, y // 2 * 2, rgba)


def draw_label(image: Image, profile: LabelProfile, t: float, duration: float) -> Image:
    """A copy of a BGR picture with the label on it, where it is due at ``t``."""
    image = image.copy()
    if label_on(profile, t, duration):
        patch = label_patch(profile, image.shape[1], image.shape[0])
        rows, columns = _region(patch)
        image[rows, columns] = _over(image[rows, columns], patch)
    return image


def label_legibility(image: Image, profile: LabelProfile, t: float, duration: float) -> float:
    """How legible the due label is in a decoded BGR picture, 0..1; 1 where none is due at ``t``.

    The plate is cut into cells about as wide as three letters. In each, the picture is compared with the drawing:
    normalised correlation (shape) times the share of the drawing's contrast that is left. The worst cell counts, for
    half a label is no label. Sharp or at CRF 35 this is above 0.7; missing, faint, half covered or smeared below 0.5.
    """
    if not label_on(profile, t, duration):
        return 1.0
    high, wide = image.shape[:2]
    rows, columns = _region(label_patch(profile, wide, high))
    seen = _grey(image[rows, columns])
    return min(_likeness(seen[:, cell][inside], drawn) for cell, inside, drawn in _cells(profile, wide, high))


@lru_cache(maxsize=16)
def _cells(
    profile: LabelProfile, width: int, height: int
) -> tuple[tuple[slice, NDArray[np.bool_], NDArray[np.float32]], ...]:
    """(columns, where the plate is, the drawing there) of each cell of the label."""
    patch = label_patch(profile, width, height)
    drawn = _grey(patch.rgba[:, :, 2::-1])
    solid = patch.rgba[:, :, 3] > 100
    edges = np.linspace(0, drawn.shape[1], 1 + max(1, round(drawn.shape[1] / (1.4 * drawn.shape[0]))))
    slices = [slice(round(a), round(b)) for a, b in pairwise(edges)]
    return tuple((cell, solid[:, cell], drawn[:, cell][solid[:, cell]]) for cell in slices)


def _likeness(seen: NDArray[np.float32], drawn: NDArray[np.float32]) -> float:
    seen, drawn = seen - seen.mean(), drawn - drawn.mean()
    power_seen, power_drawn = float(np.sqrt((seen**2).mean())), float(np.sqrt((drawn**2).mean()))
    if power_seen < 1.0 or power_drawn < 1.0:
        return 0.0
    correlation = float((seen * drawn).mean()) / (power_seen * power_drawn)
    return max(0.0, correlation) * min(1.0, power_seen / power_drawn)


def _grey(bgr: Image) -> NDArray[np.float32]:
    grey: NDArray[np.float32] = bgr.astype(np.float32) @ np.array([0.0722, 0.7152, 0.2126], np.float32)
    return grey


def _region(patch: LabelPatch) -> tuple[slice, slice]:
    high, wide = patch.rgba.shape[:2]
    return slice(patch.y, patch.y + high), slice(patch.x, patch.x + wide)


def _over(below: Image, patch: LabelPatch) -> Image:
    alpha = patch.rgba[:, :, 3:].astype(np.float32) / 255
    mixed = below.astype(np.float32) * (1 - alpha) + patch.rgba[:, :, 2::-1].astype(np.float32) * alpha
    return np.round(mixed).astype(np.uint8)


def _draw(profile: LabelProfile, line: int) -> Image:
    """The plate with badge and text, drawn large and scaled down: smooth edges without hinting artefacts."""
    scale = _OVERSAMPLING
    font = ImageFont.truetype(str(FONT), round(line * 0.78 * scale), layout_engine=ImageFont.Layout.BASIC)
    pad, gap = round(0.34 * line * scale), round(0.30 * line * scale)
    inset = round(0.16 * line * scale)
    cap_top, cap_bottom = font.getbbox("H")[1], font.getbbox("H")[3]
    high = _even(line * 1.36) * scale
    badge_wide = round(font.getlength(profile.badge)) + 2 * round(0.26 * line * scale) if profile.badge else 0
    text_wide = round(font.getlength(profile.text))
    left = inset if badge_wide else pad
    text_x = left + badge_wide + gap if badge_wide else pad
    wide = -(-(text_x + text_wide + pad) // (2 * scale)) * 2 * scale
    plate = (*profile.plate, round(255 * profile.plate_opacity))
    canvas = Pillow.new("RGBA", (wide, high), (*profile.plate, 0))
    draw = ImageDraw.Draw(canvas)
    radius = round(0.24 * line * scale)
    draw.rounded_rectangle((0, 0, wide - 1, high - 1), radius, fill=plate)
    baseline = (high - (cap_bottom - cap_top)) // 2 - cap_top
    if badge_wide:
        box = (left, inset, left + badge_wide - 1, high - inset - 1)
        draw.rounded_rectangle(box, radius - inset // 2, fill=(*profile.ink, 255))
        x = left + (badge_wide - round(font.getlength(profile.badge))) // 2
        draw.text((x, baseline), profile.badge, font=font, fill=(*profile.plate, 255))
    draw.text((text_x, baseline), profile.text, font=font, fill=(*profile.ink, 255))
    small = canvas.resize((wide // scale, high // scale), Pillow.Resampling.BOX)
    return np.asarray(small, np.uint8)


def _even(value: float) -> int:
    return round(value / 2) * 2


def _luminance(rgb: list[float]) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
