"""Damage: packets that are noise or nothing, missing or repeated; files whose first picture cannot be decoded.

A picture that is hurt hurts those that build on it, up to the next keyframe: in that span pictures may be wrong or
absent; everywhere else every picture must be right and at its time. Noise and zeros must be reported in the span;
a packet that is simply gone leaves nothing to report.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import av

from tests.media_catalogue import transport
from tests.media_catalogue.ink import Ink
from tests.media_catalogue.scene import PRIMING, Scene
from tests.media_catalogue.truth import Member, Truth
from tests.media_catalogue.writing import Picture, steady, write

GOP = 10


def _scene(path: Path, seed: int, **picture: Any) -> tuple[Scene, Picture, Any, float]:
    scene = Scene(steady(25, 4), (0.0, 4.0), seed=seed)
    codec = {".mkv": "libopus", ".avi": "pcm_s16le"}.get(path.suffix, "aac")
    primed = PRIMING["aac"] / 48_000 if path.suffix in (".ts", ".flv") else 0.0
    how = {"gop": GOP, **picture}
    return scene, scene.picture(**how), scene.sound_track(codec=codec), primed


def _filler(how: str, rng: random.Random) -> Callable[[int], bytes]:
    return rng.randbytes if how == "noise" else bytes


def _spans(indices: list[int], gop: int, shift: float) -> tuple[tuple[float, float], ...]:
    """From each hurt picture to the next keyframe, joined where they meet."""
    spans: list[tuple[float, float]] = []
    for index in sorted(indices):
        begin, end = index / 25 + shift, (index // gop + 1) * gop / 25 + shift
        if spans and begin <= spans[-1][1] + 0.31:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((begin, end))
    return tuple(spans)


def hurt_pictures(
    path: Path, *, count: int = 2, how: str = "zeros", codec: str = "libx264", gop: int = GOP, seed: int = 0
) -> Truth:
    """Some picture packets are overwritten, in place: the index still points at them."""
    rng = random.Random(seed)
    pixel = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    ink = Ink("601", "601", full=codec == "mjpeg")
    scene, picture, sound, primed = _scene(path, seed, codec=codec, gop=gop, pixel=pixel, ink=ink)
    write(path, [picture, sound])
    indices = rng.sample(range(5, 95), count)
    fill = _filler(how, rng)
    data = bytearray(path.read_bytes())
    if path.suffix == ".ts":
        for index in indices:
            transport.overwrite(data, transport.pid_of(0), index, fill)
    else:
        with av.open(str(path)) as container:
            packets = [bytes(p) for p in container.demux(video=0) if p.size]
        at = 0
        for index, packet in enumerate(packets):
            at = data.index(packet, at)
            if index in indices:
                data[at : at + len(packet)] = fill(len(packet))
            at += len(packet)
    path.write_bytes(data)
    step = 1 if codec == "mjpeg" else gop
    # In a byte stream what is overwritten is no picture any more, but padding or noise after the one before (H.264
    # Annex B), which decodes: that picture is simply not there, as if it had never been sent.
    gone = path.suffix == ".ts"
    return _damaged(
        scene, picture, primed, indices, step, len(indices) * step, reported=None if gone else True
    )


def _damaged(
    scene: Scene, picture: Picture, primed: float, indices: list[int], gop: int, absent: int,
    *, reported: bool | None = True,
) -> Truth:  # fmt: skip
    truth = scene.truth(picture, primed=primed, zero_tolerance=0.025, heard={"edge": 0.09})
    assert truth.seen is not None
    spans = _spans(indices, gop, truth.seen.times[0])
    seen = replace(truth.seen, hurt=spans, absent=absent, variable=None, end=None, frame_rate=None)
    return replace(truth, seen=seen, reported=reported)


def dropped(path: Path, *, count: int = 3, b_frames: int = 0, seed: int = 0) -> Truth:
    """Picture packets that are gone, and those that build on them."""
    rng = random.Random(seed)
    scene, picture, sound, primed = _scene(path, seed, b_frames=b_frames)
    indices = rng.sample([i for i in range(12, 95) if i % GOP], count)

    def change(lists: list[list[Any]]) -> list[list[Any]]:
        return [[p for i, p in enumerate(lists[0]) if i not in indices], lists[1]]

    write(path, [picture, sound], change=change)
    return _damaged(scene, picture, primed, indices, GOP, count * GOP, reported=None)


def no_first_keyframe(path: Path, *, seed: int = 0) -> Truth:
    """A recording that begins between keyframes: until the first one, nothing can be shown rightly."""
    scene, picture, sound, primed = _scene(path, seed)

    def change(lists: list[list[Any]]) -> list[list[Any]]:
        return [lists[0][1:], lists[1]]

    write(path, [picture, sound], change=change)
    return _damaged(scene, picture, primed, [0], GOP, GOP, reported=None)


def hurt_sound(path: Path, *, count: int = 3, seed: int = 0) -> Truth:
    """Sound packets are noise: what they hold is not claimed, all the rest stays in its place."""
    rng = random.Random(seed)
    scene, picture, sound, primed = _scene(path, seed)
    write(path, [picture, sound])
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [(float(p.pts * p.time_base), bytes(p)) for p in container.demux(audio=0) if p.size]
    alike = Counter(
        packet for _, packet in packets
    )  # silent packets are alike: which of them lies where is open
    places = [i for i, (_, packet) in enumerate(packets) if alike[packet] == 1 and i > 5]
    spans = []
    for index in rng.sample(places, count):
        time, packet = packets[index]
        at = data.index(packet)
        data[at : at + len(packet)] = rng.randbytes(len(packet))
        spans.append((time - 0.02, time + 0.06))
    path.write_bytes(data)
    truth = scene.truth(picture, primed=primed, zero_tolerance=0.025, heard={"edge": 0.09})
    assert truth.heard is not None
    heard = replace(
        truth.heard, deaf_spans=tuple(spans), loudness=None, gaps=None, overlaps=None, layout_changes=None
    )
    return replace(truth, heard=heard)


def garbage(path: Path, *, how: str = "garbage", seed: int = 0) -> Truth:
    """Between transport packets: foreign bytes, or a packet twice (which libav takes for a loss).

    A demultiplexer that seeks its packets again may lose some of the next: what is near is not claimed.
    """
    rng = random.Random(seed)
    scene, picture, sound, primed = _scene(path, seed)
    write(path, [picture, sound])
    data = path.read_bytes()
    # A packet that begins a picture is not repeated: that would be a picture more.
    places = [
        at
        for at in range(30 * transport.SIZE, len(data) - 10 * transport.SIZE, transport.SIZE)
        if how == "garbage" or not data[at - transport.SIZE + 1] & 0x40
    ]
    out, last = b"", 0
    cuts: list[tuple[float, float]] = []  # seconds of picture and sound there
    for at in sorted(rng.sample(places, 2)):
        out += data[last:at]
        if how == "garbage":
            out += bytes(b if b != 0x47 else 0 for b in rng.randbytes(transport.SIZE * rng.randint(1, 3)))
        else:
            out += data[at - transport.SIZE : at]
        last = at
        cuts.append(
            (
                transport.seconds_at(data, transport.pid_of(0), at),
                transport.seconds_at(data, transport.pid_of(1), at),
            )
        )
    path.write_bytes(out + data[last:])
    truth = scene.truth(picture, primed=primed, zero_tolerance=0.025, heard={"edge": 0.09})
    assert truth.seen is not None
    assert truth.heard is not None
    spans = tuple(
        (t + truth.seen.start - 0.05, t + truth.seen.start + 0.5) for t, _ in cuts
    )  # to the next keyframe
    # Sound that is soft comes in long packets (a second and more), and a broken one is lost as a whole.
    silent = tuple((t - 0.05, t + 1.3) for _, t in cuts)
    seen = replace(truth.seen, hurt=spans, absent=30, variable=None, end=None, frame_rate=None)
    heard = replace(
        truth.heard, deaf_spans=silent, end=None, loudness=None, gaps=None, overlaps=None, layout_changes=None
    )
    return replace(truth, seen=seen, heard=heard, reported=None)


def backwards(path: Path, *, index: int = 52, seconds: float = 0.3, seed: int = 0) -> Truth:
    """One picture's clock lies before those that were shown: times rise all the same, the others stay in place."""
    scene, picture, sound, primed = _scene(path, seed)
    write(path, [picture, sound])
    data = bytearray(path.read_bytes())
    transport.move(data, transport.pes_starts(data, transport.pid_of(0))[index], -seconds)
    path.write_bytes(data)
    truth = _damaged(scene, picture, primed, [index], 1, 1, reported=None)
    assert truth.seen is not None
    at = truth.seen.times[index]
    return replace(truth, seen=replace(truth.seen, hurt=((at - seconds - 0.1, at + 0.1),), variable=None))


