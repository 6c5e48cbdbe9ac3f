"""What headers claim against what is there: joined recordings, false lengths, files that end early.

A header is a claim; the packets are what is presented. Two recordings joined byte by byte play one after the other:
where the clock of the file starts again, the times go on.
"""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.media_catalogue import boxes
from tests.media_catalogue.beeps import MAIN
from tests.media_catalogue.scene import PRIMING, Scene
from tests.media_catalogue.truth import Member, Truth
from tests.media_catalogue.writing import steady, write

PART = 2.0  # seconds of each joined recording


def joined(path: Path, *, parts: int = 2, later: float = 0.0, seed: int = 0, b_frames: int = 0) -> Truth:
    """Transport streams one after the other; each clock starts again, or ``later`` seconds on.

    Where the second begins is exact to the end of the longer track of the first, which is longer by the sound's last
    packet: the clock is held to .1 s across a join, flash and beep still to a frame.
    """
    data, truths = b"", []
    for part in range(parts):
        scene = Scene(steady(25, PART), (0.0, PART), seed=seed * 10 + part, first=100 * part)
        drawn = scene.picture(b_frames=b_frames)
        options = {"output_ts_offset": str(1.4 + part * (PART + later) if later else 1.4)}
        write(path, [drawn, scene.sound_track()], options=options)
        data += path.read_bytes()
        truths.append(scene.truth(drawn, primed=PRIMING["aac"] / 48_000))
    path.write_bytes(data)
    first = truths[0]
    assert first.seen is not None
    assert first.heard is not None
    length = PART + PRIMING["aac"] / 48_000
    places = [(part * length, truth.seen, truth.heard) for part, truth in enumerate(truths) if truth.seen]
    seen = replace(
        first.seen,
        counters=tuple(c for _, s, _ in places for c in s.counters),
        times=tuple(at + t for at, s, _ in places for t in s.times),
        flashes=tuple(at + t for at, s, _ in places for t in s.flashes),
        end=parts * length,
        clock_tolerance=0.1,
        variable=None,
    )
    heard = replace(
        first.heard,
        voices={MAIN: tuple(at + t for at, _, h in places if h for t in h.voices[MAIN])},
        end=parts * length,
        gaps=None,
        overlaps=None,
        edge=0.2,
        loudness=None,
    )
    return replace(
        first, seen=seen, heard=heard, resets=tuple(i * length for i in range(1, parts)), zero_tolerance=0.1,
        reported=None,
    )  # fmt: skip


def false_mp4(path: Path, *, claimed: float = 60.0, seed: int = 0) -> Truth:
    """Movie, track and media header claim another length; the sample tables are as they were."""
    truth = _four_seconds(path, seed)
    boxes.edit(path, lambda data: boxes.declare(data, claimed))
    return replace(truth, declared=claimed)


def long_last_sample(path: Path, *, seconds: float = 30.0, seed: int = 0) -> Truth:
    """The sample table lets the last picture last half a minute; it is shown for as long as the one before."""

    def change(lists: list[list[Any]]) -> list[list[Any]]:
        lists[0][-1].duration = round(seconds / lists[0][-1].time_base)
        return lists

    return replace(_four_seconds(path, seed, change=change), declared=4.0 + seconds)


def false_matroska(path: Path, *, claimed: float = 90.0, seed: int = 0) -> Truth:
    truth = _four_seconds(path, seed)
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88")  # Duration, eight bytes of float, in milliseconds
    data[at + 3 : at + 11] = struct.pack(">d", claimed * 1000)
    path.write_bytes(data)
    return replace(truth, declared=claimed)


def false_avi(path: Path, *, frames: int = 1500, seed: int = 0) -> Truth:
    """The main header and the picture track's claim another number of frames."""
    scene = Scene(steady(25, 4), (0.0, 4.0), seed=seed)
    drawn = scene.picture(codec="mpeg4")
    write(path, [drawn, scene.sound_track(codec="pcm_s16le")])
    data = bytearray(path.read_bytes())
    main, track = data.index(b"avih"), data.index(b"strh")
    data[main + 8 + 16 : main + 8 + 20] = frames.to_bytes(4, "little")
    data[track + 8 + 32 : track + 8 + 36] = frames.to_bytes(4, "little")
    path.write_bytes(data)
    return scene.truth(drawn, zero_tolerance=0.025, heard={"edge": 0.09}, declared=frames / 25)


def truncated(path: Path, *, share: float = 0.6, seed: int = 0) -> Truth:
    """A file that stops: what is there is presented, up to a last picture that may be broken; or it is refused."""
    truth = _four_seconds(path, seed)
    assert truth.seen is not None
    assert truth.heard is not None
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    # Coded pictures differ in size, and sound lies up to a second apart from its picture: from well before on.
    safe = max(0.0, share * 4.0 - 1.0)
    return replace(
        truth,
        seen=replace(
            truth.seen, hurt=((safe, 4.1),), absent=len(truth.seen.counters), end=None, variable=None
        ),
        heard=replace(truth.heard, end=None, deaf_spans=((safe, 4.1),), loudness=None, gaps=None),
        or_refused=("truncated",),
        reported=None,
    )


def _four_seconds(path: Path, seed: int, *, change: Any = None) -> Truth:
    scene = Scene(steady(25, 4), (0.0, 4.0), seed=seed)
    drawn = scene.picture()
    codec = "libopus" if path.suffix == ".mkv" else "aac"
    write(path, [drawn, scene.sound_track(codec=codec)], change=change)
    primed = PRIMING["aac"] / 48_000 if path.suffix == ".ts" else 0.0
    return scene.truth(drawn, primed=primed, zero_tolerance=0.025, heard={"edge": 0.09})


def members() -> list[Member]:
    makers: list[tuple[str, str, Any]] = [
        ("joined_same_clock", ".ts", joined),
        ("joined_three", ".ts", partial(joined, parts=3, seed=1, b_frames=2)),
        ("joined_later_clock", ".ts", partial(joined, later=100.0, seed=2)),
        ("claims_60_s", ".mp4", false_mp4),
        ("claims_1_s", ".mp4", partial(false_mp4, claimed=1.0, seed=1)),
        ("long_last_sample", ".mp4", long_last_sample),
        ("claims_90_s", ".mkv", false_matroska),
        ("claims_.5_s", ".mkv", partial(false_matroska, claimed=0.5, seed=1)),
        ("claims_1500_frames", ".avi", false_avi),
        ("claims_10_frames", ".avi", partial(false_avi, frames=10, seed=1)),
        ("truncated", ".ts", truncated),
        ("truncated", ".mkv", partial(truncated, share=0.7, seed=1)),
    ]
    return [Member("declared", name, suffix, make) for name, suffix, make in makers]


def drawn(rng: random.Random, number: int) -> Member:
    seed = rng.randrange(1_000_000)
    name, suffix, make = rng.choice(
        [
            (
                "joined",
                ".ts",
                partial(joined, parts=rng.choice([2, 2, 3]), later=rng.choice([0.0, 50.0, 700.0])),
            ),
            ("claims", ".mp4", partial(false_mp4, claimed=round(rng.uniform(0.2, 500), 1))),
            ("claims", ".mkv", partial(false_matroska, claimed=round(rng.uniform(0.2, 500), 1))),
            ("claims", ".avi", partial(false_avi, frames=rng.randint(5, 9000))),
            ("truncated", ".ts", partial(truncated, share=rng.uniform(0.5, 0.95))),
            ("truncated", ".mkv", partial(truncated, share=rng.uniform(0.5, 0.95))),
        ]
    )
    return Member("declared", f"{number}_{name}", suffix, partial(make, seed=seed))
