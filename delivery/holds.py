"""Legal holds as people place and lift them, and what follows when one is lifted.

While a hold stands the release refuses (delivery/conditions.py) and no new link is made (pipeline/standing.py). Links
that exist go on, unless the video is recalled: a hold keeps things as they are. Whatever deletes asks
:func:`audit.holds.held` first; the sweep of orphans takes only what no row names, so nothing that a hold is on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from audit.holds import CODE, KINDS, Hold, Kind, held, lift, place, with_lifts
from audit.ledger import Event
from audit.ledger.agreement import agrees
from audit.tables import HoldRow
from core.database import reading, transaction
from core.errors import InputError
from core.faults import one_of
from core.heartbeat import beat
from delivery.written import as_written
from pipeline import outbox
from pipeline.grounds import subjects_of
from pipeline.life import note
from pipeline.ownership import owned
from pipeline.paging import Page, Part, page_of
from pipeline.same_person import same_person
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

MOST_WORDS = 2000
MOST_AT_ONCE = 50
MOST_LIFTS = 200  # the newest: what an earlier one set free was swept long ago
CHUNK = 20  # renders a transaction: nobody else writes meanwhile

HOLD_LIFTED = "hold.lifted"
"""Topic of the message that follows when a hold is lifted: what was refused for it is tried again."""

_TABLES: dict[str, Any] = {"person": PersonaRow, "campaign": CampaignRow, "render": RenderRow}


def place_hold(
    kind: str, subject: str, *, brand_id: str, actor_id: str, reason: str, also: Collection[str] = ()
) -> HoldRow:
    """Put a person, a campaign or a render of this brand on hold; the row of that.

    A hold on a person reaches every persona that is the same one (:mod:`pipeline.same_person`).

    Args:
        also: further subjects of the same kind, such as a namesake who is this person: each gets a hold of its own.

    Raises:
        InputError: an unknown kind, no reason or too long a one, too many subjects.
        NotFound: no such thing of this brand.
    """
    words = _reason(reason)
    known = _known(kind)
    subjects = [*dict.fromkeys(each.strip() for each in (subject, *also))]
    if len(subjects) > MOST_AT_ONCE:
        raise InputError("too many at once", where="also", next_step=f"at most {MOST_AT_ONCE} at a time")
    with transaction() as session:
        for each in subjects:
            owned(session, _TABLES[known], each, brand_id)
        placed = [
            place(session, brand_id=brand_id, kind=known, subject=each, reason=words, actor=actor_id)
            for each in subjects
        ]
        return placed[0]


def table_of(kind: str) -> Any:
    """The table of what a hold of this kind is on. Raises InputError for an unknown kind."""
    return _TABLES[_known(kind)]


def _known(kind: str) -> Kind:
    known: Kind | None = next((each for each in KINDS if each == kind), None)
    if known is None:
        raise InputError("a hold is on one of three things", where="kind", next_step=one_of(KINDS))
    return known


def lift_hold(hold_id: str, *, brand_id: str, actor_id: str, reason: str) -> HoldRow:
    """Lift one hold; the row that does. Raises as :func:`place_hold`, and as :func:`audit.holds.lift`."""
    words = _reason(reason)
    with transaction() as session:
        row = lift(session, hold_id, brand_id=brand_id, reason=words, actor=actor_id)
        outbox.post(session, HOLD_LIFTED, **lifted_message(row.kind, row.subject))
        return row


def lifted_message(kind: str, subject: str) -> dict[str, str]:
    """What the message about a lifted hold says."""
    return {"subject": subject, "subject_kind": kind, "kind": "io"}


def page_of_holds(brand_id: str, *, cursor: str = "") -> tuple[Page[HoldRow], list[Hold]]:
    """A page of the brand's holds, newest first, each with what lifted it. Raises BadCursor."""
    placed = Part((HoldRow.brand_id == brand_id, HoldRow.lifts.is_(None)))
    with reading() as session:
        page = page_of(session, HoldRow, [placed], order="newest", cursor=cursor)
        return page, with_lifts(session, page.rows)


def titles_of(session: Session, rows: Sequence[HoldRow]) -> dict[str, str]:
    """The names of the people and campaigns that these holds are on, by id."""
    titles: dict[str, str] = {}
    for table in (PersonaRow, CampaignRow):
        ids = [row.subject for row in rows if _TABLES[row.kind] is table]
        titles |= {
            row.id: row.name for row in session.execute(select(table.id, table.name).where(table.id.in_(ids)))
        }
    return titles


def on_hold_lifted(payload: dict[str, Any]) -> int:
    """Try again what was refused for a hold that is lifted now; how many. Repeating it does nothing more.

    Where another hold still stands the refusal stays.
    """
    tried, after = 0, ""
    with reading() as session:
        which = _under(session, str(payload["subject_kind"]), str(payload["subject"]))
    while True:
        beat()
        with transaction() as session:
            rows = _refused(session, which, after)
            for row in rows:
                # One that somebody changed in the database is left to the release, which blocks it.
                if (
                    (row.reason or {}).get("code") == CODE
                    and not held(session, subjects_of(session, row))
                    and agrees(session, row, subject=row.id)
                ):
                    note(session, row.id, Event.RENDER_RETRIED, start=State.APPROVED, values={"reason": None})
                    outbox.hint(session, row)
                    tried += 1
        if not rows:
            return tried
        after = rows[-1].id


def waiting_for_a_lift(*, limit: int = 100) -> list[str]:
    """Renders that were refused for a hold which is lifted now: their message was lost, the sweeper sends another."""
    with reading() as session:
        newest = select(HoldRow.subject).where(HoldRow.lifts.is_not(None))
        lifted = session.scalars(newest.order_by(HoldRow.created_at.desc()).limit(MOST_LIFTS)).all()
        if not lifted:
            return []  # where nothing was ever lifted there is nothing to look for among the renders
        of = or_(
            RenderRow.id.in_(lifted),
            RenderRow.campaign_id.in_(lifted),
            CampaignRow.persona_id.in_(same_person(session, lifted)),
        )
        refused = session.scalars(
            select(RenderRow)
            .join(CampaignRow, CampaignRow.id == RenderRow.campaign_id)
            .where(RenderRow.state == State.APPROVED, RenderRow.reason["code"].as_string() == CODE, of)
            .limit(limit)
        ).all()
        return [row.id for row in refused if not held(session, subjects_of(session, row))]


def _refused(session: Session, which: ColumnElement[bool], after: str) -> Sequence[RenderRow]:
    return session.scalars(
        select(RenderRow)
        .where(which, RenderRow.state == State.APPROVED, RenderRow.reason.is_not(None), RenderRow.id > after)
        .order_by(RenderRow.id)
        .limit(CHUNK)
        .with_for_update(key_share=True)
    ).all()


def _under(session: Session, kind: str, subject: str) -> ColumnElement[bool]:
    if kind == "render":
        return RenderRow.id == subject
    if kind == "campaign":
        return RenderRow.campaign_id == subject
    people = same_person(session, [subject])
    campaigns = select(CampaignRow.id).where(CampaignRow.persona_id.in_(people))
    return RenderRow.campaign_id.in_(campaigns)


def _reason(words: str) -> str:
    said = as_written(words, most=MOST_WORDS, where="reason")
    if not said:
        raise InputError("a hold needs a reason", where="reason", next_step="say why")
    return said
