"""A foreign file, opened within its limits. Runs in the confined child only (see ``child``)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.audio.codeccontext
import av.audio.stream  # these and the next: av imports them when it meets such a track, but no file opens by then
import av.logging
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.codeccontext
import av.video.stream

from core.media.wire import Refused

# Self-contained formats and the codecs of cameras, editors and generators. A play list (HLS, concat, DASH)
# could name other files, and rare decoders are where the defects are: neither is here.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv"
VIDEO_CODECS = frozenset(
    {"h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9", "prores", "dnxhd", "ffv1"}
    | {"mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "h263", "msmpeg4v2", "msmpeg4v3", "flv", "rawvideo"}
)
AUDIO_CODECS = frozenset(
    {"aac", "mp3", "mp3float", "mp2", "mp2float", "opus", "libopus", "vorbis", "flac", "alac", "ac3", "eac3"}
    | {
        f"pcm_{kind}"
        for kind in ("u8", "s16le", "s16be", "s24le", "s24be", "s32le", "f32le", "alaw", "mulaw")
    }
    | {"amrnb", "amrwb", "wmav2", "adpcm_ima_wav", "adpcm_ms"}
)
DECODE_ERRORS = 100  # more broken packets than this, and the file is called damaged

av.logging.set_level(None)


class Media:
    """An opened file within its limits, its picture track and its sound track."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.limits: dict[str, Any] = request["limits"]
        try:
            self.container = av.open(
                "fd:",
                options={
                    "fd": str(request["file"]),
                    "protocol_whitelist": "fd",
                    "format_whitelist": FORMATS,
                    # Opening a file already decodes a little of each track.
                    "codec_whitelist": ",".join(sorted(VIDEO_CODECS | AUDIO_CODECS)),
                    "max_streams": "64",
                },
                metadata_errors="replace",
            )
        except (av.FFmpegError, ValueError) as error:
            raise Refused("not_a_video") from error
        if len(self.container.streams) > self.limits["max_streams"]:
            raise Refused("too_many_streams", found=len(self.container.streams))
        pictures = [s for s in self.container.streams.video if not int(s.disposition) & 0x400]  # cover art
        if not pictures:
            raise Refused("no_video")
        self.video = pictures[0]
        self.audio = next(iter(self.container.streams.audio), None)
        self._check()
        starts = [
            s.start_time * s.time_base
            for s in (self.video, self.audio)
            if s is not None and s.start_time is not None and s.time_base is not None
        ]
        # The presentation's zero: transport streams start anywhere, and both tracks share one axis.
        self.origin: Fraction = min(starts, default=Fraction(0))

    def _check(self) -> None:
        context, limits = self.video.codec_context, self.limits
        if context is None or context.name not in VIDEO_CODECS:
            raise Refused("codec", found=context.name if context is not None else "unknown")
        check_size(context.width, context.height, limits)
        if self.duration > limits["max_seconds"]:
            raise Refused("too_long", found=float(self.duration))
        if self.rate > limits["max_frame_rate"]:
            raise Refused("frame_rate", found=float(self.rate))

    @property
    def duration(self) -> Fraction:
        """Seconds of the longer track, as the container declares them."""
        tracks = [stream_seconds(s) for s in (self.video, self.audio) if s is not None]
        return max([*tracks, Fraction(self.container.duration or 0, 1_000_000)])

    @property
    def rate(self) -> Fraction:
        """Frames a second: the average, or libav's guess where there is none."""
        return Fraction(self.video.average_rate or self.video.guessed_rate or 25)

    def pictures(self) -> Iterator[tuple[int, Fraction, Any]]:
        """(index, time, av frame) in presentation order, times strictly rising, decoding in threads."""
        context = self.video.codec_context
        context.thread_type = "AUTO"
        context.thread_count = self.request["threads"]
        context.options = {"max_pixels": str(self.limits["max_pixels"])}
        index, previous, broken = 0, None, 0
        for packet in self.container.demux(self.video):
            try:
                decoded = packet.decode()
            except av.FFmpegError as error:
                broken = tolerate(error, broken)
                continue
            for frame in decoded:
                time = frame.pts * frame.time_base - self.origin if frame.pts is not None else None
                if time is None or (previous is not None and time <= previous):
                    time = previous + 1 / self.rate if previous is not None else Fraction(0)
                # What the container declared was a claim; this is the fact.
                if time > self.limits["max_seconds"]:
                    raise Refused("too_long", found=float(time))
                if index > self.limits["max_seconds"] * self.limits["max_frame_rate"]:
                    raise Refused("frame_rate", found=float(index / max(time, Fraction(1, 1000))))
                yield index, time, frame
                index, previous = index + 1, time
        if index == 0:
            raise Refused("no_frames")


def tolerate(error: av.FFmpegError, broken: int) -> int:
    """Count one more packet that does not decode; too many, or no memory, end the work."""
    if error.errno == errno.ENOMEM:
        raise Refused("too_much_memory") from None
    if broken >= DECODE_ERRORS:
        raise Refused("damaged") from None
    return broken + 1


def stream_seconds(stream: Any) -> Fraction:
    if stream.duration is None or stream.time_base is None:
        return Fraction(0)
    return Fraction(stream.duration) * Fraction(stream.time_base)


def check_size(width: int, height: int, limits: dict[str, Any]) -> None:
    if width * height > limits["max_pixels"]:
        raise Refused("too_many_pixels", width=width, height=height)
    if min(width, height) < limits["min_side"]:
        raise Refused("too_small", width=width, height=height)
