"""One picture of a video as a small JPEG: what a person recognises a video by.

The file is read in a confined child like any other; what is drawn is what people see (upright, square pixels).
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.media.errors import media_error
from core.media.reading import read
from core.settings import MediaSettings, get_settings

QUALITY = 80


def still(path: Path, *, at: float, widest: int, limits: MediaSettings | None = None) -> bytes:
    """A JPEG of the picture that is shown at ``at`` seconds, or of the last one of a shorter video.

    Args:
        widest: pixels of its longer side, at most; it is never enlarged.

    Raises:
        MediaError: as :func:`core.media.probe.probe`; ``no_frames`` where there is no picture.
    """
    return small_jpeg(picture_at(path, at=at, limits=limits), widest)


def picture_at(path: Path, *, at: float, limits: MediaSettings | None = None) -> NDArray[np.uint8]:
    """The picture that is shown at ``at`` seconds (height, width, 3; BGR), or the last one of a shorter video.

    Raises as :func:`still`.
    """
    limits = limits or get_settings().media
    shown = None
    with read(path, limits, want="F") as reading:
        for frame in reading.pictures():
            if shown is not None and frame.time > at:
                break
            shown = frame
    if shown is None:
        raise media_error("no_frames", path, {}, limits)
    return shown.image


def small_jpeg(image: NDArray[np.uint8], widest: int) -> bytes:
    """A picture (height, width, 3; BGR) as a JPEG whose longer side has at most ``widest`` pixels; never enlarged."""
    picture = Image.fromarray(image[:, :, ::-1])
    picture.thumbnail((widest, widest))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
