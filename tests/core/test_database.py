"""One transaction: whole or not at all; moments are aware UTC; readers take no lock."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError as DatabaseIntegrityError
from sqlalchemy.exc import OperationalError, StatementError

from core.database import Base, now, reading, transaction
from core.tables import AssetRow, BrandRow


def test_a_transaction_is_whole(home: Path) -> None:
    with transaction() as session:
        session.add(BrandRow(id="b1", name="One"))
    with pytest.raises(RuntimeError), transaction() as session:
        session.add(BrandRow(id="b2", name="Two"))
        session.flush()
        raise RuntimeError
    with reading() as session:
        assert session.scalars(select(BrandRow.id)).all() == ["b1"]


def test_moments_come_back_as_they_went_in(home: Path) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with transaction() as session:
        session.add(BrandRow(id="b1", name="One", created_at=moment))
    with reading() as session:
        stored = session.scalars(select(BrandRow.created_at)).one()
    assert stored == moment
    assert stored.tzinfo is UTC
    assert now().tzinfo is UTC


def test_a_moment_without_a_zone_is_refused(home: Path) -> None:
    with pytest.raises(StatementError, match="without a time zone"), transaction() as session:
        session.add(BrandRow(id="b1", name="One", created_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_foreign_keys_hold(home: Path) -> None:
    with pytest.raises(DatabaseIntegrityError), transaction() as session:
        session.add(
            AssetRow(sha256="0" * 64, brand_id="nobody", render_id="r", role="sealed", essence="e", size=1)
        )


def test_the_pragmas_are_on(home: Path) -> None:
    with transaction() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_writers_take_turns_and_none_is_lost(home: Path) -> None:
    """Read, then write, in eight threads: BEGIN IMMEDIATE makes the read part of the turn."""
    with transaction() as session:
        session.add(BrandRow(id="b", name="0"))

    def add() -> None:
        for _ in range(5):
            with transaction() as session:
                row = session.get_one(BrandRow, "b")
                row.name = str(int(row.name) + 1)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading() as session:
        assert session.get_one(BrandRow, "b").name == "40"


def test_a_reader_sees_one_moment_while_others_write(home: Path) -> None:
    with reading() as session:
        assert session.scalars(select(BrandRow.id)).all() == []
        with transaction() as other:
            other.add(BrandRow(id="b", name="B"))
        assert session.scalars(select(BrandRow.id)).all() == []


def test_every_customer_row_names_its_brand() -> None:
    assert "brand_id" in AssetRow.__table__.columns
    assert {"brands", "assets", "outbox"} <= set(Base.metadata.tables)


def test_a_snapshot_does_not_move_and_nothing_is_written_in_it(home: Path) -> None:
    with transaction() as session:
        session.add(BrandRow(id="brd_1", name="Before"))
    with reading() as session:
        assert session.get_one(BrandRow, "brd_1").name == "Before"
        with transaction() as other:
            other.get_one(BrandRow, "brd_1").name = "After"
        session.expire_all()
        assert session.get_one(BrandRow, "brd_1").name == "Before"
        with pytest.raises(OperationalError, match="readonly"):
            session.execute(update(BrandRow).values(name="Written in a snapshot"))
    with reading() as session:
        assert session.get_one(BrandRow, "brd_1").name == "After"
