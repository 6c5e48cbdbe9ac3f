"""After a restore: a person says that the installation may serve again (audit/restored.py)."""

from __future__ import annotations

from sqlalchemy import select

from audit.ledger import Event, append
from audit.restored import BECAUSE, held, nothing_waits, record_acknowledged
from core.database import now, reading, transaction
from core.errors import InputError
from delivery.tables import LinkRow

_AT_ONCE = 100  # links a transaction


def acknowledge(*, actor_id: str, because: str) -> int:
    """Lift the hold; the ledger says who did and why. Returns how many links were ended.

    Args:
        because: ``replayed``: what was recalled or withdrawn since the backup was recalled and withdrawn again. Links
            that were taken back since then would be good again, so every link is ended first. ``nothing_lost``: the
            person knows that nothing happened after the backup; links stay.

    Raises:
        InputError: another reason.
        Conflict: no restore waits for anybody.
    """
    if because not in BECAUSE:
        raise InputError("there is no such reason", where="because", next_step=f"say {' or '.join(BECAUSE)}")
    with reading() as session:
        if not held(session):
            raise nothing_waits()
    ended = _end_links(actor_id) if because == "replayed" else 0
    with transaction() as session:
        record_acknowledged(session, actor=actor_id, because=because)
    return ended


def _end_links(actor_id: str) -> int:
    """Take every link back that still opens, some at a time. Nothing is served meanwhile, so none is missed."""
    ended = 0
    while True:
        with transaction() as session:
            live = select(LinkRow).where(LinkRow.revoked_at.is_(None), LinkRow.expires_at > now())
            rows = session.scalars(live.order_by(LinkRow.id).limit(_AT_ONCE)).all()
            for row in rows:
                row.revoked_at = now()
                facts = {"link_id": row.id, "actor": actor_id}
                append(session, Event.LINK_REVOKED, row.render_id, facts, rows=[row])
        if not rows:
            return ended
        ended += len(rows)
