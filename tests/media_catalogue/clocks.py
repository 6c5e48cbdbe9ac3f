"""Clocks: even and uneven, tracks that begin and end at different times, edit lists, fragments, pictures out of order.

What is presented: each picture at its own time; where the tracks begin apart, they stay apart. Sound that a coder puts
before the first sample is dropped where the container says so (MP4 edit lists, Matroska's CodecDelay) and is silence
elsewhere (transport streams, FLV): it never moves the rest.
"""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from tests.media_catalogue import boxes
from tests.media_catalogue.scene import PRIMING, Scene
from tests.media_catalogue.truth import Member, Truth
from tests.media_catalogue.writing import steady, write

RATES = {
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30_000, 1001),
    "30": Fraction(30),
    "50": Fraction(50),
    "60": Fraction(60),
}
SOUND = {
    ".mp4": "aac",
    ".mov": "pcm_s16le",
    ".mkv": "libopus",
    ".webm": "libopus",
    ".ts": "aac",
    ".flv": "aac",
}
FRAGMENTS = {
    "frag": "frag_keyframe+empty_moov",
    "moof": "frag_keyframe+empty_moov+default_base_moof",
    "delay": "frag_keyframe+empty_moov+delay_moov+default_base_moof",
}


def primed(suffix: str, codec: str, late: bool) -> float:
    """Seconds of priming that the container presents."""
    if suffix in (".ts", ".flv", ".avi") or (suffix in (".mp4", ".mov") and late):
        return PRIMING.get(codec, 0) / 48_000
    return 0.0


def even(
    path: Path,
    *,
    rate: str = "25",
    picture_from: float = 0.0,
    sound_from: float = 0.0,
    picture_to: float = 4.0,
    sound_to: float = 4.0,
    sound: str = "",
    seed: int = 0,
    options: dict[str, str] | None = None,
    shift: tuple[float, float] = (0.0, 0.0),
    primed_by: float | None = None,
    **picture: Any,
) -> Truth:
    """An even clock; each track has its own beginning and end."""
    number = RATES[rate]
    first = Fraction(round(picture_from * number), 1) / number
    scene = Scene(
        steady(number, picture_to - float(first), first), (sound_from, sound_to), seed=seed, rate=number
    )
    codec = sound or SOUND[path.suffix]
    if path.suffix == ".webm":
        picture = {
            "codec": "libvpx-vp9",
            "options": {"deadline": "realtime", "cpu-used": "8", "crf": "20"},
            **picture,
        }
    drawn = scene.picture(**picture)
    write(path, [drawn, scene.sound_track(codec=codec)], options=options)
    before = primed(path.suffix, codec, sound_from > 0) if primed_by is None else primed_by
    end = {} if path.suffix == ".mp4" and not options else {"edge": 0.09}
    return scene.truth(drawn, primed=before, shift=shift, zero_tolerance=0.025, heard=end)


def uneven(path: Path, *, how: str = "jitter", seed: int = 0, b_frames: int = 0) -> Truth:
    """A variable clock: ``jitter`` (each step 20 to 60 ms), ``halved`` (30 to 15 a second), ``pause`` (.7 s of one)."""
    rng = random.Random(seed)
    if how == "jitter":
        steps = [Fraction(rng.randint(20, 60), 1000) for _ in range(100)]
    elif how == "halved":
        steps = [Fraction(33, 1000)] * 60 + [Fraction(66, 1000)] * 30
    else:
        at = rng.randint(30, 60)
        steps = [Fraction(7, 10) if i == at else Fraction(40, 1000) for i in range(90)]
    times = [sum(steps[:i], Fraction(0)) for i in range(len(steps))]
    scene = Scene(times, (0.0, float(times[-1]) + 0.04), seed=seed)
    drawn = scene.picture(b_frames=b_frames)
    codec = SOUND[path.suffix]
    write(path, [drawn, scene.sound_track(codec=codec)])
    # A pause of one picture in ninety is one uneven step: whether that makes the clock "variable" is not claimed.
    seen: dict[str, Any] = {"variable": None if how == "pause" else True, "frame_rate": None}
    seen["end"] = float(times[-1] + steps[-2])
    return scene.truth(
        drawn, primed=primed(path.suffix, codec, False), seen=seen, zero_tolerance=0.025, heard={"edge": 0.09}
    )


def trimmed(
    path: Path,
    *,
    picture_cut: float = 1.2,
    sound_cut: float = 1.2,
    tail: float = 0.0,
    b_frames: int = 0,
    seed: int = 0,
) -> Truth:
    """Edit lists leave out the start (and, ``tail``, the end) of the media: what is cut is neither seen nor heard.

    A cut of one track alone moves it against the other: that is what the edit list says, and what browsers present.
    """
    scene = Scene(steady(25, 6), (0.0, 6.0), seed=seed)
    drawn = scene.picture(b_frames=b_frames)
    write(path, [drawn, scene.sound_track()])

    def change(data: bytearray) -> None:
        boxes.cut(data, 0, picture_cut, tail)
        boxes.cut(data, 1, sound_cut, tail)

    boxes.edit(path, change)
    first = 0.0  # both edits begin at zero
    truth = scene.truth(
        drawn,
        cut=(picture_cut, sound_cut),
        shift=(-picture_cut, -sound_cut),
        zero_tolerance=0.025,
        # A beep that the cut goes through is not claimed.
        heard={"loudness": None, "deaf_spans": ((first - 0.2, first - 0.05),) if sound_cut else ()},
    )
    return without_tail(truth, 6.0 - picture_cut - tail, 6.0 - sound_cut - tail) if tail else truth


