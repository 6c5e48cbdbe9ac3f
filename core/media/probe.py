"""What a media file is, and whether it is within the limits, before anything else looks at it."""

from __future__ import annotations

from pathlib import Path

from core.media.errors import media_error
from core.media.models import Presentation
from core.media.reading import read
from core.settings import MediaSettings, get_settings


def probe(path: Path, limits: MediaSettings | None = None) -> Presentation:
    """What the file shows and says, and when. One picture is decoded, so a container around rubbish is refused here.

    Raises:
        MediaError: with ``code`` missing_file, empty_file, too_large, truncated, not_a_video, no_video,
            too_long, too_many_pixels, too_small, too_many_streams, frame_rate, codec, no_frames, damaged,
            aspect, colour, decoder_died or stalled.
    """
    with read(path, limits, want="") as reading:
        return reading.presentation


def refuse_rivals(presentation: Presentation, path: Path, limits: MediaSettings | None = None) -> None:
    """Exactly one picture and one sound are made, examined and released: a file in which a player could show or play
    another does not come in.

    Raises:
        MediaError: ``several_pictures`` or ``several_sounds``, naming the tracks.
    """
    limits = limits or get_settings().media
    for role, taken, code in (
        ("second picture", "picture", "several_pictures"),
        ("second sound", "sound", "several_sounds"),
    ):
        if any(track.role == role for track in presentation.tracks):
            named = [track.name for track in presentation.tracks if track.role in (role, taken)]
            raise media_error(code, path, {"tracks": named}, limits)
