"""What reviewers write on a video: notes on a moment, a stretch or a place of the picture; what is wrong or should
change, and why it was handed on.

The maker reads it as a list to act on. What belongs to a decision is added by it (pipeline/review.py), in its
transaction; a note is added at any time once there is a sealed file, and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import now, reading, take_turn, transaction
from core.errors import Conflict, InputError
from core.ids import new_id
from pipeline.ownership import owned
from pipeline.tables import AnnotationRow, RenderRow

Kind = Literal["note", "rejected", "change_asked", "handed_on"]
Region = tuple[float, float, float, float]
"""x, y, width and height of a place, as shares of the picture."""

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
MOST_NOTES = 200
MOST_WORDS = 2000


@dataclass(frozen=True)
class Ask:
    """One thing that is wrong or should change. ``t0`` and ``t1``: seconds of the video; None: all of it; ``region``:
    likewise, of the picture."""

    code: str
    words: str = ""
    t0: float | None = None
    t1: float | None = None
    region: Region | None = None


def write_note(
    render_id: str,
    words: str,
    *,
    brand_id: str,
    author_id: str,
    t0: float | None = None,
    t1: float | None = None,
    region: Region | None = None,
) -> None:
    """Write on a video: on all of it, a moment or a stretch, a place of the picture, or both.

    Raises:
        NotFound: no such render of this brand.
        Conflict: it has no sealed file yet, or as many notes as it can have.
        InputError: no words, or seconds or a place outside the video.
    """
    with transaction() as session:
        row = owned(session, RenderRow, render_id, brand_id)
        if row.sealed_sha256 is None:
            raise Conflict(
                "there is no video to write on", where=render_id, next_step="wait until it is made"
            )
        take_turn(session, RenderRow, render_id)  # two at once do not pass the limit together
        mine = select(func.count()).where(AnnotationRow.render_id == render_id, AnnotationRow.kind == "note")
        if (session.scalar(mine) or 0) >= MOST_NOTES:
            raise Conflict(
                f"this video has {MOST_NOTES} notes already",
                where=render_id,
                next_step="decide over the video",
            )
        if not words.strip():
            raise InputError("a note needs words", where="words", next_step="say what you see or hear")
        rows = rows_of(row, author_id, "note", [Ask("other", words, t0, t1, region)])
        append(session, Event.NOTE_WRITTEN, render_id, {"user_id": author_id}, rows=rows)


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
            region=list(ask.region) if ask.region is not None else None,
            created_at=moment,
        )
        for ask in asks
    ]


def in_words(ask: Ask) -> str:
    """One thing to change, in a sentence."""
    head = CODES[ask.code]
    return f"{head}: {ask.words.strip()}" if ask.words.strip() else head


def annotations_of(render_id: str, *, only_by: str | None = None) -> list[AnnotationRow]:
    """What was written on a render, oldest first; of one decision what is about all of it, then by seconds.

    Args:
        only_by: of the notes those of this author alone: the second of two people must not know what the first thinks.
    """
    with reading() as session:
        found = list(session.scalars(select(AnnotationRow).where(AnnotationRow.render_id == render_id)))
    if only_by is not None:
        found = [one for one in found if one.kind != "note" or one.author_id == only_by]
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
    if ask.region is not None and not _is_place(ask.region):
        raise InputError(
            "this is no place of the picture", where="region", next_step="mark it on the picture again"
        )
    ends = [end for end in (ask.t0, ask.t1) if end is not None]
    if not all(math.isfinite(end) and 0 <= end <= length + 1.0 for end in ends) or ends != sorted(ends):
        raise InputError(
            "these are no seconds of this video", where="seconds", next_step=f"it has {length:.1f} seconds"
        )


def _is_place(region: Region) -> bool:
    x, y, width, height = region
    inside = all(math.isfinite(one) for one in region) and min(x, y) >= 0 and min(width, height) > 0
    return inside and x + width <= 1.001 and y + height <= 1.001
