"""Writing the files: cards and beeps through PyAV's encoders and muxers, packet by packet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.media_catalogue.card import PALETTE, draw, stored
from tests.media_catalogue.ink import Ink

FINE = Fraction(1, 90_000)  # exact for 24, 25, 30000/1001, 30, 50, 60 and whole milliseconds
X264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "12", "threads": "1"}
QUIET = {"libx265": {"x265-params": "log-level=none:pools=none:frame-threads=1", "preset": "ultrafast"}}
DEFAULT, COVER, THUMBNAILS, STILL = 0x1, 0x400, 0x800, 0x100000  # dispositions, as libav numbers them


@dataclass
class Picture:
    """A picture track: one card for each time (seconds of the file's content clock)."""

    times: Sequence[Fraction]
    rate: Fraction = Fraction(25)
    width: int = 320  # stored
    height: int = 180
    codec: str = "libx264"
    pixel: str = "yuv420p"
    ink: Ink = field(default_factory=lambda: Ink(matrix="601", primaries="601"))
    options: dict[str, str] = field(default_factory=dict)
    rotation: int = 0
    mirror: bool = False
    aspect: Fraction = Fraction(1)
    first: int = 0  # the counter of the first picture
    flashes: frozenset[int] = frozenset()  # counters at which a flash begins
    gop: int = 25
    b_frames: int = 0
    base: Fraction | None = None
    disposition: int = 0
    language: str = ""
    tag_aspect: bool = True

    @property
    def counters(self) -> tuple[int, ...]:
        return tuple(range(self.first, self.first + len(self.times)))

    def add(self, container: Any) -> Any:
        stream = container.add_stream(self.codec, rate=self.rate)
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, self.pixel
        context = stream.codec_context
        options = {**QUIET.get(self.codec, {}), **self.options}
        if self.codec == "libx264":
            options = {**X264, **options}
            if self.b_frames:
                options |= {"tune": "", "x264-params": f"bframes={self.b_frames}:b-adapt=0:scenecut=0"}
                del options["tune"]
        context.options = options
        context.gop_size = self.gop
        if self.codec != "libx264" and self.codec in ("mpeg4", "mpeg2video"):
            context.max_b_frames = self.b_frames
            context.qmin, context.qmax = 2, 3
        whole = self.codec in ("mpeg4", "mpeg2video", "mjpeg", "libsvtav1", "libvpx-vp9", "libvpx", "libx265")
        context.time_base = self.base or (1 / self.rate if whole else FINE)
        primaries, transfer, matrix, span = self.ink.tags
        context.color_primaries, context.color_trc, context.colorspace = primaries, transfer, matrix
        context.color_range = span
        if self.aspect != 1 and self.tag_aspect:
            context.sample_aspect_ratio = self.aspect
        if self.rotation or self.mirror:
            stream.set_display_matrix(display_matrix(self.rotation, self.mirror, self.width, self.height))
        _describe(stream, self.disposition, self.language)
        return stream

    def packets(self, stream: Any) -> list[Any]:
        base = stream.codec_context.time_base
        found = []
        for counter, time in zip(self.counters, self.times, strict=True):
            frame = self._frame(counter)
            pts = time / base
            frame.pts, frame.time_base = round(pts), base
            found += stream.encode(frame)
        return found + list(stream.encode(None))

    def _frame(self, counter: int) -> Any:
        flash = counter in self.flashes or counter - 1 in self.flashes
        sideways = self.rotation in (90, 270)
        seen = (self.height, self.width) if sideways else (self.width, self.height)
        card = stored(draw(*seen, counter, flash), self.rotation, self.mirror)
        codes = self.ink.codes(PALETTE)
        kind = np.uint8 if self.ink.depth == 8 else np.uint16
        frame = av.VideoFrame(self.width, self.height, self.pixel)
        step_x, step_y = (1, 1) if "444" in self.pixel else (2, 1) if "422" in self.pixel else (2, 2)
        for number in range(3):
            numbers = card if number == 0 else card[::step_y, ::step_x]
            _fill(frame.planes[number], codes[:, number].astype(kind)[numbers])
        primaries, transfer, matrix, span = self.ink.tags
        frame.color_primaries, frame.color_trc, frame.colorspace = primaries, transfer, matrix
        frame.color_range = span
        return frame


def display_matrix(rotation: int, mirror: bool, width: int, height: int) -> list[int]:
    """Turn ``rotation`` degrees clockwise, after mirroring (ISO 14496-12: x' = a x + c y, y' = b x + d y)."""
    a, b, c, d = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[rotation]
    if mirror:
        a, b = -a, -b
    x = max(0, -a * width, -c * height, -a * width - c * height)
    y = max(0, -b * width, -d * height, -b * width - d * height)
    one = 1 << 16
    return [a * one, b * one, 0, c * one, d * one, 0, x * one, y * one, 1 << 30]


def _fill(plane: Any, values: NDArray[Any]) -> None:
    row = plane.line_size // values.itemsize
    padded = np.zeros((plane.height, row), values.dtype)
    padded[:, : values.shape[1]] = values
    plane.update(padded.tobytes())


@dataclass
class Sound:
    """A sound track: float32 (n, channels) from ``start`` on the content clock.

    ``jumps``: (seconds of the content clock, seconds): packets from there on are moved later (or, negative, earlier).
    """

    samples: NDArray[np.float32]
    start: Fraction = Fraction(0)
    rate: int = 48_000
    layout: str = "mono"
    codec: str = "aac"
    options: dict[str, str] = field(default_factory=dict)
    bit_rate: int = 128_000
    disposition: int = 0
    language: str = ""
    jumps: tuple[tuple[float, float], ...] = ()
    block: int = 1024

    def add(self, container: Any) -> Any:
        stream = container.add_stream(self.codec, rate=self.rate, layout=self.layout)
        if not self.codec.startswith(("pcm", "flac")):
            stream.bit_rate = self.bit_rate
        stream.codec_context.options = self.options
        stream.codec_context.time_base = Fraction(1, self.rate)
        _describe(stream, self.disposition, self.language)
        return stream

    def packets(self, stream: Any) -> list[Any]:
        found: list[Any] = []
        samples = np.ascontiguousarray(self.samples.reshape(len(self.samples), -1), np.float32)
        first = round(self.start * self.rate)
        for at in range(0, len(samples), self.block):
            part = samples[at : at + self.block].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, format="flt", layout=self.layout)
            frame.sample_rate, frame.pts, frame.time_base = self.rate, first + at, Fraction(1, self.rate)
            found += stream.encode(frame)
        found += stream.encode(None)
        for packet in found:
            moved = 0.0
            for at_second, by in self.jumps:
                if float(packet.pts * packet.time_base) >= at_second:
                    moved += by
            ticks = round(Fraction(moved) / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
        return found


def _describe(stream: Any, disposition: int, language: str) -> None:
    if disposition:
        stream.disposition = disposition
    if language:
        stream.metadata["language"] = language


def write(
    path: Path,
    tracks: Sequence[Picture | Sound],
    *,
    form: str | None = None,
    options: dict[str, str] | None = None,
    change: Callable[[list[list[Any]]], Iterable[list[Any]]] | None = None,
    before: Callable[[Any], Callable[[Any], None]] | None = None,
) -> Path:
    """Mux the tracks in order. ``change`` edits the packets (a list a track) before they are muxed.

    ``before(container)`` adds other streams and returns what writes their packets.
    """
    with av.open(
        str(path), "w", format=form, options={"fflags": "+bitexact", **(options or {})}
    ) as container:
        streams = [track.add(container) for track in tracks]
        late = before(container) if before is not None else None
        lists = [track.packets(stream) for track, stream in zip(tracks, streams, strict=True)]
        if change is not None:
            lists = list(change(lists))
        everything = [packet for packets in lists for packet in packets]
        everything.sort(key=lambda packet: packet.dts * packet.time_base)
        if late is not None:
            container.start_encoding()
            late(container)
        for packet in everything:
            container.mux(packet)
    return path


def steady(rate: Fraction | int, seconds: float, start: Fraction | int = 0) -> list[Fraction]:
    """Picture times of an even clock."""
    count = int(seconds * rate)
    return [Fraction(start) + Fraction(i) / Fraction(rate) for i in range(count)]
