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
    from core.media.models import Image
    from core.secrets import derived_key
    from generate.relabel import rewrite
    from provenance.mark import MarkEmbedder

    try:
        mark_id = int(args.id, 16)
    except ValueError as error:
        raise InputError(
            "the id is not hexadecimal", where="--id", next_step="give ten hex digits"
        ) from error
    key = derived_key("mark")
    embedder: MarkEmbedder | None = None

    def mark(index: int, image: Image, time: float, end: float) -> Image:
        nonlocal embedder
        if embedder is None:  # the size is that of the picture as it is seen
            embedder = MarkEmbedder(mark_id, image.shape[1], image.shape[0], key)
        return embedder(index, image)

    with progress_bar("marking") as progress:
        rewrite(args.video, mark, out=args.out, progress=progress)
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
