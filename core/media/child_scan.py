"""The walk over a file's packets: which tracks take part, when each begins and ends, and the digest of each.

Nothing is decoded but rival sound tracks, to hear whether they say anything. Headers are claims; what counts here is
what the packets carry. Runs in the confined child only (see ``child``).
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np

from core.media.child_clock import NONE, Clock, Ticks, clocks
from core.media.child_media import (
    check_size,
    codec_name,
    decodable,
    decoded,
    fraction,
    open_file,
    require_codec,
)
from core.media.child_sound import samples_of
from core.media.wire import Refused

NOT_SHOWN = 0x400 | 0x800 | 0x100000  # attached_pic, timed_thumbnails, still_image (libavformat/avformat.h)
DEFAULT = 0x1
SPARSE = 5  # thumbnails are this much rarer than pictures, at least
SILENT = 0.001  # -60 dBFS: the peak of a sound track in which nothing is heard
COMMON_RATES = (24, 25, 30, 50, 60, 15, 12)
FINEST = 2**31  # ticks of a second: a common one of all clocks of the file that is finer is not used
RATES_AGREE = 0.01  # a declared frame rate this near to the measured one is taken for it


@dataclass
class Scan:
    """What the walk found; ``video`` and ``audio`` are the numbers of the two tracks that take part."""

    container: Any
    video: int
    audio: int | None
    roles: list[str]
    ticks: dict[int, Ticks]
    clocks: dict[int, Clock]
    resets: list[Fraction]
    essence: list[dict[str, Any]]
    counts: list[int]
    times: Any = None  # float64 (n,): seconds of the presentation of each picture, rising
    zero: Fraction = Fraction(0)
    spans: dict[int, tuple[Fraction, Fraction]] = field(default_factory=dict)
    rate: Fraction = Fraction(25)
    usual: Fraction = Fraction(25)
    variable: bool = False


def scan(request: dict[str, Any]) -> Scan:
    """Walk the packets. Raises Refused for what breaks a limit or holds no picture."""
    container = open_file(request)
    streams = list(container.streams)
    if not any(stream.type == "video" for stream in streams):
        raise Refused("no_video")
    digests = {stream.index: _parameters_digest(stream) for stream in streams}
    counts = [0] * len(streams)
    ticks = {
        s.index: Ticks(Fraction(s.time_base or Fraction(1, 1000)))
        for s in streams
        if s.type in ("video", "audio")
    }
    listening = _Listening(streams)
    number = struct.Struct("<qqq?")
    for order, packet in enumerate(container.demux()):
        if packet.size == 0 and packet.pts is None:
            listening.hear(packet)
            continue  # libav's end-of-stream marker
        pts = NONE if packet.pts is None else packet.pts
        dts = NONE if packet.dts is None else packet.dts
        digest = digests[packet.stream.index]
        digest.update(number.pack(pts, dts, packet.size, packet.is_discard))
        digest.update(memoryview(packet))
        counts[packet.stream.index] += 1
        if packet.stream.index in ticks:
            _note(ticks[packet.stream.index], packet, pts, dts, order)
            listening.hear(packet)
    essence = [
        {
            "kind": s.type,
            "codec": codec_name(s),
            "packets": counts[s.index],
            "sha256": digests[s.index].hexdigest(),
        }
        for s in streams
    ]
    video, audio, roles = _roles(streams, ticks, listening)
    taking_part = {n: _presentable(container, streams[n], ticks[n]) for n in (video, audio) if n is not None}
    found, resets = clocks(taking_part, leaps=container.format.name in ("mpegts", "mpeg"))
    out = Scan(container, video, audio, roles, ticks, found, resets, essence, counts)
    _place(out, request["limits"])
    return out


def _note(ticks: Ticks, packet: Any, pts: int, dts: int, order: int) -> None:
    if not len(ticks) and packet.has_sidedata("skip_samples") and packet.stream.type == "audio":
        first = int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
        rate = packet.stream.codec_context.sample_rate if packet.stream.codec_context else 0
        if rate and pts != NONE:
            ticks.primed = pts * ticks.base + Fraction(first, rate)
    ticks.pts.append(pts if pts != NONE else dts)
    ticks.dts.append(dts)
    ticks.length.append(packet.duration or 0)
    ticks.order.append(order)
    ticks.shown.append(0 if packet.is_discard or packet.size == 0 else 1)
    ticks.key.append(1 if packet.is_keyframe else 0)


class _Listening:
    """Hears whether a sound track says anything, where there are several of them."""

    def __init__(self, streams: list[Any]) -> None:
        several = [s for s in streams if s.type == "audio"]
        self.peaks: dict[int, float] = {s.index: 0.0 for s in several} if len(several) > 1 else {}
        self._as_floats: dict[int, tuple[Any, Any]] = {}
        for stream in several:
            if self.peaks and not decodable(stream):
                self.peaks[stream.index] = 1.0  # what cannot be heard is not silent

    def hear(self, packet: Any) -> None:
        index = packet.stream.index
        if self.peaks.get(index, 1.0) >= SILENT:
            return
        frames, broken = decoded(packet)
        if broken and packet.size:
            self.peaks[index] = 1.0
        for frame in frames:
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            if self._as_floats.get(index, (None, None))[0] != shape:
                floats = av.AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
                self._as_floats[index] = (shape, floats)
            frame.pts = None
            for out in self._as_floats[index][1].resample(frame):
                peak = float(np.abs(samples_of(out)).max(initial=0.0))
                self.peaks[index] = max(self.peaks[index], peak)

    def silent(self, index: int) -> bool:
        return index in self.peaks and self.peaks[index] < SILENT


def _roles(
    streams: list[Any], ticks: dict[int, Ticks], listening: _Listening
) -> tuple[int, int | None, list[str]]:
    """(picture track, sound track, the role of every track)."""
    shown = {index: sum(1 for one in t.shown if one) for index, t in ticks.items()}
    moving = [s for s in streams if s.type == "video"]
    most = max((shown[s.index] for s in moving), default=0)
    # What is flagged as a cover or as thumbnails of chapters and moves like a video is one.
    pictures = [
        s for s in moving if not int(s.disposition) & NOT_SHOWN or shown[s.index] > max(1, most / SPARSE)
    ]
    most = max((shown[s.index] for s in pictures), default=0)
    # A single picture beside a moving track is a cover, whatever its flags say.
    pictures = [s for s in pictures if shown[s.index] > (1 if most > 1 else 0)]
    if not pictures:
        meant = any(not int(s.disposition) & NOT_SHOWN for s in moving)
        raise Refused("no_frames" if meant else "no_video")
    video = _default_first(pictures)
    sounds = [s for s in streams if s.type == "audio" and shown[s.index]]
    heard = [s for s in sounds if not listening.silent(s.index)]
    # Where one track alone is heard it is the one that people hear; else the one that players choose.
    audio = _default_first(heard or sounds) if sounds else None
    roles = []
    for stream in streams:
        role = "other"
        if stream is video:
            role = "picture"
        elif stream is audio:
            role = "sound"
        elif stream in pictures:
            role = "second picture"
        elif stream.type == "video":
            role = "cover"
        elif stream.type == "audio":
            role = "second sound" if stream in heard else "silent"
        roles.append(role)
    return video.index, None if audio is None else audio.index, roles


def _default_first(streams: list[Any]) -> Any:
    return next((s for s in streams if int(s.disposition) & DEFAULT), streams[0])


def _presentable(container: Any, stream: Any, ticks: Ticks) -> Ticks:
    """The track's packets, with what a player does not present marked, and times where the container has none."""
    if stream.type != "video":
        return ticks
    if 1 in ticks.key:
        for number in range(ticks.key.index(1)):
            # Nothing can be decoded before the first key picture.
            ticks.headless += ticks.shown[number] == 1
            ticks.shown[number] = 0
    if container.format.name == "avi":
        # AVI has no times of presentation: the n-th picture is shown at the n-th tick (libav guesses, one too late).
        timed = [n for n in range(len(ticks)) if ticks.shown[n] and ticks.dts[n] != NONE]
        for number, moment in zip(timed, sorted(ticks.dts[n] for n in timed), strict=True):
            ticks.pts[number] = moment
    return ticks


