"""Tracks beside the picture and the sound: what is no rival (covers, thumbnails, silence, subtitles), and what is one.

A player shows the track that the file marks as default, else the first. Another picture or other sound could be
chosen in its place: it is a rival, and an import refuses it. A disabled MP4 track can be chosen too.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.media_catalogue import beeps, boxes
from tests.media_catalogue.ink import Ink
from tests.media_catalogue.scene import Scene
from tests.media_catalogue.truth import Member, Truth
from tests.media_catalogue.writing import COVER, DEFAULT, Picture, Sound, steady, write

FULL = Ink("601", "601", full=True)


def _scene(path: Path, seed: int) -> tuple[Scene, Picture, Sound]:
    scene = Scene(steady(25, 3), (0.0, 3.0), seed=seed)
    codec = "libopus" if path.suffix == ".mkv" else "aac"
    return scene, scene.picture(), scene.sound_track(codec=codec)


def _still(disposition: int, times: list[Fraction] | None = None) -> Picture:
    return Picture(
        times or [Fraction(0)], codec="mjpeg", pixel="yuvj420p", ink=FULL, first=900, disposition=disposition
    )


def _truth(scene: Scene, picture: Picture, path: Path, **more: Any) -> Truth:
    heard = {"edge": 0.09, **more.pop("heard", {})}
    return scene.truth(picture, zero_tolerance=0.025, heard=heard, **more)


def cover(path: Path, *, first: bool = False, seed: int = 0) -> Truth:
    """A cover picture, as music and podcast tools attach it: no part of the presentation."""
    scene, picture, sound = _scene(path, seed)
    if path.suffix == ".mkv":  # an attached file, which players show as the cover

        def attach(container: Any) -> Callable[[Any], None]:
            container.add_attachment("cover.jpg", "image/jpeg", jpeg())
            return lambda _container: None

        write(path, [picture, sound], before=attach)
    else:
        order: list[Picture | Sound] = (
            [_still(COVER), picture, sound] if first else [picture, sound, _still(COVER)]
        )
        write(path, order)
    with av.open(str(path)) as container:
        numbers = [s.index for s in container.streams if not int(s.disposition) & COVER]
        (other,) = [s.index for s in container.streams if int(s.disposition) & COVER]
    return _truth(scene, picture, path, numbers=(numbers[0], numbers[1]), roles={other: "cover"})


def jpeg() -> bytes:
    """A small JPEG."""
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 64, 64, "yuvj420p", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 200, np.uint8), format="bgr24").reformat(
        format="yuvj420p"
    )
    frame.pts = 0
    return bytes((codec.encode(frame) + codec.encode(None))[0])


def still_track(path: Path, *, first: bool = False, seed: int = 0) -> Truth:
    """A picture track of one picture, unmarked: a poster. Nothing moves in it, so it is no rival."""
    scene, picture, sound = _scene(path, seed)
    picture.disposition = DEFAULT
    order: list[Picture | Sound] = [_still(0), picture, sound] if first else [picture, sound, _still(0)]
    write(path, order)
    numbers, other = ((1, 2), 0) if first else ((0, 1), 2)
    return _truth(scene, picture, path, numbers=numbers, roles={other: "cover"})


def thumbnails(path: Path, *, seed: int = 0) -> Truth:
    """Chapter pictures: a picture track that another names in ``tref/chap``."""
    scene, picture, sound = _scene(path, seed)
    write(path, [picture, sound, _still(0, [Fraction(0), Fraction(1), Fraction(2)])])

    def change(data: bytearray) -> None:
        chap = struct.pack(">I4sI", 12, b"chap", boxes.track_id(data, 2))
        boxes.add_to_track(data, 0, struct.pack(">I4s", 8 + len(chap), b"tref") + chap)
        boxes.flag(data, 2, False)

    boxes.edit(path, change)
    return _truth(scene, picture, path, roles={2: "cover"})


def two_pictures(path: Path, *, chosen: int = 0, seed: int = 0) -> Truth:
    """Two moving pictures; ``chosen`` carries the default flag (transport streams have none: the first)."""
    scene, picture, sound = _scene(path, seed)
    rival = Scene(steady(25, 3), None, seed=seed + 1, first=500).picture()
    order: list[Picture | Sound] = [picture, rival, sound] if chosen == 0 else [rival, picture, sound]
    picture.disposition, rival.disposition = DEFAULT, 0
    write(path, order)
    if path.suffix == ".mp4":
        boxes.edit(path, lambda data: boxes.flag(data, chosen, True))
        boxes.edit(path, lambda data: boxes.flag(data, 1 - chosen, False))
    other = 1 - chosen
    return _truth(
        scene,
        picture,
        path,
        numbers=(chosen, 2),
        rivals=((other, "second picture"),),
        import_refused="several_pictures",
    )


def two_sounds(
    path: Path,
    *,
    chosen: int = 0,
    silent: bool = False,
    disabled: bool = False,
    language: str = "",
    seed: int = 0,
) -> Truth:
    """Two sound tracks; ``chosen`` carries the default flag. ``silent``: in the other nothing is heard."""
    scene, picture, sound = _scene(path, seed)
    level = 0.0 if silent else beeps.LEVEL
    samples = beeps.voice(beeps.event_times(3.0, seed + 7), 3.0, 48_000, beeps.OTHER, level)
    rival = Sound(samples[:, None], codec=sound.codec, language="fra" if language else "")
    sound.disposition, sound.language = DEFAULT, language
    write(path, [picture, *([sound, rival] if chosen == 0 else [rival, sound])])
    mine, other = 1 + chosen, 2 - chosen
    if path.suffix == ".mp4":
        # QuickTime's way to say which of several plays: the others are not enabled.
        boxes.edit(path, lambda data: boxes.flag(data, mine, True))
        boxes.edit(path, lambda data: boxes.flag(data, other, chosen == 0 and not disabled))
    truth = _truth(scene, picture, path, numbers=(0, mine), heard={"voices": {}})
    assert truth.heard is not None
    voices = {beeps.MAIN: tuple(scene.beep_times), beeps.OTHER: ()}
    truth = replace(truth, heard=replace(truth.heard, voices=voices))
    if silent:
        return replace(truth, roles={other: "silent"})
    return replace(truth, rivals=((other, "second sound"),), import_refused="several_sounds")


def beside(path: Path, *, seed: int = 0) -> Truth:
    """A subtitle track (and, in transport streams, a data track): neither seen nor heard here."""
    scene, picture, sound = _scene(path, seed)

    def add(container: Any) -> Callable[[Any], None]:
        if path.suffix == ".ts":
            track = container.add_data_stream("bin_data")
        else:
            track = container.add_mux_stream({".mp4": "mov_text", ".mkv": "subrip"}[path.suffix])

        def put(_container: Any) -> None:
            for second in range(3):
                text = b"line %d" % second
                packet = av.Packet(struct.pack(">H", len(text)) + text if path.suffix == ".mp4" else text)
                packet.stream = track
                packet.time_base = Fraction(1, 1000)
                packet.pts = packet.dts = second * 1000
                packet.duration = 800
                packet.is_keyframe = True
                container.mux(packet)

        return put

    write(path, [picture, sound], before=add)
    primed = 1024 / 48_000 if path.suffix == ".ts" else 0.0
    return _truth(scene, picture, path, roles={2: "other"}, primed=primed)


def sound_only(path: Path) -> Truth:
    _, _, sound = _scene(path, 0)
    write(path, [sound])
    return Truth(refused=("no_video",))


def cover_only(path: Path) -> Truth:
    """Music with its cover is no video."""
    _, _, sound = _scene(path, 0)
    write(path, [sound, _still(COVER)])
    return Truth(refused=("no_video",))


def nine(path: Path) -> Truth:
    """One track more than the limit."""
    _, picture, sound = _scene(path, 0)
    rest = [Sound(sound.samples, codec=sound.codec) for _ in range(7)]
    write(path, [picture, sound, *rest])
    return Truth(refused=("too_many_streams",))


def mute(path: Path, *, seed: int = 0) -> Truth:
    """No sound track at all."""
    scene = Scene(steady(25, 2), None, seed=seed)
    picture = scene.picture(b_frames=2)
    write(path, [picture])
    return scene.truth(picture)


def members() -> list[Member]:
    plans: list[tuple[str, str, Any]] = [
        ("cover_after", ".mp4", cover),
        ("cover_before", ".mp4", partial(cover, first=True, seed=1)),
        ("cover", ".mkv", partial(cover, seed=2)),
        ("still_after", ".mp4", still_track),
        ("still_before", ".mkv", partial(still_track, first=True)),
        ("thumbnails", ".mp4", thumbnails),
        ("two_pictures", ".ts", two_pictures),
        ("two_pictures", ".mkv", two_pictures),
        ("two_pictures_second_default", ".mkv", partial(two_pictures, chosen=1)),
        ("two_pictures_second_default", ".mp4", partial(two_pictures, chosen=1)),
        ("second_sound", ".mp4", two_sounds),
        ("second_sound", ".mkv", partial(two_sounds, language="deu")),
        ("second_sound_default", ".mkv", partial(two_sounds, chosen=1)),
        ("second_sound_enabled", ".mp4", partial(two_sounds, chosen=1)),
        ("second_sound_disabled", ".mp4", partial(two_sounds, disabled=True)),
        ("second_sound_silent", ".mp4", partial(two_sounds, silent=True)),
        ("second_sound_silent", ".mkv", partial(two_sounds, silent=True)),
        ("first_sound_silent", ".mkv", partial(two_sounds, silent=True, chosen=1)),
        ("subtitles", ".mkv", beside),
        ("subtitles", ".mp4", beside),
        ("data", ".ts", beside),
        ("sound_only", ".mp4", sound_only),
        ("cover_only", ".mp4", cover_only),
        ("nine", ".mkv", nine),
        ("mute", ".mp4", mute),
        ("mute", ".ts", mute),
    ]
    return [Member("track", name, suffix, make) for name, suffix, make in plans]


def drawn(rng: random.Random, number: int) -> Member:
    chosen, suffix = rng.randint(0, 1), rng.choice([".mp4", ".mkv"])
    plans: list[tuple[str, Any]] = [
        ("pictures", partial(two_pictures, chosen=chosen)),
        ("sounds", partial(two_sounds, chosen=chosen, silent=rng.random() < 0.4)),
        ("cover", partial(cover, first=rng.random() < 0.5)),
        ("still", partial(still_track, first=rng.random() < 0.5)),
        ("beside", beside),
    ]
    name, make = rng.choice(plans)
    return Member("track", f"{number}_{name}", suffix, partial(make, seed=rng.randrange(1_000_000)))
