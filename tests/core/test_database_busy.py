"""Waiting for SQLite's write lock ends, in words; whoever only reads never waits; None is NULL in JSON too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Integer, MetaData, Table, func, select, table
from sqlalchemy.exc import OperationalError

import core.database
import core.engines
from core.database import Base, engine, reading, transaction
from core.errors import DatabaseBusy
from core.heartbeat import beat, beating
from core.tables import BrandRow
from tests.conftest import import_tables

FACTS = Base.type_annotation_map[dict[str, Any]]


@pytest.fixture
def impatient(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose lock nobody waits for longer than a moment."""
    monkeypatch.setattr(core.engines, "BUSY_SECONDS", 0.1)
    core.database._engine_for.cache_clear()
    return home


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Another connection holds the write lock, as another process would."""
    other = sqlite3.connect(home / "greenroom.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM brands")
        yield
    finally:
        other.close()


def test_the_wait_for_the_write_lock_ends_in_words(impatient: Path) -> None:
    with locked(impatient), pytest.raises(DatabaseBusy) as caught, transaction() as session:
        session.add(BrandRow(id="b", name="B"))
    assert str(caught.value) == (
        "the database was locked by another process for 0.1 seconds. Where: GREENROOM_DATABASE_URL. "
        "Next: try again; if it stays so, find the process that holds the lock and end it."
    )
    assert (caught.value.code, caught.value.http_status, caught.value.retryable) == (
        "database_busy",
        503,
        True,
    )
    with transaction() as session:
        session.add(BrandRow(id="b", name="B"))  # nothing is left of the try that failed


def test_it_says_the_same_wherever_the_lock_is_waited_for(impatient: Path) -> None:
    with locked(impatient), pytest.raises(DatabaseBusy), engine().begin():
        pass


def test_whoever_reads_does_not_wait(impatient: Path) -> None:
    with locked(impatient), reading() as session:
        assert session.scalars(select(BrandRow.id)).all() == []


def test_other_errors_stay_what_they_are(impatient: Path) -> None:
    with pytest.raises(OperationalError, match="no such table"), transaction() as session:
        session.execute(select(func.count()).select_from(table("absent")))


def test_none_in_a_json_column_is_null() -> None:
    """`IS NULL` finds it: the JSON value null is another thing, and a query for rows without a reason missed it."""
    import_tables()
    columns = [
        column
        for known in Base.metadata.tables.values()
        for column in known.columns
        if isinstance(column.type, JSON)
    ]
    assert columns
    assert [str(column) for column in columns if not column.type.none_as_null] == []


def test_a_row_that_was_given_none_is_found_by_is_null(home: Path) -> None:
    facts = Table("facts", MetaData(), Column("id", Integer, primary_key=True), Column("facts", FACTS))
    with transaction() as session:
        facts.create(session.connection())
        session.execute(facts.insert(), [{"id": 1, "facts": None}, {"id": 2, "facts": {}}])
        assert session.scalars(select(facts.c.id).where(facts.c.facts.is_(None))).all() == [1]


def test_a_beat_that_writes_does_not_wait_for_our_own_transaction(impatient: Path) -> None:
    def renew() -> None:
        with transaction() as other:
            other.add(BrandRow(id="renewed", name="B"))

    with beating(renew):
        with transaction() as session:
            session.add(BrandRow(id="b", name="B"))
            beat()  # a digest inside a transaction, say
        beat()
    with reading() as session:
        assert sorted(session.scalars(select(BrandRow.id))) == ["b", "renewed"]
