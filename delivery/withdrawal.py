"""What follows a change of an authority: work stops, approvals and releases refuse, what is out is taken
back.

The doors do not wait for this: each asks the authority's standing (pipeline/standing.py). This brings the
rows in line with it, in short transactions, and can be repeated at any time: the message is sent again
until there is nothing left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from audit.authorities import set_status
from audit.ledger import Event
from audit.ledger.agreement import agrees
from audit.models import AuthorityStatus, Effect
from audit.standing import AuthorityStanding, authority_standing
from audit.tables import AuthorityRow, AuthorityStatusRow, LedgerEntryRow
from core.database import now, reading, transaction
from core.errors import GreenroomError
from core.heartbeat import beat
from pipeline import outbox
from pipeline.life import move_all, note
from pipeline.metrics import settled
from pipeline.runner import withdrawn
from pipeline.standing import standing_of
from pipeline.states import STAGE_AT, State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

log = logging.getLogger("greenroom.delivery")

CHUNK = 20  # renders a transaction: nobody else writes meanwhile
_OPEN = (*STAGE_AT, State.IN_REVIEW, State.APPROVED, State.FAILED)


def on_authority_changed(payload: dict[str, Any]) -> int:
    """Bring every render under an authority in line with how it stands now. Returns how many were moved."""
    authority_id = str(payload["authority_id"])
    with reading() as session:
        standing = authority_standing(session, authority_id)
    if standing.state in ("revoked", "expired"):
        return _stop(authority_id) + _take_back(authority_id)
    if standing.valid:
        _go_on(authority_id)
    # A new version may stand while an older one took back what was released under it.
    return _take_back(authority_id) if standing.recalls else 0


def expire(*, limit: int = 100) -> list[str]:
    """Write down which authorities have ended by their own date, so that what follows happens. Returns their ids.

    The doors look at the date themselves; this makes it a fact of the ledger that a clock set back does not undo.
    """
    newer = select(AuthorityRow.supersedes).where(AuthorityRow.supersedes.is_not(None))
    over = select(AuthorityStatusRow.authority_id).where(
        AuthorityStatusRow.status.in_([AuthorityStatus.EXPIRED.value, AuthorityStatus.REVOKED.value])
    )
    with reading() as session:
        ended = session.scalars(
            select(AuthorityRow.id)
            .where(
                AuthorityRow.not_after <= now(), AuthorityRow.id.not_in(newer), AuthorityRow.id.not_in(over)
            )
            .limit(limit)
        ).all()
    return [authority_id for authority_id in ended if _expired(authority_id)]


def _expired(authority_id: str) -> bool:
    """One that cannot be read, or was changed meanwhile, keeps no other from ending."""
    try:
        with transaction() as session:
            set_status(
                session,
                authority_id,
                AuthorityStatus.EXPIRED,
                reason="its last day is over",
                actor="sys_expiry",
            )
    except GreenroomError as error:
        log.error("its end could not be written down: %s %s", authority_id, error.code)
        return False
    return True


def unsettled(*, limit: int = 100) -> list[str]:
    """Authorities that ended, or took something back, while renders under them still say otherwise.

    Their message was lost with the broker; the sweeper sends it again.
    """
    ended = AuthorityStatusRow.status.in_([AuthorityStatus.REVOKED.value, AuthorityStatus.EXPIRED.value])
    if not any_ended():
        return []  # where nobody ever took anything back there is nothing to look for in a million renders
    newer = select(AuthorityRow.supersedes).where(AuthorityRow.supersedes.is_not(None))
    goes_on = and_(ended, AuthorityRow.id.not_in(newer), RenderRow.state.in_(_OPEN))
    still_out = and_(RenderRow.state == State.RELEASED, _released_before_a_recall())
    version = aliased(AuthorityRow)
    query = (
        select(AuthorityRow.id)
        .join(AuthorityStatusRow, AuthorityStatusRow.authority_id == AuthorityRow.id)
        .join(version, version.record_id == AuthorityRow.record_id)
        .join(PersonaRow, PersonaRow.authority_id == version.id)
        .join(CampaignRow, CampaignRow.persona_id == PersonaRow.id)
        .join(RenderRow, RenderRow.campaign_id == CampaignRow.id)
        .where(or_(ended, AuthorityStatusRow.effect == Effect.RECALL.value), or_(goes_on, still_out))
        .distinct()
        .limit(limit)
    )
    with reading() as session:
        return list(session.scalars(query))


def any_ended() -> bool:
    """Whether any authority ever ended or took something back."""
    over = AuthorityStatusRow.status.in_([AuthorityStatus.REVOKED.value, AuthorityStatus.EXPIRED.value])
    found = select(AuthorityStatusRow.authority_id).where(
        or_(over, AuthorityStatusRow.effect == Effect.RECALL.value)
    )
    with reading() as session:
        return session.scalar(found.limit(1)) is not None


def _released_before_a_recall() -> ColumnElement[bool]:
    """Of a released render and a version: by the order of the ledger, as a clock may step back."""
    released, changed = aliased(LedgerEntryRow), aliased(LedgerEntryRow)
    before = exists().where(
        released.subject == RenderRow.id,
        released.event == Event.ASSET_RELEASED.value,
        released.id < changed.id,
    )
    return exists().where(
        changed.subject == AuthorityRow.id,
        changed.event == Event.AUTHORITY_STATUS_CHANGED.value,
        changed.facts["effect"].as_string() == Effect.RECALL.value,
        before,
    )


def _stop(authority_id: str) -> int:
    """Nothing that is not released goes on: it ends as blocked, its lease freed."""

    def block(session: Session, rows: Sequence[RenderRow], standing: AuthorityStanding) -> int:
        if standing.state not in ("revoked", "expired"):
            return 0  # granted again by a new version meanwhile
        outcome = withdrawn(standing.state)
        facts = {"authority_id": standing.authority.id, "reason_code": f"authority_{standing.state}"}
        move_all(session, rows, outcome.state, values={"reason": outcome.reason}, facts=facts)
        return len(rows)

    return _each(authority_id, RenderRow.state.in_(_OPEN), block)


def _take_back(authority_id: str) -> int:
    """What the predicate calls withdrawn becomes recalled, by the person."""

    def take(session: Session, rows: Sequence[RenderRow], standing: AuthorityStanding) -> int:
        gone = [row for row in rows if standing_of(session, row, under=standing).release == "withdrawn"]
        move_all(
            session,
            gone,
            State.RECALLED,
            event=Event.ASSET_WITHDRAWN,
            values={"reason": {"code": "withdrawn", "message": "withdrawn by the person who appears in it"}},
            facts={"authority_id": standing.authority.id},
        )
        for _ in gone:
            settled(session, standing.authority.history[-1].time)
        return len(gone)

    return _each(authority_id, RenderRow.state == State.RELEASED, take)


def _go_on(authority_id: str) -> None:
    """After a suspension: what waited is due now, and a release that was refused for it is tried again."""
    with transaction() as session:
        refused = and_(RenderRow.state == State.APPROVED, RenderRow.reason.is_not(None))
        for row in _renders(session, authority_id, refused, limit=1000):
            # One that somebody changed in the database is left to the release, which blocks it.
            if str((row.reason or {}).get("code", "")).startswith("authority_") and agrees(
                session, row, subject=row.id
            ):
                note(session, row.id, Event.RENDER_RETRIED, start=State.APPROVED, values={"reason": None})
                outbox.hint(session, row)
        waiting = [
            row.id for row in _renders(session, authority_id, RenderRow.state.in_(STAGE_AT), limit=1000)
        ]
        if waiting:
            session.execute(
                update(RenderRow)
                .where(RenderRow.id.in_(waiting))
                .values(retry_at=None, waits=0, hinted_at=None)
                .execution_options(synchronize_session=False)
            )


def _each(authority_id: str, which: Any, act: Any) -> int:
    """Act on every such render, a chunk a transaction, until a chunk changes nothing more."""
    moved, after = 0, ""
    while True:
        beat()
        with transaction() as session:
            rows = _renders(session, authority_id, and_(which, RenderRow.id > after), limit=CHUNK)
            standing = authority_standing(session, authority_id)
            if rows:
                moved += act(session, rows, standing)
        if not rows:
            return moved
        after = rows[-1].id


def _renders(session: Session, authority_id: str, which: Any, *, limit: int) -> Sequence[RenderRow]:
    """Renders under an authority's record, whichever version their persona names, by id; each is ours until we end.

    PostgreSQL looks again once it has a render's turn: one that was moved meanwhile is left out.
    """
    under = RenderRow.campaign_id.in_(_campaigns(authority_id))
    query = select(RenderRow).where(under, which).order_by(RenderRow.id).limit(limit)
    ours = query.with_for_update(key_share=True, of=RenderRow).execution_options(populate_existing=True)
    return session.scalars(ours).all()


def _campaigns(authority_id: str) -> Select[str]:
    record = select(AuthorityRow.record_id).where(AuthorityRow.id == authority_id).scalar_subquery()
    versions = select(AuthorityRow.id).where(AuthorityRow.record_id == record)
    personas = select(PersonaRow.id).where(PersonaRow.authority_id.in_(versions))
    return select(CampaignRow.id).where(CampaignRow.persona_id.in_(personas))
