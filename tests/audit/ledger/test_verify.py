"""Verification names what was changed, is missing, stands elsewhere or was added: every column, every file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from audit.ledger import sequence_pending, verify_ledger
from audit.ledger.verify import LedgerReport
from audit.tables import (
    ApprovalRow,
    AuthorityRenderRow,
    AuthorityRow,
    AuthorityStatusRow,
    LedgerEntryRow,
    ReceiptRow,
)
from core.database import Base, engine, transaction
from tests.audit.conftest import Record, append_one

COVERED: tuple[type[Base], ...] = (
    AuthorityRow,
    AuthorityStatusRow,
    AuthorityRenderRow,
    ReceiptRow,
    ApprovalRow,
)

# The surrogate key of an entry is not in its body: positions, not ids, are the order.
TABLES: tuple[type[Base], ...] = (*COVERED, LedgerEntryRow)
COLUMNS = [
    (table.__tablename__, column.name)
    for table in TABLES
    for column in inspect(table).columns
    if (table.__tablename__, column.name) != ("ledger_entries", "id")
]


@contextmanager
def behind_our_back(home: Path) -> Iterator[sqlite3.Connection]:
    """The database as somebody with the file in hand changes it: no ORM, no foreign keys."""
    engine().dispose()
    connection = sqlite3.connect(home / "greenroom.db")
    yield connection
    connection.commit()
    connection.close()


def kinds(report: LedgerReport) -> set[str]:
    return {problem.kind for problem in report.problems}


def places(report: LedgerReport) -> str:
    return "\n".join(problem.where for problem in report.problems)


def test_an_untouched_record_agrees(record: Record) -> None:
    assert verify_ledger().pending > 300
    sequence_pending()
    report = verify_ledger()
    assert report.good
    assert (report.pending, report.rows) == (0, 10)
    assert report.text().startswith("The ledger agrees")
    assert report.as_dict()["good"] is True


def test_an_empty_record_agrees(home: Path) -> None:
    assert verify_ledger().good


@pytest.fixture(scope="module")
def changed_value() -> Any:
    """Another value of the same kind."""

    def change(value: Any) -> Any:
        if isinstance(value, int):
            return value + 1000
        if value is None:
            return "aut_other"
        text = str(value)
        if len(text) > 18 and text[4] == "-" and text[13] == ":":  # a time
            return "1999" + text[4:]
        if text.startswith("{"):
            return text.replace("en", "de").replace("draft", "final").replace(": 1", ": 2")
        return ("b" if text[:1] != "b" else "c") + text[1:]

    return change


def test_a_change_of_any_column_of_any_covered_table_is_named(
    record: Record, home: Path, changed_value: Any
) -> None:
    sequence_pending()
    assert verify_ledger().good
    missed = []
    for table, column in COLUMNS:
        with behind_our_back(home) as database:
            last = "position = 20" if table == "ledger_entries" else "1 = 1"
            rowid, value = database.execute(
                f"SELECT rowid, {column} FROM {table} WHERE {last} LIMIT 1"
            ).fetchone()
            new = changed_value(value)
            assert new != value, (table, column)
            database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, rowid))
        report = verify_ledger()
        if report.good or table not in places(report):
            missed.append((table, column, report.text()))
        with behind_our_back(home) as database:
            database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, rowid))
    assert missed == []
    assert verify_ledger().good
    assert len(COLUMNS) > 50


@pytest.mark.parametrize("table", [table.__tablename__ for table in COVERED])
def test_a_deleted_row_is_named(record: Record, home: Path, table: str) -> None:
    sequence_pending()
    with behind_our_back(home) as database:
        database.execute(f"DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})")
    report = verify_ledger()
    assert kinds(report) == {"missing"}
    assert table in places(report)


@pytest.mark.parametrize("table", [table.__tablename__ for table in COVERED])
def test_an_added_row_is_named(record: Record, home: Path, table: str) -> None:
    sequence_pending()
    keys = {"authority_status": "ordinal", "authority_renders": "render_id"}
    key = keys.get(table, "id")
    with behind_our_back(home) as database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute(f"SELECT * FROM {table} LIMIT 1").fetchone())
        row[key] = 77 if key == "ordinal" else "forged_1"
        for unique, value in (
            ("version", 9),
            ("ordinal", 78),
            ("essence", "f" * 64),
            ("reviewer_id", "usr_x"),
        ):
            if unique in row:
                row[unique] = value
        names, marks = ", ".join(row), ", ".join("?" for _ in row)
        database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))
    report = verify_ledger()
    assert kinds(report) == {"added"}
    assert table in places(report)


def test_a_row_and_its_entry_deleted_together_are_named(record: Record, home: Path) -> None:
    sequence_pending()
    with behind_our_back(home) as database:
        database.execute("DELETE FROM approvals")
        database.execute("DELETE FROM ledger_entries WHERE event = 'render:approval:recorded'")
    report = verify_ledger()
    assert "missing" in kinds(report)
    assert "ledger_entries position" in places(report)


def test_two_entries_in_exchanged_places_are_named(record: Record, home: Path) -> None:
    sequence_pending()
    with behind_our_back(home) as database:
        database.execute("UPDATE ledger_entries SET position = -1 WHERE position = 50")
        database.execute("UPDATE ledger_entries SET position = 50 WHERE position = 60")
        database.execute("UPDATE ledger_entries SET position = 60 WHERE position = -1")
    report = verify_ledger()
    assert "reordered" in kinds(report)
    assert record.entry_ids[0] not in places(report)


def test_an_entry_rewritten_with_its_body_is_named(record: Record, home: Path) -> None:
    """Columns and body agree with each other; bundle, tile and checkpoint do not."""
    sequence_pending()
    with behind_our_back(home) as database:
        database.execute(
            "UPDATE ledger_entries SET facts = replace(facts, 'draft', 'final'), "
            "body = replace(body, 'draft', 'final') WHERE position = 100"
        )
    report = verify_ledger()
    assert "changed" in kinds(report)
    assert "ledger_entries led_" in places(report)
    assert "tree of" in places(report)


def test_an_entry_with_a_position_that_was_never_given_is_named(record: Record, home: Path) -> None:
    sequence_pending()
    with transaction() as session:
        append_one(session)
    with behind_our_back(home) as database:
        database.execute("UPDATE ledger_entries SET position = 5000 WHERE position IS NULL")
    assert "added" in kinds(verify_ledger())


def test_a_changed_head_is_named(record: Record, home: Path) -> None:
    sequence_pending()
    with behind_our_back(home) as database:
        database.execute("UPDATE ledger_head SET assigned = assigned - 1")
    assert "ledger_head" in places(verify_ledger())


@pytest.mark.parametrize(
    "name", ["tile/0/000", "tile/entries/000", "tile/1/000.p/1", "tile/0/001.p/*", "tile/entries/001.p/*"]
)
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
def test_a_damaged_file_is_named(record: Record, home: Path, name: str, damage: str) -> None:
    sequence_pending()
    (file,) = (home / "ledger").glob(name)
    data = bytearray(file.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif damage == "cut":
        file.write_bytes(data[:-1])
    else:
        file.unlink()
    report = verify_ledger()
    assert not report.good
    # A flipped byte in an entry shows as a row that differs from its bundle; in a length, as a bundle cut short.
    found = places(report)
    assert name.removesuffix("*") in found or (damage == "flip" and "ledger_entries" in found)


def test_a_checkpoint_that_nobody_signed_is_named(record: Record, home: Path) -> None:
    sequence_pending()
    checkpoint = home / "ledger/checkpoint"
    text = checkpoint.read_text()
    checkpoint.write_text(text.replace(text.split("\n")[1], "9", 1))
    assert "unsigned" in kinds(verify_ledger())


def test_a_forked_past_is_named(record: Record, home: Path) -> None:
    """A remembered checkpoint whose root the present tree does not lead to."""
    from audit import keys
    from audit.ledger.tiles import LedgerFiles
    from audit.notes import Checkpoint, Verifier, note_of

    sequence_pending()
    other = Checkpoint(LedgerFiles().origin(), 10, b"\7" * 32)
    signature = keys.sign(keys.LEDGER, other.text().encode())
    public = keys.public_key(keys.LEDGER, signature.key_id)
    note = note_of(other.text(), Verifier(other.origin, public), bytes.fromhex(signature.value))
    with behind_our_back(home) as database:
        database.execute(
            "INSERT INTO ledger_checkpoints VALUES (10, ?, ?, '2026-01-01 00:00:00')",
            (other.root.hex(), note),
        )
    report = verify_ledger()
    assert "tree of 10" in places(report)
