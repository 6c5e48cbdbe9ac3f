"""What the confined child does: walk the packets, look at the first picture, then decode picture and sound together.

Runs in the child only (see ``child``).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from core.media.child_media import DECODE_ERRORS, decoded, fraction, open_file
from core.media.child_picture import Painter
from core.media.child_scan import Scan, scan, times
from core.media.child_sound import MOST_SPANS, SoundReader, has_centre
from core.media.wire import Refused, Wire

TRANSPORTS = ("mpegts", "mpeg")
HOLE = 1.5  # of the usual step: two pictures that are farther apart than this have lost one between them


def read(request: dict[str, Any], wire: Wire) -> None:
    """The presentation; then what ``want`` asks for: T the times of all pictures, F pictures, A sound at its own rate,
    H sound at 16 kHz."""
    wants = set(request["want"])
    found = scan(request)
    # A picture is decoded in any case: a container around rubbish is refused here.
    painter = _first_look(request, found)
    audio = None if found.audio is None else found.container.streams[found.audio]
    wire.send_json(b"I", _presentation(found, painter, audio))
    if "T" in wants:
        ticks, base = times(found)
        wire.send(b"T", struct.pack("<q", base), ticks)
    if not wants:
        return
    container = open_file(request)
    pictures = PictureReader(found, painter, request, wire) if "F" in wants else None
    sound = None
    if found.audio is not None and wants & {"A", "H"}:
        stream, clock = container.streams[found.audio], found.clocks[found.audio]
        sound = SoundReader(
            stream,
            clock,
            wire,
            max_seconds=request["limits"]["max_seconds"],
            wants=wants,
            rate=request["rate"],
        )
    numbers = [n for n, reader in ((found.video, pictures), (found.audio, sound)) if reader is not None]
    tracks = [container.streams[n] for n in numbers if n is not None]
    if pictures is not None:
        prepare(tracks[0], request)
    for packet in container.demux(tracks) if tracks else ():
        if pictures is not None and packet.stream.index == found.video:
            pictures.packet(packet)
        elif sound is not None:
            sound.packet(packet)
    if sound is not None:
        sound.end()
    wire.send_json(b"D", _decoded(found, pictures, sound))


def prepare(stream: Any, request: dict[str, Any]) -> None:
    """Decoding in threads, within the limit on pixels."""
    context = stream.codec_context
    context.thread_type = "AUTO"
    context.thread_count = request["threads"]
    context.options = {"max_pixels": str(request["limits"]["max_pixels"])}


def _first_look(request: dict[str, Any], found: Scan) -> Painter:
    container = open_file(request)
    stream = container.streams[found.video]
    prepare(stream, request)
    broken = 0
    for packet in container.demux(stream):
        frames, bad = decoded(packet)
        broken += bad
        if frames:
            return Painter(frames[0], stream, request["limits"])
        if broken > DECODE_ERRORS:
            raise Refused("damaged", track=found.video, kind="video")
    raise Refused("no_frames")


class PictureReader:
    """Feed it the packets of the picture track; it sends what is seen, times strictly rising."""

    def __init__(self, found: Scan, painter: Painter, request: dict[str, Any], wire: Wire) -> None:
        self.count = 0
        self.broken = 0
        self.packets = 0
        self.times: list[float] = []
        self.damaged: list[float] = []
        self.repeated: list[float] = []
        self._found, self._painter, self._wire = found, painter, wire
        self._limits = request["limits"]
        self._clock = found.clocks[found.video]
        self._timed = found.container.format.name != "avi"
        self._previous: Fraction | None = None

    def packet(self, packet: Any) -> None:
        self.packets += 1
        frames, bad = decoded(packet)
        self.broken += bad
        if self.broken > DECODE_ERRORS and self.broken > self.packets / 10:
            raise Refused("damaged", track=self._found.video, kind="video")
        for frame in frames:
            time = self._time(frame)
            if time > self._limits["max_seconds"]:
                raise Refused("too_long", found=float(time))
            if self.count > self._limits["max_seconds"] * self._limits["max_frame_rate"]:
                raise Refused("frame_rate", found=float(self.count / max(time, Fraction(1, 1000))))
            self._send(time, frame)

    def _time(self, frame: Any) -> Fraction:
        """When it is presented: by its own clock; in AVI by its place in the order (see ``child_scan``)."""
        time = None
        if not self._timed:
            place = self.count + self.broken
            if place < len(self._found.times):
                time = Fraction(float(self._found.times[place])).limit_denominator(1_000_000)
        elif frame.pts is not None:
            time = self._clock.at(frame.pts)
        if time is None or (self._previous is not None and time <= self._previous):
            # No time of its own, or one that was there before: it follows the last picture.
            time = self._previous + 1 / self._found.usual if self._previous is not None else Fraction(0)
            if len(self.repeated) < MOST_SPANS:
                self.repeated.append(float(time))
        self._previous = max(time, Fraction(0))
        return self._previous

    def _send(self, time: Fraction, frame: Any) -> None:
        self.times.append(float(time))
        if frame.is_corrupt and len(self.damaged) < MOST_SPANS:
            self.damaged.append(float(time))
        image = self._painter.paint(frame)
        head = struct.pack(
            "<qqqii", self.count, time.numerator, time.denominator, image.shape[1], image.shape[0]
        )
        self._wire.send(b"F", head, image)
        self.count += 1


def _presentation(found: Scan, painter: Painter, audio: Any) -> dict[str, Any]:
    streams = list(found.container.streams)
    start, end = found.spans[found.video]
    facts: dict[str, Any] = {
        "container": found.container.format.name,
        "zero": fraction(found.zero),
        "duration": fraction(max(end for _, end in found.spans.values())),
        "declared": fraction(_declared(found)),
        "resets": [float(reset) for reset in found.resets[:MOST_SPANS]],
        "essence": found.essence,
        "tracks": [_track(found, stream) for stream in streams],
        "video": {
            **painter.facts(),
            "number": found.video,
            "codec": streams[found.video].codec_context.name,
            "frame_rate": fraction(found.rate),
            "usual_rate": fraction(found.usual),
            "frames": len(found.times),
            "start": fraction(start),
            "end": fraction(end),
            "variable": found.variable,
        },
        "audio": None,
    }
    if audio is not None and found.audio is not None:
        start, end = found.spans[found.audio]
        facts["audio"] = {
            "number": found.audio,
            "codec": audio.codec_context.name,
            "sample_rate": audio.codec_context.sample_rate,
            "channels": audio.codec_context.channels,
            "layout": audio.codec_context.layout.name,
            "has_centre": has_centre(audio.codec_context),
            "start": fraction(start),
            "end": fraction(end),
        }
    return facts


def _declared(found: Scan) -> Fraction:
    """What the header claims; a transport stream has none, and libav only guesses."""
    if found.container.format.name in TRANSPORTS:
        return Fraction(0)
    return Fraction(found.container.duration or 0, 1_000_000)


def _track(found: Scan, stream: Any) -> dict[str, Any]:
    span = found.spans.get(stream.index)
    context = getattr(stream, "codec_context", None)
    return {
        "number": stream.index,
        "kind": stream.type,
        "codec": context.name if context is not None else "none",
        "role": found.roles[stream.index],
        "packets": sum(1 for shown in found.ticks[stream.index].shown if shown)
        if stream.index in found.ticks
        else found.counts[stream.index],
        "span": None if span is None else [fraction(span[0]), fraction(span[1])],
        "language": str(stream.language or "")[:8],
    }


def _decoded(found: Scan, pictures: PictureReader | None, sound: SoundReader | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"pictures": 0, "undecodable": [], "damaged": [], "repeated": []}
    if pictures is not None:
        step = float(1 / found.rate)
        facts = {
            "pictures": pictures.count,
            "undecodable": _spans(_lost(found, np.array(pictures.times)), step),
            "damaged": _spans(pictures.damaged, step),
            "repeated": _spans(pictures.repeated, step),
        }
    if sound is not None:
        facts |= {
            "gaps": sound.gaps,
            "dropped": sound.dropped,
            "overlaps": sound.overlaps,
            "layout_changes": sound.changes,
            "sound_end": sound.seconds,
        }
    return facts


def _lost(found: Scan, times: Any) -> list[float]:
    """Seconds of the pictures that the file has and that did not come out: they lie in holes between those that did.

    Only in holes: where one picture is two packets (two fields), half of the packets' times are never seen."""
    step = float(1 / found.rate)
    first = float(found.times[0])
    headless = [first - step * n for n in range(found.ticks[found.video].headless, 0, -1)]
    lost = [time for time in headless if time >= -step / 2]
    if not len(times):
        return lost + [float(t) for t in found.times]
    usual = float(np.median(np.diff(times))) if len(times) > 1 else step
    around = np.searchsorted(times, found.times)
    before, after = times[np.maximum(around - 1, 0)], times[np.minimum(around, len(times) - 1)]
    near = np.minimum(np.abs(found.times - before), np.abs(found.times - after))
    outside = (around == 0) | (around == len(times))
    missing = (near > max(0.4 * usual, 0.002)) & (outside | (after - before > HOLE * usual))
    lost += [float(t) for t in found.times[missing]]
    return lost


def _spans(moments: list[float], step: float) -> list[list[float]]:
    """Moments as spans: those that follow each other within one and a half steps are one."""
    found: list[list[float]] = []
    for moment in sorted(moments):
        if found and moment <= found[-1][1] + 0.6 * step:
            found[-1][1] = moment + step
        elif len(found) < MOST_SPANS:
            found.append([moment, moment + step])
    return found


JOBS: dict[str, Callable[[dict[str, Any], Wire], None]] = {"read": read}
