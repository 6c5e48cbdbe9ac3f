"""What a media file is, and whether it is within the limits, before anything else looks at it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from core.media.boxes import is_truncated
from core.media.confined import converse
from core.media.errors import media_error
from core.media.models import AudioStream, MediaInfo, VideoStream
from core.settings import MediaSettings, get_settings


def probe(path: Path, limits: MediaSettings | None = None) -> MediaInfo:
    """What the file is. One picture is decoded, so a sound container around rubbish is refused here.

    Raises:
        MediaError: with ``code`` missing_file, empty_file, too_large, truncated, not_a_video, no_video,
            too_long, too_many_pixels, too_small, too_many_streams, frame_rate, codec, no_frames, damaged,
            decoder_died or stalled.
    """
    limits = limits or get_settings().media
    messages = converse("probe", path, limits)
    try:
        if path.is_file() and is_truncated(path):
            raise media_error("truncated", path, {}, limits)
        facts = next(messages).json()
    except StopIteration as ended:
        raise media_error("decoder_died", path, {}, limits) from ended
    finally:
        messages.close()
    try:
        return _info(facts, path.stat().st_size)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise media_error("unreadable", path, {}, limits) from error


def _info(facts: dict[str, Any], size: int) -> MediaInfo:
    video, audio = facts["video"], facts["audio"]
    return MediaInfo(
        container=str(facts["container"])[:100],
        size=size,
        duration=Fraction(*facts["duration"]),
        video=VideoStream(
            codec=str(video["codec"])[:40],
            width=int(video["width"]),
            height=int(video["height"]),
            rotation=int(video["rotation"]),
            frame_rate=Fraction(*video["frame_rate"]),
            frames=None if video["frames"] is None else int(video["frames"]),
            duration=Fraction(*video["duration"]),
            variable=bool(video["variable"]),
        ),
        audio=None
        if audio is None
        else AudioStream(
            codec=str(audio["codec"])[:40],
            sample_rate=int(audio["sample_rate"]),
            channels=int(audio["channels"]),
            duration=Fraction(*audio["duration"]),
        ),
    )
