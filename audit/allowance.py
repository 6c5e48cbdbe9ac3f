"""The allowance of an authority: each render under it is counted once, exactly (trust step 1)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.authority_reading import fact_of, get_authority
from audit.errors import AuthorityNotGranted, RenderLimitReached
from audit.events import Event
from audit.ledger.entries import Entry, append_all, committed
from audit.models import AuthorityStatus
from audit.tables import AuthorityRenderRow, AuthorityRow
from core.covered import new_salt
from core.database import hold, now, seize


def count_render(session: Session, authority_id: str, render_id: str) -> int:
    """Count one render against the authority, once; returns its ordinal (from 1), the same when repeated.

    Raises:
        AuthorityNotGranted: the authority is not granted, or superseded.
        RenderLimitReached: ``max_renders`` is used up, or was never stated.
    """
    ordinals = count_renders(session, authority_id, [render_id])
    if not ordinals:
        raise used_up(session, authority_id)
    return ordinals[0]


def count_renders(session: Session, authority_id: str, render_ids: Sequence[str]) -> list[int]:
    """Count renders against the authority, in their order, each once; their ordinals, the same when repeated.

    The list ends where the allowance does: the renders past it are not counted, and may not be made. The count runs
    over all versions of the record: a new version does not start a new allowance. The unique rows make it exact: of
    two transactions that take the same ordinal, one commits.

    Raises AuthorityNotGranted: the authority is not granted, or superseded.
    """
    record_id = session.scalar(select(AuthorityRow.record_id).where(AuthorityRow.id == authority_id))
    hold(session, fact_of(record_id or ""))
    # Not the authority's own fact: others act under it meanwhile, and only the counting is one by one.
    seize(session, f"count of {record_id}")
    authority = get_authority(session, authority_id)
    if authority.status is not AuthorityStatus.GRANTED or authority.superseded_by is not None:
        state = "superseded" if authority.superseded_by else authority.status.value
        raise AuthorityNotGranted(
            f"the authority is {state}", where=authority_id, next_step="use the authority that is in force"
        )
    record_id, limit = authority.document.record_id, authority.scope.max_renders
    known = _counted_before(session, record_id, render_ids)
    ordinals: list[int] = []
    rows: list[AuthorityRenderRow] = []
    for render_id in render_ids:
        ordinal = known.get(render_id, authority.renders_counted + len(rows) + 1)
        if render_id not in known:
            if limit is None or (isinstance(limit, int) and ordinal > limit):
                break
            rows.append(
                AuthorityRenderRow(
                    record_id=record_id,
                    render_id=render_id,
                    authority_id=authority_id,
                    ordinal=ordinal,
                    created_at=now(),
                    salt=new_salt(),
                )
            )
        ordinals.append(ordinal)
    session.add_all(rows)
    append_all(
        session,
        [
            Entry(
                Event.AUTHORITY_RENDER_COUNTED,
                authority_id,
                {"render_id": row.render_id, "ordinal": row.ordinal, "record_id": record_id},
                committed(row),
            )
            for row in rows
        ],
    )
    return ordinals


def used_up(session: Session, authority_id: str) -> RenderLimitReached:
    """What to say where a render was not counted."""
    limit = get_authority(session, authority_id).scope.max_renders
    return RenderLimitReached(
        f"the authority allows {limit if limit is not None else 'no'} renders and all are used",
        where=authority_id,
        next_step="ask for a new consent with a higher number",
    )


def _counted_before(session: Session, record_id: str, render_ids: Sequence[str]) -> dict[str, int]:
    rows = select(AuthorityRenderRow.render_id, AuthorityRenderRow.ordinal).where(
        AuthorityRenderRow.record_id == record_id, AuthorityRenderRow.render_id.in_(render_ids)
    )
    return {row.render_id: row.ordinal for row in session.execute(rows)}
