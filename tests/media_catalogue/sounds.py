"""Sound: where in a layout a voice lies, changing layouts and rates, holes and overlaps in the clock, sample formats.

The main voice beeps with the flashes; others beep at times and pitches of their own. A voice must be heard at one of
the ears that are named for it. Surround channels may be folded to the side they belong to: any ear will do for them.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.media_catalogue import beeps, transport
from tests.media_catalogue.beeps import CENTRE, MAIN, RIGHT
from tests.media_catalogue.scene import PRIMING, Scene, loudness
from tests.media_catalogue.truth import HeardTruth, Member, Truth
from tests.media_catalogue.writing import Sound, steady, write

SECONDS = 4.0
ANY = ("mid", "left", "right", "side", "centre")
SIDES = {"L": ("left", "mid"), "R": ("right", "mid"), "C": ("centre", "mid"), "S": ANY, "B": ("mid",)}

# layout -> channels in libav's order; what of voices each plan puts where: (channel, voice, gain).
CHANNELS = {"mono": 1, "stereo": 2, "2.1": 3, "quad": 4, "5.1": 6, "5.1(side)": 6, "7.1": 8}
PLANS: dict[
    str, tuple[str, list[tuple[int, float, float]], dict[float, str], tuple[tuple[float, str], ...]]
] = {
    "mono": ("mono", [(0, MAIN, 1)], {MAIN: "B"}, ()),
    "stereo": (
        "stereo",
        [(0, MAIN, 1), (1, RIGHT, 1)],
        {MAIN: "L", RIGHT: "R"},
        ((RIGHT, "left"), (MAIN, "right")),
    ),
    "dual_mono": ("stereo", [(0, MAIN, 1), (1, MAIN, 1)], {MAIN: "B"}, ()),
    "antiphase": ("stereo", [(0, MAIN, 1), (1, MAIN, -1)], {MAIN: "L"}, ((MAIN, "mid"),)),
    "left_only": ("stereo", [(0, MAIN, 1)], {MAIN: "L"}, ((MAIN, "right"),)),
    "right_only": ("stereo", [(1, MAIN, 1)], {MAIN: "R"}, ((MAIN, "left"),)),
    "centre_only": ("5.1", [(2, MAIN, 1)], {MAIN: "C"}, ()),
    "centre_side": ("5.1(side)", [(2, MAIN, 1), (0, RIGHT, 1)], {MAIN: "C", RIGHT: "L"}, ()),
    "5.1": ("5.1", [(0, MAIN, 1), (1, RIGHT, 1), (2, CENTRE, 1)], {MAIN: "L", RIGHT: "R", CENTRE: "C"}, ()),
    "surround": ("5.1", [(2, MAIN, 1), (4, RIGHT, 1)], {MAIN: "C", RIGHT: "S"}, ()),
    "7.1": ("7.1", [(2, MAIN, 1), (0, RIGHT, 1)], {MAIN: "C", RIGHT: "L"}, ()),
    "quad": ("quad", [(0, MAIN, 1), (1, RIGHT, 1)], {MAIN: "L", RIGHT: "R"}, ()),
    "2.1": ("2.1", [(0, MAIN, 1), (1, RIGHT, 1)], {MAIN: "L", RIGHT: "R"}, ()),
}
SINGLE = {"mono", "dual_mono", "antiphase", "left_only", "right_only", "centre_only"}


def placed(
    path: Path,
    *,
    plan: str = "stereo",
    codec: str = "aac",
    rate: int = 48_000,
    level: float = 1.0,
    seed: int = 0,
) -> Truth:
    """Voices at known places of a layout. ``level``: times .5; above 2 the sound is over full scale and is clipped."""
    layout, places, where, deaf = PLANS[plan]
    scene = Scene(steady(25, SECONDS), (0.0, SECONDS), seed=seed)
    times = {MAIN: scene.beep_times}
    for i, hertz in enumerate((RIGHT, CENTRE)):
        if hertz in where:
            times[hertz] = beeps.event_times(SECONDS, seed + 11 + i)[:-1]
    samples = np.zeros((round(SECONDS * rate), CHANNELS[layout]), np.float32)
    for channel, hertz, gain in places:
        samples[:, channel] += gain * level * beeps.voice(times[hertz], SECONDS, rate, hertz)
    picture = scene.picture(base=scene.rate**-1 if path.suffix == ".avi" else None)
    sound = Sound(samples, rate=rate, layout=layout, codec=codec, bit_rate=96_000 * max(2, CHANNELS[layout]))
    write(path, [picture, sound])
    late = path.suffix in (".ts", ".avi", ".flv")
    primed = PRIMING.get(codec, 0) / rate if late else 0.0
    truth = scene.truth(picture, primed=primed, zero_tolerance=0.03, heard={"edge": 0.09})
    assert truth.heard is not None
    zero = truth.heard.voices[MAIN][0] - scene.beep_times[0]
    heard = replace(
        truth.heard,
        voices={hertz: tuple(t + zero for t in at) for hertz, at in times.items()},
        ears={hertz: SIDES[place] for hertz, place in where.items()},
        deaf=deaf,
        sample_rate=rate,
        channels=CHANNELS[layout],
        # Matroska and AVI do not say where the channels of PCM lie.
        layout=None if codec.startswith("pcm") and path.suffix in (".mkv", ".avi") else layout,
        loudness=_level(truth.heard, level) if plan in SINGLE else None,
    )
    return replace(truth, heard=heard)


def _level(heard: HeardTruth, level: float) -> float | None:
    """Of the main voice alone; what is over full scale is clipped there, as it is on any device."""
    assert heard.start is not None
    assert heard.end is not None
    wave = level * beeps.LEVEL * np.sin(np.linspace(0, 2 * np.pi, 10_000))
    rms = float(np.sqrt(np.mean(np.clip(wave, -1, 1) ** 2)))
    return loudness(len(heard.voices[MAIN]), heard.end - heard.start, rms * 2**0.5)


def hole(path: Path, *, at: float = 2.0, seconds: float = 0.6, codec: str = "aac", seed: int = 0) -> Truth:
    """The sound's clock jumps: nothing is there for so long, then it goes on, in step with the picture."""
    scene = Scene(steady(25, 4), (0.0, 4.0), seed=seed)
    picture = scene.picture()
    kept = [t for t in scene.beep_times if t < at - 0.12 or t > at + seconds + 0.05]
    content = [t if t < at else t - seconds for t in kept]
    mono = beeps.voice(content, 4.0 - seconds, 48_000)
    write(path, [picture, Sound(mono[:, None], codec=codec, jumps=((at, seconds),))])
    primed = PRIMING[codec] / 48_000 if path.suffix == ".ts" and codec in PRIMING else 0.0
    truth = scene.truth(picture, primed=primed, zero_tolerance=0.025, heard={"edge": 0.09})
    return _only(truth, kept, scene, gaps=((at + primed, at + primed + seconds),), overlaps=())


