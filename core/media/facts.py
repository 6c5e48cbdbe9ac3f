"""From what the child says to the models, with everything checked: the child may have been taken over."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any, get_args

from core.canonical import digest_json
from core.media.models import (
    Colour,
    Decoded,
    Essence,
    PictureTrack,
    Presentation,
    Role,
    Seconds,
    SoundTrack,
    Track,
    TrackEssence,
)
from core.settings import MediaSettings

_LARGEST = 2**63 - 1  # libav counts in 64 bits
_WIDEST = (
    2**127
)  # the exact sum of several clocks (picture, sound, mean rate) needs more than 64 bits in long files
_NEAREST = 10**9  # such a sum is taken to the nanosecond
_MOST = 1000  # tracks, spans or moments in one list; the child stops there too
_SHA256 = re.compile("[0-9a-f]{64}")


def presentation_of(
    facts: dict[str, Any], size: int, header: float | None, limits: MediaSettings
) -> Presentation:
    """``header``: seconds that an MP4's own header claims, which libav passes over.

    Raises one of ``core.media.confined.MALFORMED`` for anything that is no presentation within the limits."""
    return Presentation(
        container=_word(facts["container"], 100),
        size=size,
        zero=rational(*facts["zero"]),
        duration=_seconds(facts["duration"], limits),
        declared=Fraction(header).limit_denominator(1_000_000) if header else rational(*facts["declared"]),
        video=_picture(facts["video"], limits),
        audio=None if facts["audio"] is None else _sound(facts["audio"], limits),
        tracks=tuple(_track(track) for track in _few(facts["tracks"])),
        resets=_moments(facts["resets"]),
    )


def essence_of(facts: dict[str, Any]) -> Essence:
    """Likewise."""
    tracks = tuple(
        TrackEssence(_word(t["kind"], 20), _word(t["codec"], 100), _whole(t["packets"]), _sha256(t["sha256"]))
        for t in _few(facts["essence"])
    )
    return Essence(digest_json([[t.kind, t.codec, t.packets, t.sha256] for t in tracks]), tracks)


def decoded_of(facts: dict[str, Any]) -> Decoded:
    """Likewise."""
    return Decoded(
        pictures=_whole(facts["pictures"]),
        undecodable=_spans(facts["undecodable"]),
        damaged=_spans(facts["damaged"]),
        repeated=_spans(facts["repeated"]),
        gaps=_spans(facts.get("gaps", [])),
        overlaps=_spans(facts.get("overlaps", [])),
        dropped=_number(facts.get("dropped", 0.0)),
        layout_changes=_moments(facts.get("layout_changes", [])),
        sound_end=_number(facts.get("sound_end", 0.0)),
    )


def rational(numerator: Any, denominator: Any) -> Fraction:
    """A fraction of two numbers of 64 bits, a wider one to the nanosecond. Raises ValueError for any other."""
    exact = Fraction(_whole(numerator, -_WIDEST, _WIDEST), _whole(denominator, 1, _WIDEST))
    if max(abs(exact.numerator), exact.denominator) <= _LARGEST:
        return exact
    near = exact.limit_denominator(_NEAREST)
    if abs(near.numerator) > _LARGEST:
        raise ValueError("more seconds than a clock counts")
    return near


def _picture(facts: dict[str, Any], limits: MediaSettings) -> PictureTrack:
    primaries, transfer, matrix, full_range, tagged = facts["colour"]
    width, height = _whole(facts["width"], 1), _whole(facts["height"], 1)
    rotation = _whole(facts["rotation"])
    aspect = rational(*facts["aspect"])
    rate, usual = rational(*facts["frame_rate"]), rational(*facts["usual_rate"])
    if width * height > limits.max_pixels or rotation not in (0, 90, 180, 270):
        raise ValueError("impossible picture")
    if aspect <= 0 or rate <= 0 or usual <= 0:
        raise ValueError("impossible picture")
    return PictureTrack(
        number=_whole(facts["number"]),
        codec=_word(facts["codec"]),
        width=width,
        height=height,
        rotation=rotation,
        aspect=aspect,
        colour=Colour(_whole(primaries), _whole(transfer), _whole(matrix), bool(full_range), bool(tagged)),
        frame_rate=rate,
        usual_rate=usual,
        frames=_whole(facts["frames"]),
        start=_seconds(facts["start"], limits),
        end=_seconds(facts["end"], limits),
        variable=bool(facts["variable"]),
    )


def _sound(facts: dict[str, Any], limits: MediaSettings) -> SoundTrack:
    return SoundTrack(
        number=_whole(facts["number"]),
        codec=_word(facts["codec"]),
        sample_rate=_whole(facts["sample_rate"], 1000, 768_000),
        channels=_whole(facts["channels"], 1, 64),
        layout=_word(facts["layout"]),
        has_centre=bool(facts["has_centre"]),
        start=_seconds(facts["start"], limits),
        end=_seconds(facts["end"], limits),
    )


def _track(facts: dict[str, Any]) -> Track:
    role = facts["role"]
    if role not in get_args(Role):
        raise ValueError("no such role")
    span = facts["span"]
    return Track(
        number=_whole(facts["number"]),
        kind=_word(facts["kind"], 20),
        codec=_word(facts["codec"]),
        role=role,
        packets=_whole(facts["packets"]),
        start=None if span is None else rational(*span[0]),
        end=None if span is None else rational(*span[1]),
        language="".join(c for c in str(facts["language"]) if c.isalnum() or c == "-")[:8],
    )


def _seconds(value: Any, limits: MediaSettings) -> Fraction:
    """A moment of the presentation."""
    seconds = rational(*value)
    if not 0 <= seconds <= limits.max_seconds:
        raise ValueError("outside of the presentation")
    return seconds


def _spans(found: Any) -> tuple[Seconds, ...]:
    return tuple((_number(t0), _number(t1)) for t0, t1 in _few(found))


def _moments(found: Any) -> tuple[float, ...]:
    return tuple(_number(at) for at in _few(found))


def _few(found: Any) -> list[Any]:
    if not isinstance(found, list) or len(found) > _MOST:
        raise ValueError("no list, or too long a one")
    return found


def _whole(value: Any, least: int = 0, most: int = _LARGEST) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError("no whole number, or out of bounds")
    return int(value)


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no number")
    return float(value)


def _word(value: Any, most: int = 40) -> str:
    return "".join(c for c in str(value) if c.isprintable())[:most]


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError("no digest")
    return value