def _place(found: Scan, limits: dict[str, Any]) -> None:
    """Zero, and the span of each of the two tracks."""
    raw: dict[int, tuple[Fraction, Fraction]] = {}
    for index, clock in found.clocks.items():
        span = _span(found.ticks[index], clock)
        if span is not None:
            raw[index] = (max(span[0], found.ticks[index].primed), span[1])
        elif index == found.video:
            raise Refused("no_frames")
        else:
            found.audio = None
            found.roles[index] = "silent"
    found.zero = min(start for start, _ in raw.values())
    for clock in found.clocks.values():
        clock.shifts = [shift - found.zero for shift in clock.shifts]
    found.resets = [reset - found.zero for reset in found.resets]
    ticks, clock = found.ticks[found.video], found.clocks[found.video]
    found.times = np.sort(
        np.concatenate([t * float(ticks.base) + float(s) for t, _, s in _epochs(ticks, clock)])
    )
    step = float(np.median(np.diff(found.times))) if len(found.times) > 1 else 0.0
    stream = found.container.streams[found.video]
    found.rate = _rate(stream, found.times, step)
    found.usual = _usual(stream, step) if step else found.rate
    found.variable = _variable(found.times, step, float(ticks.base))
    for index, (start, end) in raw.items():
        found.spans[index] = (start - found.zero, max(end, start) - found.zero)
    found.spans[found.video] = (found.spans[found.video][0], _picture_end(found, step))
    _within(found, step, limits)