def overlap(path: Path, *, at: float = 2.0, seconds: float = 0.4, seed: int = 0) -> Truth:
    """The sound's clock jumps back (transport stream): what lies where there was sound already is left out."""
    scene = Scene(steady(25, 4), (0.0, 4.0), seed=seed)
    picture = scene.picture()
    kept = [t for t in scene.beep_times if t < at - 0.5 or t > at + 0.15]
    content = [t if t < at else t + seconds for t in kept]
    mono = beeps.voice(content, 4.0 + seconds, 48_000)
    write(path, [picture, Sound(mono[:, None])])
    data = bytearray(path.read_bytes())
    starts = transport.pes_starts(data, transport.pid_of(1))
    places = [transport.payload(data, start) + 9 for start in starts]
    first = transport.clock(data, places[0])
    moved = None
    for start, place in zip(starts, places, strict=True):
        since = (transport.clock(data, place) - first) / 90_000
        if since >= at:
            moved = since if moved is None else moved
            transport.move(data, start, -seconds)
    path.write_bytes(data)
    assert moved is not None
    truth = scene.truth(picture, primed=PRIMING["aac"] / 48_000, zero_tolerance=0.025, heard={"edge": 0.09})
    # Where exactly the clock jumps is the first packet's; what is left out ends where the sound was.
    return _only(
        truth, kept, scene, overlaps=((moved - seconds, moved),), gaps=(), deaf_spans=((at - 0.4, at + 0.1),)
    )


