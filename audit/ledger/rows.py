"""Rows against what the ledger committed to: of several commitments to one row the newest counts.

Rows that say who decided, measured or agreed are signed as well, with keys that the database does not hold; their
signatures are checked here too, so that a row which was inserted together with a ledger entry is still named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from audit.commitments import commitment, row_name
from audit.events import Event
from audit.ledger.report import LedgerReport
from audit.tables import LedgerEntryRow
from core.errors import GreenroomError


class Known(NamedTuple):
    """What an entry says of a row."""

    entry_id: str
    event: str
    commitment: str
    altered: str = ""  # the entry that says: somebody had changed this row before


class Commitments(dict[str, Known]):
    """What the ledger says of each row, the newest; ``began``: an ordinary entry of this version was met."""

    began = False


def remember(entry: LedgerEntryRow, commitments: Commitments, report: LedgerReport | None = None) -> None:
    """Take an entry's commitments in; entries come in the order of the log, pending ones by id."""
    facts = entry.facts if isinstance(entry.facts, dict) else {}
    rows = facts.get("rows")
    if isinstance(rows, dict):
        adopts = entry.event == Event.ROWS_ADOPTED.value
        if adopts and commitments.began and report is not None:
            what = "rows are taken in once, before anything else of this version is recorded"
            report.add("added", f"ledger_entries {entry.entry_id}", what)
        commitments.began = commitments.began or not adopts
        for name, value in rows.items():
            before = commitments.get(str(name))
            altered = before.altered if before is not None else ""
            if facts.get("altered") is True and before is not None:
                altered = entry.entry_id
            commitments[str(name)] = Known(entry.entry_id, entry.event, str(value), altered)
    if "row" in facts and "commitment" in facts:  # the first version's entries spoke of one row
        commitments[str(facts["row"])] = Known(entry.entry_id, entry.event, str(facts["commitment"]))


def verify_rows(session: Session, table: type[Any], commitments: Commitments, report: LedgerReport) -> None:
    """Every row of a covered table against its entry and its signature; takes each from ``commitments``."""
    check = _signed(table)
    try:
        for row in session.scalars(select(table).execution_options(yield_per=500)):
            report.rows += 1
            name = row_name(row)
            known = commitments.pop(name, None)
            if known is None:
                report.add("added", name, "no entry of the ledger speaks of this row")
            elif commitment(row) != known.commitment:
                report.add("changed", name, f"it is not what entry {known.entry_id} committed to")
            elif known.altered:
                report.add("changed", name, f"entry {known.altered} says that it had been changed before")
            elif check is not None and not _adopted_unsigned(row, known):
                _verify_signature(session, check, row, name, report)
    except (ValueError, TypeError, LookupError, SQLAlchemyError) as error:
        report.add("changed", table.__tablename__, f"a row cannot be read ({type(error).__name__})")


def _verify_signature(
    session: Session, check: Callable[[Session, Any], Any], row: Any, name: str, report: LedgerReport
) -> None:
    try:
        check(session, row)
    except GreenroomError as error:
        report.add("unsigned", name, error.what)


def _adopted_unsigned(row: Any, known: Known) -> bool:
    """A decision from before decisions were signed, taken in under the marker that says so. No release counts it."""
    return known.event == Event.ROWS_ADOPTED.value and getattr(row, "document", "") is None


def _signed(table: type[Any]) -> Callable[[Session, Any], Any] | None:
    # Here, because these modules stand on the ledger's entries.
    from audit import approvals, authority_reading, persona_decisions, receipts, script_decisions

    def decision(session: Session, row: Any) -> None:
        approvals.verified(row)
        approvals.check_key_in_use(session, row)

    def authority(session: Session, row: Any) -> None:
        authority_reading.verified(row)
        authority_reading.check_key_in_use(session, row)

    def status(session: Session, row: Any) -> None:
        authority_reading.verified_status(row)
        authority_reading.check_key_in_use(session, row)

    def persona(session: Session, row: Any) -> None:
        persona_decisions.verified(row)
        persona_decisions.check_key_in_use(session, row)

    def script(session: Session, row: Any) -> None:
        script_decisions.verified(row)
        script_decisions.check_key_in_use(session, row)

    def receipt(session: Session, row: Any) -> None:
        receipts.verified(row)
        receipts.check_keys_in_use(session, [row])

    checks: dict[str, Callable[[Session, Any], Any]] = {
        "approvals": decision,
        "persona_decisions": persona,
        "script_decisions": script,
        "receipts": receipt,
        "authorities": authority,
        "authority_status": status,
    }
    return checks.get(table.__tablename__)
