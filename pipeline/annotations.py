"""What reviewers write on a video: what is wrong or should change, with the seconds, and why it was handed on.

The maker reads it as a list to act on. Rows are added by a decision (pipeline/review.py), in its transaction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import now, reading
from core.errors import InputError
from core.ids import new_id
from pipeline.tables import AnnotationRow, RenderRow

Kind = Literal["rejected", "change_asked", "handed_on"]

CODES: dict[str, str] = {
    "lips": "The lips do not fit the sound",
    "picture": "A fault is seen in the picture",
    "voice": "The voice sounds wrong",
    "words": "Other words are said than the script has",
    "script": "The script should say something else",
    "claim": "It claims or promises what it may not",
    "label": "The label is missing or cannot be read",
    "person": "It is the wrong person, or outside of what they agreed to",
    "other": "Something else",
}
"""Why a video is sent back, in the order of their keys."""

MOST = 50
MOST_WORDS = 2000


@dataclass(frozen=True)
class Ask:
    """One thing that is wrong or should change. ``t0`` and ``t1``: seconds of the video; None: all of it."""

    code: str
    words: str = ""
    t0: float | None = None
    t1: float | None = None


def rows_of(row: RenderRow, author_id: str, kind: Kind, asks: Sequence[Ask]) -> list[AnnotationRow]:
    """The rows of what one person wrote on a render, not stored yet.

    Raises InputError: an unknown code, seconds outside the video, too many or too long.
    """
    if len(asks) > MOST:
        raise InputError(
            f"at most {MOST} places at once", where="seconds", next_step="say the rest in the note"
        )
    for ask in asks:
        _check(ask, row.seconds or 0.0)
    moment = now()
    return [
        AnnotationRow(
            id=new_id("ann"),
            brand_id=row.brand_id,
            render_id=row.id,
            sealed_sha256=row.sealed_sha256 or "",
            author_id=author_id,
            kind=kind,
            code=ask.code,
            words=ask.words.strip(),
            t0=ask.t0,
            t1=ask.t1,
            created_at=moment,
        )
        for ask in asks
    ]


def in_words(ask: Ask) -> str:
    """One thing to change, in a sentence."""
    head = CODES[ask.code]
    return f"{head}: {ask.words.strip()}" if ask.words.strip() else head


def annotations_of(render_id: str) -> list[AnnotationRow]:
    """What was written on a render, oldest first; of one decision what is about all of it, then by seconds."""
    with reading() as session:
        found = list(session.scalars(select(AnnotationRow).where(AnnotationRow.render_id == render_id)))
    return sorted(found, key=lambda one: (one.created_at, -1.0 if one.t0 is None else one.t0, one.id))


def is_handed_on(session: Session, render_id: str) -> bool:
    """Whether a reviewer left the decision to a senior one."""
    mine = select(AnnotationRow.id).where(
        AnnotationRow.render_id == render_id, AnnotationRow.kind == "handed_on"
    )
    return session.scalar(mine.limit(1)) is not None


def _check(ask: Ask, length: float) -> None:
    if ask.code not in CODES:
        raise InputError(
            "this is no reason that is known", where="code", next_step=f"choose one of {', '.join(CODES)}"
        )
    if len(ask.words) > MOST_WORDS:
        raise InputError(
            f"a note has at most {MOST_WORDS:,} characters", where="note", next_step="shorten it"
        )
    if ask.code == "other" and not ask.words.strip():
        raise InputError(
            "something else needs a note", where="note", next_step="say in a sentence what it is"
        )
    ends = [end for end in (ask.t0, ask.t1) if end is not None]
    if not all(math.isfinite(end) and 0 <= end <= length + 1.0 for end in ends) or ends != sorted(ends):
        raise InputError(
            "these are no seconds of this video", where="seconds", next_step=f"it has {length:.1f} seconds"
        )