def _only(truth: Truth, kept: list[float], scene: Scene, **more: Any) -> Truth:
    assert truth.heard is not None
    zero = truth.heard.voices[MAIN][0] - scene.beep_times[0]
    voices = {MAIN: tuple(t + zero for t in kept)}
    return replace(truth, heard=replace(truth.heard, voices=voices, loudness=None, **more))


def changing(
    path: Path,
    *,
    layouts: tuple[str, ...] = ("mono", "stereo"),
    rates: tuple[int, ...] = (48_000, 48_000),
    codec: str = "aac",
    seed: int = 0,
) -> Truth:
    """A transport stream whose sound changes its channels or its rate while clock and picture go on."""
    part = 2.0
    data = b""
    parts: list[tuple[Truth, float]] = []
    for i, (layout, rate) in enumerate(zip(layouts, rates, strict=True)):
        scene = Scene(steady(25, part), (0.0, part), seed=seed * 10 + i, first=100 * i)
        picture = scene.picture()
        mono = beeps.voice(scene.beep_times, part, rate)
        samples = np.zeros((len(mono), CHANNELS[layout]), np.float32)
        samples[:, 2 if CHANNELS[layout] > 3 else 0] = mono
        if layout == "stereo":
            samples[:, 1] = mono
        sound = Sound(
            samples, rate=rate, layout=layout, codec=codec, bit_rate=96_000 * max(2, CHANNELS[layout])
        )
        write(path, [picture, sound], options={"output_ts_offset": str(1.4 + i * part)})
        data += path.read_bytes()
        parts.append((scene.truth(picture, primed=PRIMING[codec] / rate), i * part))
    path.write_bytes(data)
    first = parts[0][0]
    assert first.seen is not None
    assert first.heard is not None
    # libav moves each part by its own priming, so a part lies up to 25 ms beside where it would be.
    seen = replace(
        first.seen,
        counters=tuple(c for t, _ in parts if t.seen for c in t.seen.counters),
        times=tuple(x + at for t, at in parts if t.seen for x in t.seen.times),
        flashes=tuple(x + at for t, at in parts if t.seen for x in t.seen.flashes),
        end=len(parts) * part + first.seen.times[0],
        clock_tolerance=0.03,
        variable=None,
    )
    heard = replace(
        first.heard,
        voices={MAIN: tuple(x + at for t, at in parts if t.heard for x in t.heard.voices[MAIN])},
        end=len(parts) * part + first.seen.times[0],
        channels=CHANNELS[layouts[0]],
        sample_rate=rates[0],
        layout_changes=tuple(at for _, at in parts[1:]),
        gaps=None,
        overlaps=None,
        loudness=None,
        edge=0.12,
    )
    return replace(first, seen=seen, heard=heard, zero_tolerance=0.03)


def members() -> list[Member]:
    plans: list[tuple[str, str, Any]] = [
        (name, ".mp4", partial(placed, plan=name, codec="aac"))
        for name in (
            "mono",
            "stereo",
            "dual_mono",
            "antiphase",
            "left_only",
            "right_only",
            "centre_only",
            "5.1",
        )
    ]
    plans += [
        ("centre_side_ac3", ".ts", partial(placed, plan="centre_side", codec="ac3")),
        ("centre_only_flac", ".mkv", partial(placed, plan="centre_only", codec="flac")),
        ("surround", ".mkv", partial(placed, plan="surround", codec="flac")),
        ("7.1", ".mkv", partial(placed, plan="7.1", codec="flac")),
        ("quad", ".mkv", partial(placed, plan="quad", codec="flac")),
        ("2.1", ".mov", partial(placed, plan="2.1", codec="pcm_s24le")),
        ("stereo_opus", ".webm", partial(_webm, plan="stereo")),
        ("u8", ".avi", partial(placed, plan="mono", codec="pcm_u8", rate=44_100)),
        ("s16", ".avi", partial(placed, plan="stereo", codec="pcm_s16le", rate=32_000)),
        ("s24", ".mov", partial(placed, plan="left_only", codec="pcm_s24le")),
        ("f32", ".mkv", partial(placed, plan="stereo", codec="pcm_f32le")),
        ("over_full_scale", ".mkv", partial(placed, plan="mono", codec="pcm_f32le", level=4.0)),
        ("over_full_scale", ".mov", partial(placed, plan="dual_mono", codec="pcm_f32le", level=3.0)),
        ("22050", ".mp4", partial(placed, plan="mono", codec="aac", rate=22_050)),
        ("mp3_44100", ".mp4", partial(placed, plan="stereo", codec="libmp3lame", rate=44_100)),
        ("hole", ".ts", hole),
        ("hole", ".mp4", partial(hole, seed=1)),
        ("hole_flac", ".mkv", partial(hole, codec="flac", seed=2)),
        ("overlap", ".ts", overlap),
        ("mono_stereo", ".ts", changing),
        ("mono_stereo_5.1", ".ts",
         partial(changing, layouts=("mono", "stereo", "5.1(side)"), rates=(48_000,) * 3, codec="ac3")),
        ("stereo_mono", ".ts", partial(changing, layouts=("stereo", "mono"), seed=1)),
        ("44100_48000", ".ts", partial(changing, layouts=("mono", "mono"), rates=(44_100, 48_000), seed=2)),
    ]  # fmt: skip
    return [Member("sound", name, suffix, make) for name, suffix, make in plans]


