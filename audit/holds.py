"""Legal holds: a person, a campaign or a render is kept as it is, and nothing more of it goes out until that is lifted.

What is on hold the rows say, and the ledger says it too. Whoever asks believes the one that holds: a row that somebody
deletes lifts nothing, and neither does one that somebody adds without its entry.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.events import Event
from audit.ledger.entries import append
from audit.tables import HoldRow, LedgerEntryRow
from core.database import hold, seize
from core.errors import Conflict, NotFound
from core.ids import new_id

Kind = Literal["person", "campaign", "render"]
KINDS: tuple[Kind, ...] = get_args(Kind)

CODE = "legal_hold"


class OnHold(Conflict):
    """It is on a legal hold: nothing of it is released, linked or deleted until that is lifted."""

    code = CODE


@dataclass(frozen=True)
class Hold:
    """One hold, and what lifted it; None while it stands."""

    placed: HoldRow
    lifted: HoldRow | None


def place(session: Session, *, brand_id: str, kind: Kind, subject: str, reason: str, actor: str) -> HoldRow:
    """Put this on hold, in the caller's transaction. The caller has checked that it is there, and the words.

    Several holds may stand on one thing, for one reason each: it is free when the last one is lifted.
    """
    row = HoldRow(
        id=new_id("hld"),
        brand_id=brand_id,
        kind=kind,
        subject=subject,
        lifts=None,
        reason=reason,
        actor=actor,
    )
    return _add(session, Event.HOLD_PLACED, row)


def lift(session: Session, hold_id: str, *, brand_id: str, reason: str, actor: str) -> HoldRow:
    """End one hold, in the caller's transaction; the row that lifts it.

    Raises:
        NotFound: no such hold of this brand. Conflict: it is lifted already.
    """
    placed = session.get(HoldRow, hold_id)
    if placed is None or placed.brand_id != brand_id or placed.lifts is not None:
        raise NotFound("no such hold", where=hold_id, next_step="check the id")
    seize(session, _fact(placed.subject))
    if session.scalar(select(HoldRow.id).where(HoldRow.lifts == hold_id)) is not None:
        raise Conflict("this hold is lifted already", where=hold_id, next_step="reload the page")
    row = HoldRow(
        id=new_id("hld"),
        brand_id=brand_id,
        kind=placed.kind,
        subject=placed.subject,
        lifts=hold_id,
        reason=reason,
        actor=actor,
    )
    return _add(session, Event.HOLD_LIFTED, row)


def held(session: Session, subjects: Collection[str]) -> set[str]:
    """Which of these ids are on hold. In a writing transaction it stays so until that ends."""
    wanted = sorted(set(subjects))
    hold(session, *map(_fact, wanted))
    placed: dict[str, str] = {}
    lifted_rows: set[str] = set()
    for row in session.execute(
        select(HoldRow.id, HoldRow.subject, HoldRow.lifts).where(HoldRow.subject.in_(wanted))
    ):
        if row.lifts is None:
            placed[row.id] = row.subject
        else:
            lifted_rows.add(row.lifts)
    lifted_entries: set[str] = set()
    entries = select(LedgerEntryRow.subject, LedgerEntryRow.event, LedgerEntryRow.facts).where(
        LedgerEntryRow.subject.in_(wanted),
        LedgerEntryRow.event.in_([Event.HOLD_PLACED.value, Event.HOLD_LIFTED.value]),
    )
    for subject, event, facts in session.execute(entries):
        if event == Event.HOLD_PLACED.value:
            placed[str(facts["hold_id"])] = subject
        else:
            lifted_entries.add(str(facts["hold_id"]))
    return {subject for hold_id, subject in placed.items() if hold_id not in lifted_rows & lifted_entries}


def check_free(session: Session, subjects: Collection[str], *, where: str) -> None:
    """Raises :class:`OnHold` where one of these ids is on hold."""
    if on := sorted(held(session, subjects)):
        raise OnHold(
            "a legal hold stands on it, or on the campaign or person that it belongs to",
            where=where,
            next_step=f"have the hold on {on[0]} lifted by legal; until then nothing more of it goes out",
        )


def with_lifts(session: Session, placed: Sequence[HoldRow]) -> list[Hold]:
    """Each of these holds with what lifted it, in their order."""
    ids = [row.id for row in placed]
    lifts = {row.lifts: row for row in session.scalars(select(HoldRow).where(HoldRow.lifts.in_(ids)))}
    return [Hold(row, lifts.get(row.id)) for row in placed]


def standing_on(session: Session, subjects: Collection[str]) -> list[HoldRow]:
    """The holds that stand on these ids, oldest first, for a page. A door asks :func:`held`."""
    rows = session.scalars(select(HoldRow).where(HoldRow.subject.in_(subjects))).all()
    lifted = {row.lifts for row in rows}
    standing = [row for row in rows if row.lifts is None and row.id not in lifted]
    return sorted(standing, key=lambda row: (row.created_at, row.id))


def _add(session: Session, event: Event, row: HoldRow) -> HoldRow:
    seize(session, _fact(row.subject))  # whoever lets something out now is done before, or sees this
    # The reason may name a person: the ledger commits to the row and keeps none of its words.
    facts = {
        "hold_id": row.lifts or row.id,
        "kind": row.kind,
        "brand_id": row.brand_id,
        "actor": row.actor,
    }
    append(session, event, row.subject, facts, rows=[row])
    return row


def _fact(subject: str) -> str:
    """The name of the holds on one thing, among the facts that transactions hold."""
    return f"holds on {subject}"
