"""A restored record may lack what happened last: recalls and withdrawals that would then be served again.

So a restore writes an entry, in the transaction that brings the rows back. Unless a checkpoint that was kept elsewhere
shows that nothing was signed after the backup, the entry says ``held``, and doors ask for it (:func:`holds`):
nothing is served and nothing is released. A person who has looked lifts it with a second entry that says who, and why.
Both are entries of the ledger and nothing else: a hold that somebody deletes is found by ``greenroom ledger verify``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.events import Event
from audit.ledger.entries import append
from audit.notes import Checkpoint
from audit.tables import LedgerEntryRow
from core.errors import Conflict

SUBJECT = "ledger@restored"
EVENTS = (Event.LEDGER_RESTORED.value, Event.RESTORE_ACKNOWLEDGED.value)
BECAUSE = ("replayed", "nothing_lost")


class RestoreUnacknowledged(Conflict):
    """This installation was put back to an older state, and nobody has said yet that it may serve."""

    code = "restore_unacknowledged"


def record_restored(
    session: Session, restored: Checkpoint, *, newest: Checkpoint | None, lost: int | None
) -> None:
    """The entry of a restore, in the transaction that loads the rows.

    Args:
        restored: positions given, and the root over them.
        newest: the newest checkpoint that was kept elsewhere, where there is one.
        lost: how many entries it covers that are not here; None: nobody can know. Only 0 is not held.
    """
    append(
        session,
        Event.LEDGER_RESTORED,
        SUBJECT,
        {
            "size": restored.size,
            "sha256": restored.root.hex(),
            "witnessed_size": newest.size if newest is not None else None,
            "witnessed_root": newest.root.hex() if newest is not None else None,
            "lost": lost,
            "state": "whole" if lost == 0 else "held",
        },
    )


def holds(event: str, facts: Mapping[str, Any]) -> bool:
    """Whether the newest entry of :data:`EVENTS` about :data:`SUBJECT` leaves the installation waiting for a person."""
    return event == Event.LEDGER_RESTORED.value and facts.get("state") != "whole"


def held(session: Session) -> bool:
    """Whether a restore waits for a person."""
    entry = session.execute(
        select(LedgerEntryRow.event, LedgerEntryRow.facts)
        .where(LedgerEntryRow.subject == SUBJECT, LedgerEntryRow.event.in_(EVENTS))
        .order_by(LedgerEntryRow.id.desc())
        .limit(1)
    ).first()
    return entry is not None and holds(*entry)


def check_acknowledged(session: Session) -> None:
    """Raises :class:`RestoreUnacknowledged` while a restore waits for a person."""
    if held(session):
        raise unacknowledged()


def unacknowledged() -> RestoreUnacknowledged:
    """What a door says meanwhile."""
    return RestoreUnacknowledged(
        "this installation was restored and may lack what happened last: nothing is served or released",
        where="ledger",
        next_step="recall again what was recalled since the backup, then run `greenroom ledger acknowledge`",
    )


def record_acknowledged(session: Session, *, actor: str, because: str) -> None:
    """The entry that lifts the hold. Raises Conflict where there is none."""
    if not held(session):
        raise nothing_waits()
    append(session, Event.RESTORE_ACKNOWLEDGED, SUBJECT, {"actor": actor, "reason_code": because})


def nothing_waits() -> Conflict:
    """For whoever acknowledges what is not held."""
    return Conflict("no restore waits for anybody", where="ledger", code="nothing_to_acknowledge")