def _picture_end(found: Scan, step: float) -> Fraction:
    """Where the last picture ends: as the container says, but it is not shown for longer than the one before it. (A
    header can claim an hour for it; nothing in the file moves then.)"""
    start, end = found.spans[found.video]
    last = float(found.times[-1])
    longest = max(step, float(found.times[-1] - found.times[-2]) if len(found.times) > 1 else 0.0) * 1.01
    if last < end <= last + longest:
        return end
    return start + Fraction(last - float(found.times[0])).limit_denominator(1_000_000) + 1 / found.rate


def _within(found: Scan, step: float, limits: dict[str, Any]) -> None:
    """Raises Refused where a limit is broken or a codec is not decoded here."""
    longest = max(end for _, end in found.spans.values())
    if longest > limits["max_seconds"]:
        raise Refused("too_long", found=float(longest))
    fastest = max(float(found.rate), 0.0 if found.variable or not step else 1 / step)
    if fastest > limits["max_frame_rate"] * 1.001:
        raise Refused("frame_rate", found=fastest)
    stream = found.container.streams[found.video]
    require_codec(stream)
    check_size(stream.codec_context.width, stream.codec_context.height, limits)
    if found.audio is not None:
        require_codec(found.container.streams[found.audio])


def _epochs(ticks: Ticks, clock: Clock) -> Iterator[tuple[Any, Any, Fraction]]:
    """(begin, end) of the presented packets in ticks, int64, and the shift in seconds, of each epoch."""
    pts, length = np.frombuffer(ticks.pts, np.int64), np.frombuffer(ticks.length, np.int64)
    shown = (np.frombuffer(ticks.shown, np.int8) == 1) & (pts != NONE)
    starts = [0, *clock.breaks, len(ticks)]
    for epoch, shift in enumerate(clock.shifts):
        part = slice(starts[epoch], starts[epoch + 1])
        use = shown[part]
        yield pts[part][use], pts[part][use] + length[part][use], shift


