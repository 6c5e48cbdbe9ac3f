"""What workers and lookers-on do around a world: messages to their handlers, and what anybody could notice."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import func, select

from audit.events import Event
from audit.tables import LedgerEntryRow
from core.database import Base, reading
from core.errors import GreenroomError
from delivery.links import open_link
from pipeline import outbox
from pipeline.tables import RenderRow
from tests.kit import past
from tests.kit.world import World


def work(*topics: str) -> list[str]:
    """Every waiting message goes to its real handler, as workers take them, until none waits; their topics.

    ``topics``: handle only these; the others are lost, as with a broker that was wiped.
    """
    from greenroom.worker import HANDLERS

    handled = []
    while taken := waiting_messages():
        for topic, payload in taken:
            if not topics or topic in topics:
                HANDLERS[topic](payload)
                handled.append(topic)
    return handled


def waiting_messages() -> list[tuple[str, dict[str, Any]]]:
    """What the relay would send now. It is then sent, and goes nowhere."""
    sent: list[tuple[str, dict[str, Any]]] = []
    outbox.relay(lambda topic, payload: sent.append((topic, payload)))
    return sent


def swept() -> list[tuple[str, dict[str, Any]]]:
    """What one sweep sends."""
    sent: list[tuple[str, dict[str, Any]]] = []
    outbox.sweep(lambda topic, payload: sent.append((topic, payload)))
    return sent


def events_of(subject: str) -> list[str]:
    """What the ledger says of a subject, in order."""
    with reading() as session:
        rows = select(LedgerEntryRow.event).where(LedgerEntryRow.subject == subject)
        return list(session.scalars(rows.order_by(LedgerEntryRow.id)))


def last_entry(subject: str, event: Event) -> LedgerEntryRow:
    """The newest entry of one kind."""
    with reading() as session:
        rows = select(LedgerEntryRow).where(
            LedgerEntryRow.subject == subject, LedgerEntryRow.event == event.value
        )
        return session.scalars(rows.order_by(LedgerEntryRow.id.desc()).limit(1)).one()


def stored() -> Counter[str]:
    """How many rows each table has."""
    with reading() as session:
        return Counter(
            {
                name: session.scalar(select(func.count()).select_from(table)) or 0
                for name, table in Base.metadata.tables.items()
            }
        )


def door(token: str) -> str:
    """What a link answers: ``open``, or the code of its refusal."""
    try:
        open_link(token)
    except GreenroomError as error:
        return error.code
    return "open"


def as_owner(w: World, statement: str, *values: Any) -> int:
    """One SQL statement as whoever owns the database file: no trigger of ours stands in the way."""
    return past.as_owner(statement, *values)


def put_back(w: World, render: RenderRow, state: str) -> RenderRow:
    """The state alone, as only the database's owner can set it, who also writes an entry that says so."""
    as_owner(w, "UPDATE renders SET state = ? WHERE id = ?", state, render.id)
    return w.record_as_it_is(render)
