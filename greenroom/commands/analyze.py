"""``greenroom analyze VIDEO``: measure any video."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenroom.cli import command
from greenroom.output import Answer, progress_bar, seconds

if TYPE_CHECKING:
    from pipeline.models import Analysis


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(
        verbs, shared, "analyze", "measure a video: quality, authenticity, lip sync, provenance", run
    )
    parser.add_argument("video", type=Path)


def run(args: argparse.Namespace) -> Answer:
    from greenroom.database import migrate
    from pipeline.analyze import analyze

    migrate()
    with progress_bar(f"analysing {args.video.name}") as progress:
        document = analyze(args.video, progress=progress)
    return answer(document)


def answer(document: Analysis) -> Answer:
    """The analysis for people and for scripts."""
    return Answer(document, _text(document), yes=document["quality_gate"] == "pass")


def _text(document: Analysis) -> str:
    lines = [f"quality gate: {document['quality_gate']}   ({document['duration_s']} s)"]
    for name, gate in document["gates"].items():
        score = "-" if gate["score"] is None else f"{gate['score']:.3g} {gate['unit']}"
        state = "abstained" if gate["abstained"] else gate["verdict"]
        lines.append(f"  {name:<18} {state:<10} {score}")
    sync = document["sync"]
    if not sync["abstained"]:
        offset = sync["offset_frames"]
        words = "no clear offset" if offset is None else f"{offset:+g} frames"
        lines.append(f"sound against lips: {words}")
    for reason in document["reasons"]:
        lines.append(f"  ! {reason['code']}: {reason['evidence']}{seconds(reason['t0'], reason['t1'])}")
    provenance = document["provenance"]
    lines.append(f"provenance: {provenance['state']}")
    return "\n".join(lines)
