"""A foreign file, opened within its limits. Runs in the confined child only (see ``child``)."""

from __future__ import annotations

import errno
import os
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
DECODE_ERRORS = (
    100  # more broken packets than this, and more than a tenth of all, and the file is called damaged
)

av.logging.set_level(None)


def open_file(request: dict[str, Any]) -> Any:
    """The container, from its beginning; it may be opened again."""
    os.lseek(request["file"], 0, os.SEEK_SET)
    try:
        container = av.open(
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
    if len(container.streams) > request["limits"]["max_streams"]:
        raise Refused("too_many_streams", found=len(container.streams))
    return container


def codec_name(stream: Any) -> str:
    context = getattr(stream, "codec_context", None)
    return str(context.name) if context is not None else "none"


def decodable(stream: Any) -> bool:
    """Whether its codec is one that is decoded here."""
    return codec_name(stream) in (VIDEO_CODECS if stream.type == "video" else AUDIO_CODECS)


def require_codec(stream: Any) -> None:
    if not decodable(stream):
        raise Refused("codec", track=stream.index, kind=stream.type, codec=codec_name(stream)[:40])


def decoded(packet: Any) -> tuple[list[Any], bool]:
    """(frames, whether the packet was broken). Raises Refused where memory ran out."""
    try:
        return packet.decode(), False
    except av.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise Refused("too_much_memory") from None
        return [], True
    except MemoryError:
        raise Refused("too_much_memory") from None


def check_size(width: int, height: int, limits: dict[str, Any]) -> None:
    if width * height > limits["max_pixels"]:
        raise Refused("too_many_pixels", width=width, height=height)
    if min(width, height) < limits["min_side"]:
        raise Refused("too_small", width=width, height=height)


def fraction(value: Fraction) -> list[int]:
    return [value.numerator, value.denominator]
