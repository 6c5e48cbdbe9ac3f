"""``greenroom watermark embed|detect``: the invisible mark by itself, for trying it out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer, progress_bar


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "watermark", "the invisible mark by itself", run_detect)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    embed = command(
        actions, shared, "embed", "mark a copy of a video (it names no asset of the registry)", run_embed
    )
    embed.add_argument("video", type=Path)
    embed.add_argument("out", type=Path)
    embed.add_argument("--id", required=True, help="ten hexadecimal digits")
    detect = command(actions, shared, "detect", "read a mark; exit 1 when there is none", run_detect)
    detect.add_argument("video", type=Path)


def run_embed(args: argparse.Namespace) -> Answer:
    from core.errors import InputError
    from core.media.decode import frames, sound
    from core.media.encode import VideoWriter
    from core.media.probe import probe
    from core.secrets import derived_key
    from provenance.mark import MarkEmbedder

    info = probe(args.video)
    try:
        mark_id = int(args.id, 16)
    except ValueError as error:
        raise InputError(
            "the id is not hexadecimal", where="--id", next_step="give ten hex digits"
        ) from error
    video = info.video
    rate = 48_000 if info.audio else 0
    heard = sound(args.video, rate) if rate else None
    embed = MarkEmbedder(mark_id, video.width, video.height, derived_key("mark"))
    total = max(1, round(float(info.duration * video.frame_rate)))
    with (
        progress_bar("marking") as progress,
        VideoWriter(args.out, video.width, video.height, video.frame_rate, rate) as writer,
    ):
        for frame in frames(args.video):
            writer.write(embed(frame.index, frame.image))
            if heard is not None:
                start, end = (round(n / video.frame_rate * rate) for n in (frame.index, frame.index + 1))
                writer.write_sound(heard[start:end])
            progress(frame.index / total)
    return Answer({"out": str(args.out), "id": f"{mark_id:010x}"}, f"marked: {args.out}")


def run_detect(args: argparse.Namespace) -> Answer:
    from core.secrets import derived_key
    from provenance.mark import read_mark

    reading = read_mark(args.video, derived_key("mark"))
    found = f"{reading.mark_id:010x}" if reading.mark_id is not None else None
    document = {"present": reading.present, "id": found, "p_false": reading.p_false}
    text = (
        f"mark {found} (chance of a false answer {reading.p_false:.1e})"
        if found
        else "no mark of this installation"
    )
    return Answer(document, text, yes=reading.present)