def without_tail(truth: Truth, picture_end: float, sound_end: float) -> Truth:
    """The truth of what is presented before these moments."""
    seen, heard = truth.seen, truth.heard
    assert seen is not None
    assert heard is not None
    count = sum(time < picture_end - 0.001 for time in seen.times)
    voices = {hz: tuple(t for t in times if t < sound_end - 0.1) for hz, times in heard.voices.items()}
    return replace(
        truth,
        seen=replace(
            seen,
            counters=seen.counters[:count],
            times=seen.times[:count],
            end=picture_end,
            flashes=tuple(t for t in seen.flashes if t < picture_end),
        ),
        # A beep that begins within the last tenth of a second may be cut: not claimed.
        heard=replace(heard, voices=voices, end=sound_end, deaf_spans=((sound_end - 0.1, sound_end + 0.2),)),
    )


def fragmented(
    path: Path, *, movflags: str = "frag", b_frames: int = 2, late: float = 0.0, seed: int = 0
) -> Truth:
    """Fragmented MP4 with pictures out of order.

    Without an edit list (``frag``, ``moof``) nothing may lie before zero: libav moves everything later by the pictures'
    reordering or the sound's priming, and then lets the first packet of each track begin at zero. So the first sound
    packet (priming, silence) or the first picture stands that much before the rest.
    """
    truth = even(
        path, options={"movflags": FRAGMENTS[movflags]}, b_frames=b_frames, picture_from=late, seed=seed,
        primed_by=0.0 if movflags == "delay" else 0.08 if b_frames else PRIMING["aac"] / 48_000,
    )  # fmt: skip
    assert truth.seen is not None
    assert truth.heard is not None
    if movflags == "delay":
        return truth
    heard = replace(truth.heard, gaps=None, loudness=None)
    if b_frames:
        return replace(truth, heard=heard)
    return replace(truth, heard=heard, seen=replace(truth.seen, times=(0.0, *truth.seen.times[1:])))


def avi(
    path: Path,
    *,
    codec: str = "libx264",
    b_frames: int = 2,
    sound: str = "pcm_s16le",
    rate: str = "25",
    seed: int = 0,
) -> Truth:
    """AVI stores no presentation times; pictures out of order still are 1 / rate apart and begin with the track."""
    number = RATES[rate]
    scene = Scene(steady(number, 4), (0.0, 4.0), seed=seed, rate=number)
    drawn = scene.picture(codec=codec, b_frames=b_frames, base=1 / number)
    write(path, [drawn, scene.sound_track(codec=sound)])
    return scene.truth(drawn, zero_tolerance=0.025, heard={"edge": 0.09})


def avi_late(path: Path, *, track: int = 1, seconds: float = 0.8, seed: int = 0) -> Truth:
    """AVI's stream header says that one track begins later (dwStart)."""
    scene = Scene(steady(25, 4), (0.0, 4.0), seed=seed)
    drawn = scene.picture(codec="mpeg4")
    write(path, [drawn, scene.sound_track(codec="pcm_s16le")])
    data = bytearray(path.read_bytes())
    at = -1
    for _ in range(track + 1):
        at = data.index(b"strh", at + 1)
    scale, rate = (int.from_bytes(data[at + 8 + o : at + 12 + o], "little") for o in (20, 24))
    data[at + 8 + 28 : at + 8 + 32] = round(seconds * rate / scale).to_bytes(4, "little")
    path.write_bytes(data)
    shift = (seconds, 0.0) if track == 0 else (0.0, seconds)
    return scene.truth(drawn, shift=shift, zero_tolerance=0.025, heard={"edge": 0.09})


def primed_sound(path: Path, *, sound: str = "aac", seed: int = 0) -> Truth:
    """The coder's priming must not move the sound: 10 ms, tighter than a frame."""
    return replace(even(path, sound=sound, seed=seed), offset_tolerance=0.010)


