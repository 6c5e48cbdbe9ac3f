"""What the confined child does: probe, pictures, sound, packets. Runs in the child only (see ``child``)."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from core.media.child_media import AUDIO_CODECS, Media, stream_seconds, tolerate
from core.media.wire import Refused, Wire

SCANNED_PACKETS = 1500  # a minute at 25 a second: enough to see an uneven frame clock


def display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """(a, b, c, d) of the display matrix, each -1, 0 or 1.

    x' = a x + c y, y' = b x + d y (ISO 14496-12 6.2.2). Turns by other angles than quarters count as none.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1, 0, 0, 1
    values = struct.unpack("<9i", bytes(data)[:36])
    a, b, c, d = (max(-1, min(1, round(values[i] / 65536))) for i in (0, 1, 3, 4))
    return (a, b, c, d) if abs(a) == abs(d) and abs(b) == abs(c) and abs(a) + abs(b) == 1 else (1, 0, 0, 1)


def upright(image: Any, matrix: tuple[int, int, int, int]) -> Any:
    """The picture as it is meant to be seen, contiguous."""
    a, b, c, d = matrix
    if a == 0:
        image = image.transpose(1, 0, 2)
        a, d = c, b
    if a < 0:
        image = image[:, ::-1]
    if d < 0:
        image = image[::-1]
    return np.ascontiguousarray(image)


def rotation_of(matrix: tuple[int, int, int, int]) -> int:
    a, b, _c, _d = matrix
    return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[(a, b)]


def probe(request: dict[str, Any], wire: Wire) -> None:
    """Facts of the file; a picture is decoded, so a container around rubbish is refused here."""
    media = Media(request)
    times: list[int] = []
    matrix = None
    ended = True
    for packet in media.container.demux(media.video):
        if packet.pts is not None and not packet.is_discard:
            times.append(packet.pts)
        if len(times) >= SCANNED_PACKETS:
            ended = False
            break
    times.sort()
    media = Media(_again(request))
    for _index, _time, frame in media.pictures():
        matrix = display_matrix(frame)
        break
    assert matrix is not None
    video, audio = media.video, media.audio
    width, height = video.codec_context.width, video.codec_context.height
    if matrix[0] == 0:
        width, height = height, width
    base = video.time_base or Fraction(1, 1000)
    steps = np.diff(np.array(times, np.float64)) * float(base)
    middle = float(np.median(steps)) if len(steps) else 0.0
    # Uneven: over one step in fifty is off the usual one by over a fifth, and by more than clock rounding.
    uneven = np.abs(steps - middle) > max(0.2 * middle, 1.5 * float(base)) if len(steps) else np.zeros(0)
    duration = stream_seconds(video)
    if ended and times:
        duration = max(duration, (times[-1] - times[0]) * base)
    if duration == 0:
        duration = media.duration
    if duration > media.limits["max_seconds"]:
        raise Refused("too_long", found=float(duration))
    facts: dict[str, Any] = {
        "container": media.container.format.name,
        "duration": fraction(max(media.duration, duration)),
        "video": {
            "codec": video.codec_context.name,
            "width": width,
            "height": height,
            "rotation": rotation_of(matrix),
            "frame_rate": fraction(media.rate),
            "frames": len(times) if ended else (video.frames or None),
            "duration": fraction(duration),
            "variable": bool(len(steps) and uneven.mean() > 0.02),
        },
        "audio": None,
    }
    if audio is not None and audio.codec_context is not None:
        facts["audio"] = {
            "codec": audio.codec_context.name,
            "sample_rate": audio.codec_context.sample_rate,
            "channels": audio.codec_context.channels,
            "duration": fraction(stream_seconds(audio) or media.duration),
        }
    wire.send_json(b"I", facts)


def _again(request: dict[str, Any]) -> dict[str, Any]:
    os.lseek(request["file"], 0, os.SEEK_SET)
    return request


def fraction(value: Fraction) -> list[int]:
    return [value.numerator, value.denominator]


def colour_matrix(frame: Any) -> int:
    """The matrix that the file names; where it names none, BT.709 from 720 lines up and BT.601 below."""
    known = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
    return known.get(int(frame.colorspace), 1 if frame.height >= 720 else 5)


