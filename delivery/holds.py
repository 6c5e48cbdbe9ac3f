"""Legal holds as people place and lift them, and what follows when one is lifted.

While a hold stands the release refuses (delivery/conditions.py) and no new link is made (pipeline/standing.py). Links
that exist go on, unless the video is recalled: a hold keeps things as they are. Whatever deletes asks
:func:`audit.holds.held` first; the sweep of orphans takes only what no row names, so nothing that a hold is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
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
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

MOST_WORDS = 2000
CHUNK = 20  # renders a transaction: nobody else writes meanwhile

HOLD_LIFTED = "hold.lifted"
"""Topic of the message that follows when a hold is lifted: what was refused for it is tried again."""

_TABLES: dict[str, Any] = {"person": PersonaRow, "campaign": CampaignRow, "render": RenderRow}


def place_hold(kind: str, subject: str, *, brand_id: str, actor_id: str, reason: str) -> HoldRow:
    """Put a person, a campaign or a render of this brand on hold.

    Raises:
        InputError: an unknown kind, no reason or too long a one. NotFound: no such thing of this brand.
    """
    words = _reason(reason)
    known: Kind | None = next((each for each in KINDS if each == kind), None)
    if known is None:
        raise InputError("a hold is on one of three things", where="kind", next_step=one_of(KINDS))
    with transaction() as session:
        owned(session, _TABLES[known], subject.strip(), brand_id)
        return place(
            session,
            brand_id=brand_id,
            kind=known,
            subject=subject.strip(),
            reason=words,
            actor=actor_id,
        )


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


def on_hold_lifted(payload: dict[str, Any]) -> int:
    """Try again what was refused for a hold that is lifted now; how many. Repeating it does nothing more.

    Where another hold still stands the refusal stays.
    """
    tried, after = 0, ""
    which = _under(str(payload["subject_kind"]), str(payload["subject"]))
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
    lifting = select(HoldRow.id).where(HoldRow.lifts.is_not(None))
    with reading() as session:
        if session.scalar(lifting.limit(1)) is None:
            return []  # where nothing was ever lifted there is nothing to look for among the renders
        of = HoldRow.subject.in_([RenderRow.id, RenderRow.campaign_id, CampaignRow.persona_id])
        refused = session.scalars(
            select(RenderRow)
            .join(CampaignRow, CampaignRow.id == RenderRow.campaign_id)
            .where(
                RenderRow.state == State.APPROVED,
                RenderRow.reason["code"].as_string() == CODE,
                lifting.where(of).exists(),
            )
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


def _under(kind: str, subject: str) -> ColumnElement[bool]:
    if kind == "render":
        return RenderRow.id == subject
    if kind == "campaign":
        return RenderRow.campaign_id == subject
    campaigns = select(CampaignRow.id).where(CampaignRow.persona_id == subject)
    return RenderRow.campaign_id.in_(campaigns)


def _reason(words: str) -> str:
    said = as_written(words, most=MOST_WORDS, where="reason")
    if not said:
        raise InputError("a hold needs a reason", where="reason", next_step="say why")
    return said
