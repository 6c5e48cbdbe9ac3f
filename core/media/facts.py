"""From what the child says to the models, with everything checked: the child may have been taken over."""

from __future__ import annotations

import math
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


def presentation_of(facts: dict[str, Any], size: int, header: float | None) -> Presentation:
    """``header``: seconds that an MP4's own header claims, which libav passes over.

    Raises KeyError, TypeError, ValueError or ZeroDivisionError for anything that is no presentation."""
    return Presentation(
        container=str(facts["container"])[:100],
        size=size,
        zero=Fraction(*facts["zero"]),
        duration=Fraction(*facts["duration"]),
        declared=Fraction(header).limit_denominator(1_000_000) if header else Fraction(*facts["declared"]),
        video=_picture(facts["video"]),
        audio=None if facts["audio"] is None else _sound(facts["audio"]),
        tracks=tuple(_track(track) for track in facts["tracks"]),
        resets=tuple(_number(reset) for reset in facts["resets"]),
    )


def essence_of(facts: dict[str, Any]) -> Essence:
    """Likewise."""
    tracks = tuple(
        TrackEssence(str(t["kind"]), str(t["codec"]), int(t["packets"]), str(t["sha256"]))
        for t in facts["essence"]
    )
    return Essence(digest_json([[t.kind, t.codec, t.packets, t.sha256] for t in tracks]), tracks)


def decoded_of(facts: dict[str, Any]) -> Decoded:
    """Likewise."""
    return Decoded(
        pictures=int(facts["pictures"]),
        undecodable=_spans(facts["undecodable"]),
        damaged=_spans(facts["damaged"]),
        repeated=_spans(facts["repeated"]),
        gaps=_spans(facts.get("gaps", [])),
        overlaps=_spans(facts.get("overlaps", [])),
        dropped=_number(facts.get("dropped", 0.0)),
        layout_changes=tuple(_number(at) for at in facts.get("layout_changes", [])),
        sound_end=_number(facts.get("sound_end", 0.0)),
    )


def _picture(facts: dict[str, Any]) -> PictureTrack:
    primaries, transfer, matrix, full_range, tagged = facts["colour"]
    return PictureTrack(
        number=int(facts["number"]),
        codec=str(facts["codec"])[:40],
        width=int(facts["width"]),
        height=int(facts["height"]),
        rotation=int(facts["rotation"]),
        aspect=Fraction(*facts["aspect"]),
        colour=Colour(int(primaries), int(transfer), int(matrix), bool(full_range), bool(tagged)),
        frame_rate=Fraction(*facts["frame_rate"]),
        usual_rate=Fraction(*facts["usual_rate"]),
        frames=int(facts["frames"]),
        start=Fraction(*facts["start"]),
        end=Fraction(*facts["end"]),
        variable=bool(facts["variable"]),
    )


def _sound(facts: dict[str, Any]) -> SoundTrack:
    rate, channels = int(facts["sample_rate"]), int(facts["channels"])
    if not (1 <= channels <= 64 and 1000 <= rate <= 768_000):
        raise ValueError("impossible sound")
    return SoundTrack(
        number=int(facts["number"]),
        codec=str(facts["codec"])[:40],
        sample_rate=rate,
        channels=channels,
        layout=str(facts["layout"])[:40],
        has_centre=bool(facts["has_centre"]),
        start=Fraction(*facts["start"]),
        end=Fraction(*facts["end"]),
    )


def _track(facts: dict[str, Any]) -> Track:
    role = facts["role"]
    if role not in get_args(Role):
        raise ValueError("no such role")
    span = facts["span"]
    return Track(
        number=int(facts["number"]),
        kind=str(facts["kind"])[:20],
        codec=str(facts["codec"])[:40],
        role=role,
        packets=int(facts["packets"]),
        start=None if span is None else Fraction(*span[0]),
        end=None if span is None else Fraction(*span[1]),
        language="".join(c for c in str(facts["language"]) if c.isalnum() or c == "-")[:8],
    )


def _spans(found: Any) -> tuple[Seconds, ...]:
    return tuple((_number(t0), _number(t1)) for t0, t1 in found)


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no number")
    return float(value)