def times(found: Scan) -> tuple[Any, int]:
    """(int64 (n,) rising, ticks of a second) of the presented pictures: their own times, not rounded where that fits
    into 64 bits, else to the microsecond."""
    ticks, clock = found.ticks[found.video], found.clocks[found.video]
    epochs = list(_epochs(ticks, clock))
    base = math.lcm(ticks.base.denominator, *(shift.denominator for _, _, shift in epochs))
    if base > FINEST:
        return np.rint(found.times * 1_000_000).astype(np.int64), 1_000_000
    step = ticks.base * base
    parts = [begin * int(step) + int(shift * base) for begin, _, shift in epochs]
    return np.sort(np.concatenate(parts)).astype(np.int64), base


def _span(ticks: Ticks, clock: Clock) -> tuple[Fraction, Fraction] | None:
    """(begin, end) of the track in seconds; None where nothing is presented."""
    found = [
        (int(begin.min()) * ticks.base + shift, int(end.max()) * ticks.base + shift)
        for begin, end, shift in _epochs(ticks, clock)
        if len(begin)
    ]
    return (min(b for b, _ in found), max(e for _, e in found)) if found else None


def _rate(stream: Any, times: Any, step: float) -> Fraction:
    """Frames a second: a declared rate that the pictures keep, or else what they keep on average."""
    declared = [stream.average_rate, stream.guessed_rate, stream.base_rate]
    if not step:
        return Fraction(next((rate for rate in declared if rate), 25))
    span = float(times[-1] - times[0])
    mean = (len(times) - 1) / span if span > 0 else 1 / step
    for rate in declared:
        if rate and abs(float(rate) / mean - 1) <= RATES_AGREE:
            return Fraction(rate)
    return Fraction(mean).limit_denominator(1001)


def _usual(stream: Any, step: float) -> Fraction:
    """The rate of the usual step: what an uneven clock keeps most of the time."""
    known = (stream.guessed_rate, stream.base_rate, stream.average_rate, *COMMON_RATES)
    for rate in known:
        if rate and abs(float(rate) * step - 1) <= 0.03:
            return Fraction(rate)
    return Fraction(1 / step).limit_denominator(1001)


def _variable(times: Any, step: float, base: float) -> bool:
    """The clock is uneven: over one step in fifty is no multiple of the usual one (by a fifth of it, and by more than
    clock rounding), or over one in five is a longer one. A few that are twice as long are lost pictures."""
    if not step:
        return False
    steps = np.diff(times)
    multiples = np.maximum(np.rint(steps / step), 1)
    uneven = np.abs(steps - multiples * step) > max(0.2 * step, 1.5 * base)
    return bool(uneven.mean() > 0.02 or (multiples > 1).mean() > 0.2)


def _parameters_digest(stream: Any) -> Any:
    digest = hashlib.sha256(json.dumps(parameters(stream), sort_keys=True).encode())
    context = getattr(stream, "codec_context", None)
    digest.update(bytes(getattr(context, "extradata", None) or b""))
    return digest


def parameters(stream: Any) -> dict[str, Any]:
    """What a decoder is told before the first packet; part of the essence."""
    base = stream.time_base or Fraction(0)
    facts: dict[str, Any] = {"type": stream.type, "codec": codec_name(stream), "time_base": fraction(base)}
    context = getattr(stream, "codec_context", None)
    if context is None:
        return facts
    if stream.type == "video":
        sample = context.sample_aspect_ratio
        facts |= {
            "size": [context.width, context.height],
            "format": context.pix_fmt,
            "colour": [
                int(v or 0)
                for v in (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
            ],
            "aspect": fraction(Fraction(sample)) if sample else None,
        }
    elif stream.type == "audio":
        facts |= {"rate": context.sample_rate, "layout": context.layout.name, "channels": context.channels}
    return facts
