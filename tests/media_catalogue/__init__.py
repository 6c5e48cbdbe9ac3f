"""A catalogue of odd but real media files whose truth is known by construction.

Each file carries a clock in picture (a counter in large blocks, a flash) and sound (a beep with each flash), so that
what a reader presents can be measured without trusting any reader. ``members()`` is the default set; ``drawn(seed, n)``
makes other members at random from the same makers. ``check.problems`` holds a reading against the truth.
"""

from __future__ import annotations

import random

from tests.media_catalogue import clocks, colours, damage, declared, geometry, sounds, tracks
from tests.media_catalogue.truth import Member

KINDS = {
    "clock": clocks,
    "declared": declared,
    "shape": geometry,
    "colour": colours,
    "track": tracks,
    "sound": sounds,
    "damage": damage,
}

REAL = {
    "clean aperture (clap), Matroska PixelCrop": "players disagree: Safari crops, Chromium and Firefox do not",
    "timed thumbnails outside chapter tracks": "libav's MP4 muxer writes no such flag; chapter pictures are there",
    "a cover track in Matroska": "libav's muxer writes a cover as a video track; it is there as an attachment",
    "HE-AAC with implicit SBR": "PyAV carries no encoder of it",
    "DTS, TrueHD": "PyAV carries no usable encoder, and the product does not take them",
    "Dolby Vision, HDR10+ metadata": "no writer in PyAV; the base layer is there as PQ",
    "pixel aspect of the container against the coded one": "libav writes both alike; the coded one alone is there",
    "interlaced pictures": "x264 in PyAV marks them, but what a player shows (bob, weave, blend) is not one truth",
    "open-ended edits, several edits, rates other than 1": "browsers and libav present them differently",
    "picture packets twice in one track": "muxers refuse equal times, and two shows of one picture are no damage",
    "variable AVI clocks (empty chunks)": "libav's muxer writes them only with damaged indexes",
}
"""Real kinds of files that are not in the catalogue, and why."""


def members() -> list[Member]:
    """The default set, in order."""
    return [member for module in KINDS.values() for member in module.members()]


def drawn(seed: int, count: int) -> list[Member]:
    """Members at random, the classes in turn; the same for the same seed."""
    rng = random.Random(seed)
    modules = list(KINDS.values())
    return [modules[i % len(modules)].drawn(rng, i) for i in range(count)]