def pictures(request: dict[str, Any], wire: Wire) -> None:
    """Every presented picture as upright BGR."""
    media = Media(request)
    reformatter = VideoReformatter()
    size: tuple[int, int] | None = None
    matrix = (1, 0, 0, 1)
    for index, time, frame in media.pictures():
        if size is None:
            size, matrix = (frame.width, frame.height), display_matrix(frame)
        elif (frame.width, frame.height) != size:
            raise Refused("size_changes")
        full = int(frame.color_range) == 2 or frame.format.name.startswith("yuvj")
        bgr = reformatter.reformat(
            frame,
            format="bgr24",
            src_colorspace=colour_matrix(frame),
            src_color_range=2 if full else 1,
            dst_color_range=2,
            threads=1,
        )
        plane = bgr.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        image = rows[: frame.height, : frame.width * 3].reshape(frame.height, frame.width, 3)
        image = upright(image, matrix)
        head = struct.pack("<qqqii", index, time.numerator, time.denominator, image.shape[1], image.shape[0])
        wire.send(b"F", head, image)


def sound(request: dict[str, Any], wire: Wire) -> None:
    """Sound as float32 (n, channels) at ``rate`` (None: the file's), each block with its start in seconds."""
    media = Media(request)
    audio = media.audio
    if audio is None:
        return
    context = audio.codec_context
    if context is None or context.name not in AUDIO_CODECS:
        raise Refused("codec")
    rate = request.get("rate") or context.sample_rate
    layout = "mono" if request.get("mono") else context.layout
    resampler = av.AudioResampler(format="flt", layout=layout, rate=rate)
    channels = 1 if request.get("mono") else context.channels
    wire.send_json(b"I", {"rate": rate, "channels": channels})
    broken = 0

    held: list[Any] = []  # a codec's blocks are too short to be worth a message each
    start, count = Fraction(0), 0

    def flush() -> None:
        nonlocal count
        if held:
            head = struct.pack("<qq", start.numerator, start.denominator)
            wire.send(b"A", head, np.concatenate(held))
        held.clear()
        count = 0

    def send(frames: list[Any]) -> None:
        nonlocal start, count
        for out in frames:
            samples = np.frombuffer(out.planes[0], np.float32)[: out.samples * channels].copy()
            expected = start + Fraction(count, rate)
            at = Fraction(out.pts) * out.time_base - media.origin if out.pts is not None else expected
            if at > media.limits["max_seconds"]:
                raise Refused("too_long", found=float(at))
            if not held or abs(at - expected) > Fraction(1, 1000) or count > rate // 2:
                flush()
                start = at
            held.append(samples)
            count += out.samples

    for packet in media.container.demux(audio):
        try:
            decoded = packet.decode()
        except av.FFmpegError as error:
            broken = tolerate(error, broken)
            continue
        for frame in decoded:
            send(resampler.resample(frame))
    send(resampler.resample(None))
    flush()


def packets(request: dict[str, Any], wire: Wire) -> None:
    """Digest each track (see ``core.media.essence``)."""
    media = Media(request)
    digests, counts = {}, {}
    for stream in media.container.streams:
        digest = hashlib.sha256(json.dumps(parameters(stream), sort_keys=True).encode())
        context = getattr(stream, "codec_context", None)
        digest.update(bytes(getattr(context, "extradata", None) or b""))
        digests[stream.index], counts[stream.index] = digest, 0
    number = struct.Struct("<qqq?")
    none = -(2**63)
    for packet in media.container.demux():
        if packet.size == 0 and packet.pts is None:
            continue  # libav's end-of-stream marker
        digest = digests[packet.stream_index]
        pts = none if packet.pts is None else packet.pts
        dts = none if packet.dts is None else packet.dts
        digest.update(number.pack(pts, dts, packet.size, packet.is_discard))
        digest.update(memoryview(packet))
        counts[packet.stream_index] += 1
    tracks = [
        {
            "kind": stream.type,
            "codec": codec_name(stream),
            "packets": counts[stream.index],
            "sha256": digests[stream.index].hexdigest(),
        }
        for stream in media.container.streams
    ]
    wire.send_json(b"I", {"tracks": tracks})


def codec_name(stream: Any) -> str:
    context = getattr(stream, "codec_context", None)
    return str(context.name) if context is not None else "none"


def parameters(stream: Any) -> dict[str, Any]:
    """What a decoder is told before the first packet."""
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


JOBS: dict[str, Callable[[dict[str, Any], Wire], None]] = {
    "probe": probe,
    "pictures": pictures,
    "sound": sound,
    "packets": packets,
}
