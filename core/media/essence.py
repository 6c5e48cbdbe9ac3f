"""The essence: what a video is, whatever container carries it (trust step 7 fixes it; steps 8-13 name it)."""

from __future__ import annotations

from pathlib import Path

from core.canonical import digest_json
from core.media.boxes import BrokenBoxes, media_digests
from core.media.confined import converse
from core.media.errors import media_error
from core.media.models import Essence, TrackEssence
from core.settings import MediaSettings, get_settings


def essence(path: Path, limits: MediaSettings | None = None) -> Essence:
    """SHA-256 over each track's codec parameters (codec, extradata, size or rate and layout, colour, time
    base) and packets (pts, dts, size, bytes), in track order.

    Sealing and publishing add boxes and shift offsets; the essence stays. Any byte of any packet changes it.

    Raises:
        MediaError: as :func:`core.media.probe.probe`.
    """
    limits = limits or get_settings().media
    messages = converse("packets", path, limits)
    try:
        facts = next(messages).json()
        tracks = tuple(
            TrackEssence(str(t["kind"]), str(t["codec"]), int(t["packets"]), str(t["sha256"]))
            for t in facts["tracks"]
        )
    except (StopIteration, KeyError, TypeError, ValueError) as error:
        raise media_error("unreadable", path, {}, limits) from error
    finally:
        messages.close()
    return Essence(digest_json([[t.kind, t.codec, t.packets, t.sha256] for t in tracks]), tracks)


def media_boxes(path: Path) -> dict[str, str]:
    """Digests of an MP4's own boxes, read without libav: see :func:`core.media.boxes.media_digests`. Equal ones
    before and after sealing or publishing prove that picture, sound and index were not touched.

    Raises:
        MediaError: the file is not a whole MP4.
    """
    try:
        with path.open("rb") as file:
            return media_digests(file)
    except (OSError, BrokenBoxes) as error:
        raise media_error("truncated", path, {}, get_settings().media) from error