def _webm(path: Path, *, plan: str, seed: int = 0) -> Truth:
    """Opus beside VP9, as browsers record."""
    layout, _, where, deaf = PLANS[plan]
    scene = Scene(steady(25, 3), (0.0, 3.0), seed=seed)
    other = beeps.event_times(3.0, seed + 11)[:-1]
    left, right = beeps.voice(scene.beep_times, 3.0, 48_000), beeps.voice(other, 3.0, 48_000, RIGHT)
    picture = scene.picture(
        codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8", "crf": "20"}
    )
    write(path, [picture, Sound(np.stack([left, right], 1), layout=layout, codec="libopus")])
    heard = {
        "voices": {MAIN: tuple(scene.beep_times), RIGHT: tuple(other)},
        "ears": {hertz: SIDES[place] for hertz, place in where.items()},
        "deaf": deaf,
        "channels": 2,
        "loudness": None,
        "edge": 0.09,
    }
    return scene.truth(picture, zero_tolerance=0.025, heard=heard)


def drawn(rng: random.Random, number: int) -> Member:
    seed = rng.randrange(1_000_000)
    kind = rng.choice(["placed", "placed", "hole", "overlap", "changing"])
    if kind == "placed":
        plan = rng.choice(list(PLANS))
        layout = PLANS[plan][0]
        choices = [("flac", ".mkv")]
        if layout in ("mono", "stereo", "5.1"):
            choices += [("aac", ".mp4"), ("aac", ".ts")]
        if layout in ("mono", "stereo"):
            choices += [("pcm_s16le", ".avi"), ("pcm_s24le", ".mov"), ("pcm_f32le", ".mkv"), ("ac3", ".mkv")]
        codec, suffix = rng.choice(choices)
        rate = rng.choice([44_100, 48_000])
        return Member(
            "sound",
            f"{number}_{plan}_{codec}",
            suffix,
            partial(placed, plan=plan, codec=codec, rate=rate, seed=seed),
        )
    if kind == "hole":
        codec, suffix = rng.choice([("aac", ".mp4"), ("aac", ".ts"), ("flac", ".mkv")])
        how: dict[str, Any] = {
            "at": rng.uniform(1.2, 2.2),
            "seconds": rng.uniform(0.2, 1.2),
            "codec": codec,
            "seed": seed,
        }
        return Member("sound", f"{number}_hole", suffix, partial(hole, **how))
    if kind == "overlap":
        return Member(
            "sound", f"{number}_overlap", ".ts", partial(overlap, seconds=rng.uniform(0.2, 0.45), seed=seed)
        )
    codec, names = rng.choice([("aac", ["mono", "stereo", "5.1"]), ("ac3", ["mono", "stereo", "5.1(side)"])])
    layouts = tuple(rng.sample(names, 2))
    return Member(
        "sound", f"{number}_changing", ".ts", partial(changing, layouts=layouts, codec=codec, seed=seed)
    )
