"""What people report of a video that they watched: a case with a clock, for the brand's legal people.

A report changes nothing about the video: whoever reads it recalls, or says why not. It is opened through a link that
serves, so nobody can report what they were not shown. One link has at most ``MOST_OPEN`` open cases of each kind: no
other kind takes the room of ``not_me``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import func, select

from audit.ledger import Event, append
from core.database import now, reading, take_turn, transaction
from core.errors import Conflict, InputError, NotFound
from core.ids import new_id
from core.tables import BrandRow
from delivery.errors import EnoughReports
from delivery.links import behind
from delivery.tables import LinkRow, ReportRow
from delivery.written import as_written

Kind = Literal["not_me", "wrong_label", "other"]
Outcome = Literal["right", "wrong"]

HOURS: dict[Kind, int] = {"not_me": 3, "wrong_label": 96, "other": 96}
"""Until a case is due, in every territory. Three hours is the shortest time for a takedown in the rules that label
profiles name (India); ninety-six is the house's own."""
MOST_OPEN = 20  # of one link and kind
MOST_SHOWN = 200
MOST_WORDS, MOST_CONTACT = 2000, 254


@dataclass(frozen=True)
class Cases:
    """A brand's cases, ``MOST_SHOWN`` of each: the open ones, ``not_me`` before all others and then the first due; the
    closed ones, the last first."""

    open: Sequence[ReportRow]
    closed: Sequence[ReportRow]


def report(token: str, kind: str, *, words: str = "", contact: str = "") -> datetime:
    """Open a case about the video behind a link. When it is due.

    Args:
        words, contact: whatever the person chooses to give; nothing else of them is kept.

    Raises:
        LinkGone, LinkTakenBack: as :func:`delivery.links.open_link`.
        InputError: as :func:`checked`.
        EnoughReports: so many cases of this kind about this link are open already.
    """
    words, contact = checked(kind, words, contact)
    with transaction() as session:
        link, render = behind(session, token)
        take_turn(session, LinkRow, link.id)  # two at once are counted one after the other
        waiting = select(func.count()).where(
            ReportRow.link_id == link.id, ReportRow.closed_at.is_(None), ReportRow.kind == kind
        )
        if (session.scalar(waiting) or 0) >= MOST_OPEN:
            raise _enough(kind, session.get_one(BrandRow, render.brand_id).name)
        row = ReportRow(
            id=new_id("rpt"),
            brand_id=render.brand_id,
            render_id=render.id,
            link_id=link.id,
            kind=kind,
            words=words,
            contact=contact,
            due_at=now() + timedelta(hours=HOURS[kind]),  # type: ignore[index] # checked above
        )
        facts = {"report_id": row.id, "link_id": link.id, "kind": kind}
        append(session, Event.REPORT_OPENED, render.id, facts, rows=[row])
        return row.due_at


def checked(kind: str, words: str, contact: str) -> tuple[str, str]:
    """Words and contact of a report as they are stored. Raises InputError: an unknown kind, or too many words."""
    if kind not in HOURS:
        raise InputError("say what is wrong", where="kind", next_step="choose one of the answers")
    return (
        as_written(words, most=MOST_WORDS, where="words"),
        as_written(contact, most=MOST_CONTACT, where="contact"),
    )


def _enough(kind: str, brand: str) -> EnoughReports:
    said = "this video was reported so several times and is being looked at"
    if kind != "not_me":
        return EnoughReports(said, next_step="nothing more is needed from you")
    return EnoughReports(
        said,
        next_step=f"if it shows you, write to {brand} itself and to whoever sent you the link; "
        f"each of these reports is due within {HOURS['not_me']} hours",
    )


def list_cases(brand_id: str) -> Cases:
    """The brand's cases, for a page."""
    mine = select(ReportRow).where(ReportRow.brand_id == brand_id)
    closed = mine.where(ReportRow.closed_at.is_not(None)).order_by(ReportRow.closed_at.desc())
    with reading() as session:
        # A kind at a time, each in the order of an index.
        waiting = [
            row
            for kind in get_args(Kind)
            for row in session.scalars(
                mine.where(ReportRow.closed_at.is_(None), ReportRow.kind == kind)
                .order_by(ReportRow.due_at, ReportRow.id)
                .limit(MOST_SHOWN)
            )
        ]
        waiting.sort(key=lambda row: (row.kind != "not_me", row.due_at, row.id))
        return Cases(waiting[:MOST_SHOWN], session.scalars(closed.limit(MOST_SHOWN)).all())


def number_open(brand_id: str) -> int:
    """How many cases of the brand are open, counted up to ``MOST_SHOWN``."""
    some = select(ReportRow.id).where(ReportRow.brand_id == brand_id, ReportRow.closed_at.is_(None))
    with reading() as session:
        return session.scalar(select(func.count()).select_from(some.limit(MOST_SHOWN).subquery())) or 0


def close(report_id: str, *, brand_id: str, actor_id: str, outcome: str, answer: str) -> ReportRow:
    """End a case: the report was ``right`` or ``wrong``, and why.

    Raises:
        NotFound: no such case of this brand.
        InputError: an unknown outcome, or no words.
        Conflict: it is closed already; what was said then stands.
    """
    if outcome not in get_args(Outcome) or not answer.strip():
        raise InputError("say whether the report was right, and what was done", next_step="fill in both")
    answer = as_written(answer, most=MOST_WORDS, where="answer")
    with transaction() as session:
        row = take_turn(session, ReportRow, report_id)
        if row is None or row.brand_id != brand_id:
            raise NotFound("no such case", where=report_id, next_step="check the id")
        if row.closed_at is not None:
            raise Conflict("this case is closed already", where=report_id, next_step="reload the page")
        row.outcome, row.answer = outcome, answer
        row.closed_by, row.closed_at = actor_id, now()
        facts = {"report_id": row.id, "kind": row.kind, "outcome": outcome, "actor": actor_id}
        append(session, Event.REPORT_CLOSED, row.render_id, facts, rows=[row])
        return row
