"""The words for each way in which a media file can be refused. The child sends codes; the words are here."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import Any

from core.errors import GreenroomError, MediaError
from core.settings import MediaSettings

_ANOTHER = "export the video again (MP4 with H.264 and AAC is safest) and try that file"


class NoRoom(GreenroomError):
    """What is kept on disk while a file is read (sound, points of the face) could not be written there."""

    code = "no_room"
    http_status = 507


def no_room(error: OSError) -> NoRoom:
    """The words for a temporary file that cannot be written, or read back. Nothing of the video is quoted."""
    try:
        folder = tempfile.gettempdir()
    except OSError:
        folder = "none can be written to"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "the disk is full" if full else "the file cannot be written there"
    return NoRoom(
        f"what is kept on disk while a video is read found no room: {reason}",
        where=f"the temporary folder ({folder})",
        next_step="free space there, or set TMPDIR to a folder on a larger disk, and start again",
    )


def media_error(code: str, path: Path, facts: dict[str, Any], limits: MediaSettings) -> MediaError:
    """The error for a code. Unknown codes become ``unreadable``: the child does not choose our words."""
    found = facts.get("found")
    number = float(found) if isinstance(found, int | float) else 0.0
    size = f"{int(facts.get('width') or 0)}x{int(facts.get('height') or 0)}"
    tracks = ", ".join(_word(name, 60) for name in list(facts.get("tracks") or [])[:8])
    texts: dict[str, tuple[str, str]] = {
        "missing_file": ("there is no such file, or it may not be read", "check the path"),
        "empty_file": ("the file is empty", "upload it again; the last transfer did not finish"),
        "not_a_video": ("this is not a video that can be read", _ANOTHER),
        "no_video": ("the file has no picture track", "hand in a video; sound alone cannot be examined"),
        "truncated": (
            "the file ends before its content does",
            "upload it again; the last transfer did not finish",
        ),
        "too_long": (
            f"the video is {number:.0f} s long; the limit is {limits.max_seconds:.0f} s",
            "shorten it, or raise GREENROOM_MEDIA_MAX_SECONDS",
        ),
        "too_large": (
            f"the file has {number / 1e6:.0f} MB; the limit is {limits.max_bytes / 1e6:.0f} MB",
            "compress it, or raise GREENROOM_MEDIA_MAX_BYTES",
        ),
        "too_many_pixels": (
            f"the picture is {size}; the limit is {limits.max_pixels} pixels",
            "export it at 3840x2160 or smaller",
        ),
        "too_small": (
            f"the picture is {size}; each side must have at least {limits.min_side} pixels",
            "export it larger",
        ),
        "too_many_streams": (
            f"the file has {number:.0f} tracks; the limit is {limits.max_streams}",
            "export it with one picture and one sound track",
        ),
        "frame_rate": (
            f"the video has {number:.0f} frames a second; the limit is {limits.max_frame_rate:.0f}",
            "export it at 60 frames a second or fewer",
        ),
        "codec": (
            f"{_track(facts)} is coded in a way that is not supported ({_word(facts.get('codec'))})",
            _ANOTHER,
        ),
        "resets": (
            "the clock of the file starts again hundreds of times",
            "join the parts with an editor, and export them as one",
        ),
        "layout": (
            f"the sound has {number:.0f} channels and does not say where they are heard",
            "export it with stereo sound",
        ),
        "several_pictures": (
            f"the file has several pictures: {tracks}",
            "keep the one that is meant to be seen, and hand it in again",
        ),
        "several_sounds": (
            f"the file has several sound tracks in which something is heard: {tracks}",
            "keep the one that is meant to be heard, and hand it in again",
        ),
        "aspect": (
            f"the picture's points are {number:.2f} times as wide as high",
            "export it with square pixels",
        ),
        "colour": (
            f"the picture's colours are coded in a way that is not supported (matrix {number:.0f} of ITU-T H.273)",
            "export it in BT.709 (the usual colours of the web)",
        ),
        "hdr": (
            "the picture has high dynamic range or wide colours that cannot be converted here",
            "export it in standard dynamic range (BT.709)",
        ),
        "no_frames": ("no picture in the file can be decoded", _ANOTHER),
        "damaged": (f"too much of {_track(facts)} is damaged", _ANOTHER),
        "size_changes": ("the picture changes its size in mid-file", "export it at one size"),
        "too_much_memory": (
            f"decoding needs more than {limits.child_memory_mb} MB",
            "export it smaller, or raise GREENROOM_MEDIA_CHILD_MEMORY_MB",
        ),
        "decoder_died": ("the decoder broke off on this file", _ANOTHER),
        "stalled": (
            f"the decoder made no progress for {limits.stall_seconds:.0f} s and was stopped",
            _ANOTHER,
        ),
        "unreadable": ("the file cannot be decoded", _ANOTHER),
    }
    if code not in texts:
        code = "unreadable"
    what, next_step = texts[code]
    return MediaError(what, where=path.name, next_step=next_step, code=code)


def _track(facts: dict[str, Any]) -> str:
    """Which track is meant; counted from 1, as players do."""
    kind = {"video": "the picture", "audio": "the sound"}.get(str(facts.get("kind")), "a track")
    number = facts.get("track")
    return f"{kind} (track {number + 1})" if isinstance(number, int) else kind


def _word(value: Any, most: int = 40) -> str:
    """A name that the child gave, fit for a message."""
    return "".join(c for c in str(value or "unknown") if c.isprintable())[:most]
