"""The credential that somebody else's file carries, read once where it comes in, as facts for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provenance.judgement import judge
from provenance.reader import holds_manifest, read_raw
from provenance.structure import structure
from provenance.trust import anchors_of

MOST_PROBLEMS = 10


def carried_credential(path: Path) -> dict[str, Any]:
    """What a video says of itself: the facts of :class:`provenance.judgement.Judgement`, and ``problems`` in words.

    A file without any trace of a credential is not given to the library. Strings come from the file: bounded, to be
    shown escaped.
    """
    if not holds_manifest(path):
        return {"present": False, "state": "none"}
    judged = judge(read_raw(path, anchors_of()), structure(path))
    problems = [problem.message for problem in judged.problems[:MOST_PROBLEMS]]
    return {**judged.facts, **({"problems": problems} if problems else {})}
