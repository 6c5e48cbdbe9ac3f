"""Colour: what the numbers mean, where the file says it and where it does not.

Untagged pictures are BT.709 from 720 lines up and BT.601 below, as browsers take them. The coded numbers come from
the standards' formulas (``ink``). HDR pictures (PQ, HLG) are either tone-mapped plausibly, or refused with ``hdr``.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

from tests.media_catalogue.ink import Ink
from tests.media_catalogue.scene import PRIMING, Scene
from tests.media_catalogue.truth import Member, Truth
from tests.media_catalogue.writing import steady, write

INKS = {
    "601": Ink("601", "601"),
    "709": Ink("709", "709"),
    "untagged": Ink("601", "601", tagged=False),
    "601_full": Ink("601", "601", full=True),
    "709_full": Ink("709", "709", full=True),
    "2020": Ink("2020", "2020", depth=10),
    "pq": Ink("2020", "2020", "pq", depth=10),
    "hlg": Ink("2020", "2020", "hlg", depth=10),
}


def coloured(
    path: Path,
    *,
    ink: Ink,
    pixel: str = "yuv420p",
    codec: str = "libx264",
    width: int = 320,
    height: int = 180,
    seed: int = 0,
) -> Truth:
    seconds = 2 if height < 720 else 1
    scene = Scene(steady(25, seconds), (0.0, float(seconds)), seed=seed)
    options = {
        "libx264": {"crf": "6", "profile": _profile(pixel)},
        "libx265": {"crf": "8"},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "0"},
        "libsvtav1": {"preset": "12", "crf": "12", "svtav1-params": "lp=1"},
    }.get(codec, {})
    drawn = scene.picture(ink=ink, pixel=pixel, codec=codec, width=width, height=height, options=options)
    sound = "libopus" if path.suffix in (".mkv", ".webm") else "pcm_s16le" if path.suffix == ".mov" else "aac"
    write(path, [drawn, scene.sound_track(codec=sound)])
    hdr = ink.transfer != "sdr"
    # Between primaries, through light, dark channels depend on the curve that is taken for SDR: BT.1886's 2.4 (here)
    # or BT.709's camera curve, 16 steps apart at most. Primaries that are not converted are 30 and more off.
    seen: dict[str, Any] = {"colour_tolerance": 18.0 if ink.primaries == "2020" else 7.0}
    if hdr:
        seen["colours"] = {}
    primed = PRIMING["aac"] / 48_000 if path.suffix == ".ts" else 0.0
    return scene.truth(
        drawn,
        primed=primed,
        seen=seen,
        zero_tolerance=0.025,
        or_refused=("hdr",) if hdr else (),
        heard={"edge": 0.09},
    )


def _profile(pixel: str) -> str:
    if "444" in pixel:
        return "high444"
    if "422" in pixel:
        return "high422"
    return "high10" if "10" in pixel else "high"


TEN = "yuv420p10le"
UNTAGGED_HD = Ink("709", "709", tagged=False)


def members() -> list[Member]:
    plans: list[tuple[str, str, dict[str, Any]]] = [
        ("601", ".mp4", {"ink": INKS["601"]}),
        ("709", ".mp4", {"ink": INKS["709"]}),
        ("709", ".mkv", {"ink": INKS["709"]}),
        ("untagged_sd", ".mp4", {"ink": INKS["untagged"]}),
        ("untagged_sd", ".ts", {"ink": INKS["untagged"]}),
        ("untagged_hd", ".mp4", {"ink": UNTAGGED_HD, "width": 1280, "height": 720}),
        ("601_hd", ".mp4", {"ink": INKS["601"], "width": 1280, "height": 720}),
        ("601_full", ".mp4", {"ink": INKS["601_full"]}),
        ("709_full", ".mkv", {"ink": INKS["709_full"]}),
        ("yuvj420p", ".mp4", {"ink": INKS["601_full"], "pixel": "yuvj420p"}),
        ("mjpeg", ".mov", {"ink": INKS["601_full"], "pixel": "yuvj420p", "codec": "mjpeg"}),
        ("444", ".mp4", {"ink": INKS["709"], "pixel": "yuv444p"}),
        ("422", ".mp4", {"ink": INKS["709"], "pixel": "yuv422p"}),
        ("709_10_bit", ".mp4", {"ink": Ink("709", "709", depth=10), "pixel": TEN}),
        ("709_vp9", ".webm", {"ink": INKS["709"], "codec": "libvpx-vp9"}),
        ("2020_h264", ".mp4", {"ink": INKS["2020"], "pixel": TEN}),
        ("2020_hevc", ".mp4", {"ink": INKS["2020"], "pixel": TEN, "codec": "libx265"}),
        ("pq_hevc", ".mp4", {"ink": INKS["pq"], "pixel": TEN, "codec": "libx265"}),
        ("pq_h264", ".mkv", {"ink": INKS["pq"], "pixel": TEN}),
        ("hlg_hevc", ".mov", {"ink": INKS["hlg"], "pixel": TEN, "codec": "libx265"}),
        ("hlg_h264", ".mp4", {"ink": INKS["hlg"], "pixel": TEN}),
    ]
    return [Member("colour", name, suffix, partial(coloured, **how)) for name, suffix, how in plans]


def drawn(rng: random.Random, number: int) -> Member:
    name = rng.choice(list(INKS))
    ink = INKS[name]
    hd = name == "untagged" and rng.random() < 0.3
    how: dict[str, Any] = {"ink": UNTAGGED_HD if hd else ink, "seed": rng.randrange(1_000_000)}
    if hd:
        how |= {"width": 1280, "height": 720}
    if ink.depth == 10:
        how |= {"pixel": TEN, "codec": rng.choice(["libx264", "libx265"])}
    else:
        how |= {"pixel": rng.choice(["yuv420p", "yuv420p", "yuv444p", "yuv422p"])}
    # Transport streams carry what H.264 and H.265 say of themselves.
    suffix = rng.choice([".mp4", ".mkv", ".ts", ".mov"])
    return Member("colour", f"{number}_{name}", suffix, partial(coloured, **how))
