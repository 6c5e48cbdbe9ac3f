"""The essence: what a video is, whatever container carries it (trust step 7 fixes it; steps 8-13 name it)."""

from __future__ import annotations

from pathlib import Path

from core.media.boxes import BrokenBoxes, media_digests
from core.media.errors import media_error
from core.media.models import Essence
from core.media.own import OwnFile
from core.media.reading import read
from core.settings import MediaSettings, get_settings


def essence(path: Path, limits: MediaSettings | None = None, *, own: OwnFile | None = None) -> Essence:
    """SHA-256 over each track's codec parameters (codec, extradata, size or rate and layout, colour, time
    base) and packets (pts, dts, size, bytes), in track order.

    Sealing and publishing add boxes and shift offsets; the essence stays. Any byte of any packet changes it.

    Raises:
        MediaError: as :func:`core.media.probe.probe`.
    """
    with read(path, limits, want="", own=own) as reading:
        return reading.essence


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