def cut_fragments(path: Path, *, share: float = 0.8, seed: int = 0) -> Truth:
    """A fragmented file that stops in mid-fragment: the whole fragments are presented, or the file is refused."""
    from tests.media_catalogue.clocks import fragmented

    truth = fragmented(path, movflags="moof", seed=seed)
    assert truth.seen is not None
    assert truth.heard is not None
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    safe = max(0.0, share * 4.0 - 1.5)
    return replace(
        truth,
        seen=replace(truth.seen, hurt=((safe, 4.2),), absent=100, end=None, variable=None),
        heard=replace(truth.heard, end=None, deaf_spans=((safe, 4.2),), gaps=None),
        or_refused=("truncated",),
        reported=None,
    )


def members() -> list[Member]:
    plans: list[tuple[str, str, Any]] = [
        ("zeros", ".mp4", hurt_pictures),
        ("zeros", ".ts", partial(hurt_pictures, seed=1)),
        ("zeros", ".mkv", partial(hurt_pictures, count=3, seed=2)),
        ("noise", ".mp4", partial(hurt_pictures, how="noise", seed=3)),
        ("noise", ".ts", partial(hurt_pictures, how="noise", seed=4)),
        ("noise", ".mkv", partial(hurt_pictures, how="noise", count=3, seed=5)),
        ("noise_mpeg4", ".avi", partial(hurt_pictures, how="noise", codec="mpeg4", seed=6)),
        ("zeros_mjpeg", ".mov", partial(hurt_pictures, codec="mjpeg", count=4, seed=7)),
        ("zeros_intra", ".mp4", partial(hurt_pictures, gop=1, count=5, seed=8)),
        ("dropped", ".mkv", dropped),
        ("dropped", ".ts", partial(dropped, seed=1)),
        ("dropped", ".mp4", partial(dropped, seed=2)),
        ("no_first_keyframe", ".ts", no_first_keyframe),
        ("no_first_keyframe", ".mkv", partial(no_first_keyframe, seed=1)),
        ("sound_noise", ".mp4", hurt_sound),
        ("sound_noise", ".mkv", partial(hurt_sound, seed=1)),
        ("garbage", ".ts", garbage),
        ("repeated", ".ts", partial(garbage, how="repeated", seed=1)),
        ("backwards", ".ts", backwards),
        ("cut_fragments", ".mp4", cut_fragments),
    ]
    return [Member("damage", name, suffix, make) for name, suffix, make in plans]


def drawn(rng: random.Random, number: int) -> Member:
    seed = rng.randrange(1_000_000)
    suffix = rng.choice([".mp4", ".mkv", ".ts"])
    how = rng.choice(["zeros", "noise"])
    plans: list[tuple[str, str, Any]] = [
        (how, suffix, partial(hurt_pictures, how=how, count=rng.randint(1, 5))),
        ("dropped", suffix, partial(dropped, count=rng.randint(1, 5))),
        ("sound", rng.choice([".mp4", ".mkv"]), partial(hurt_sound, count=rng.randint(1, 5))),
        ("repeated", ".ts", partial(garbage, how="repeated")),
        ("garbage", ".ts", garbage),
        (
            "backwards",
            ".ts",
            partial(backwards, index=rng.randint(20, 80), seconds=rng.uniform(0.1, 0.5)),
        ),
    ]
    name, suffix, make = rng.choice(plans)
    return Member("damage", f"{number}_{name}", suffix, partial(make, seed=seed))