def members() -> list[Member]:
    found: list[Member] = []

    def add(name: str, suffix: str, make: Any, **how: Any) -> None:
        found.append(Member("clock", name, suffix, partial(make, **how)))

    for rate in RATES:
        add(f"even_{rate}", ".mp4", even, rate=rate, b_frames=2)
    add("even_50", ".mkv", even, rate="50")
    add("even_29.97", ".ts", even, rate="29.97", b_frames=2)
    for suffix in (".mp4", ".mkv", ".ts", ".mov", ".flv"):
        add("sound_late_1", suffix, even, sound_from=1.0, seed=1)
        add("picture_late_1", suffix, even, picture_from=1.0, seed=2)
    add("picture_late_.4", ".webm", even, picture_from=0.4, seed=3)
    add("sound_late_.6", ".webm", even, sound_from=0.6, seed=3)
    add("both_late", ".mp4", even, picture_from=0.6, sound_from=1.0, b_frames=2, seed=4)
    add("both_late", ".mkv", even, picture_from=1.0, sound_from=0.4, seed=4)
    add("starts_1.4", ".ts", even, options={"output_ts_offset": "1.4"}, sound_from=0.3, b_frames=2, seed=5)
    add("clock_wraps", ".ts", even, options={"output_ts_offset": "95442.2"}, b_frames=2, seed=6)
    for how in ("jitter", "halved", "pause"):
        add(how, ".mp4", uneven, how=how, b_frames=2 if how == "jitter" else 0)
        add(how, ".mkv", uneven, how=how, seed=1)
    add("trimmed_both", ".mp4", trimmed)
    add("trimmed_both_b", ".mp4", trimmed, b_frames=2)
    add("trimmed_picture", ".mp4", trimmed, sound_cut=0.0, picture_cut=1.0, seed=1)
    add("trimmed_sound", ".mp4", trimmed, picture_cut=0.0, sound_cut=0.7, b_frames=2, seed=2)
    add("trimmed_tail", ".mp4", trimmed, tail=0.8, seed=3)
    for movflags in FRAGMENTS:
        add(f"fragments_{movflags}", ".mp4", fragmented, movflags=movflags)
    add("fragments_late_picture", ".mp4", fragmented, movflags="delay", late=0.8, seed=1)
    add("b_h264", ".avi", avi)
    add("b_mpeg4", ".avi", avi, codec="mpeg4", seed=1)
    add("plain_mpeg4", ".avi", avi, codec="mpeg4", b_frames=0, rate="30", sound="ac3", seed=2)
    add("late_sound", ".avi", avi_late)
    add("late_picture", ".avi", avi_late, track=0, seed=1)
    for suffix, sound in ((".mp4", "aac"), (".mkv", "libopus"), (".mkv", "aac"), (".ts", "aac")):
        add(f"primed_{sound}", suffix, primed_sound, sound=sound)
    add("sound_longer", ".mp4", even, picture_to=3.0, sound_to=5.0, seed=7)
    add("picture_longer", ".mkv", even, picture_to=5.0, sound_to=3.0, seed=8)
    return found


def drawn(rng: random.Random, number: int) -> Member:
    """One member at random."""
    seed = rng.randrange(1_000_000)
    suffix = rng.choice([".mp4", ".mkv", ".ts", ".mov", ".flv", ".webm"])
    kind = rng.choice(["even", "even", "even", "uneven", "trimmed", "fragmented", "avi", "avi_late"])
    make: Any
    if kind == "even":
        make = partial(
            even, rate=rng.choice(list(RATES)), seed=seed, b_frames=rng.choice([0, 2]) if suffix != ".webm" else 0,
            picture_from=rng.choice([0.0, round(rng.uniform(0, 1), 2)]),
            sound_from=rng.choice([0.0, round(rng.uniform(0, 1), 2)]),
            sound_to=round(rng.uniform(3.0, 5.0), 2), picture_to=round(rng.uniform(3.0, 5.0), 2),
        )  # fmt: skip
    elif kind == "uneven":
        suffix = rng.choice([".mp4", ".mkv", ".ts"])
        make = partial(
            uneven, how=rng.choice(["jitter", "halved", "pause"]), seed=seed, b_frames=rng.choice([0, 2])
        )
    elif kind == "trimmed":
        suffix = ".mp4"
        both = rng.randint(0, 40) / 25
        other = rng.choice([both, rng.randint(0, 25) / 25])
        make = partial(
            trimmed, picture_cut=both, sound_cut=other, b_frames=rng.choice([0, 2]), seed=seed,
            tail=rng.choice([0.0, 0.4]),
        )  # fmt: skip
    elif kind == "fragmented":
        suffix = ".mp4"
        movflags = rng.choice(list(FRAGMENTS))
        late = rng.choice([0.0, rng.randint(1, 25) / 25]) if movflags == "delay" else 0.0
        make = partial(fragmented, movflags=movflags, b_frames=rng.choice([0, 2]), late=late, seed=seed)
    elif kind == "avi":
        suffix = ".avi"
        make = partial(
            avi, codec=rng.choice(["libx264", "mpeg4"]), b_frames=rng.choice([0, 1, 2]), seed=seed,
            rate=rng.choice(["24", "25", "30"]), sound=rng.choice(["pcm_s16le", "ac3"]),
        )  # fmt: skip
    else:
        suffix = ".avi"
        make = partial(avi_late, track=rng.randint(0, 1), seconds=rng.randint(1, 25) / 25, seed=seed)
    return Member("clock", f"{number}_{kind}", suffix, make)
