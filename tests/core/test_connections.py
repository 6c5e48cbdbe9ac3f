"""Connections to PostgreSQL: a dead one is replaced, a living one is not asked, and what was prepared stays so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, text

import core.engines
from core.database import engine, reading, transaction
from core.errors import DatabaseBusy
from tests.servers.both import pytest_generate_tests  # noqa: F401
from tests.servers.databases import running

pytestmark = pytest.mark.only("postgresql")


@pytest.fixture
def pings(home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The connections that were asked whether they still are."""
    asked: list[Any] = []
    real = engine().dialect.do_ping
    monkeypatch.setattr(engine().dialect, "do_ping", lambda one: asked.append(one) or real(one))
    yield asked


def number() -> int:
    """Of the connection that is used."""
    with reading() as session:
        return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())


def end(backend: int) -> None:
    """The server ends a connection, as when it is restarted."""
    running().administer(f"SELECT pg_terminate_backend({backend}, 5000)")


def test_one_that_was_just_used_is_not_asked(pings: list[Any]) -> None:
    assert number() == number() and not pings


def test_one_that_the_server_closed_is_replaced_and_nobody_hears_of_it(pings: list[Any]) -> None:
    before = number()
    end(before)
    with transaction() as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1
    assert number() != before and len(pings) == 1


def test_one_that_has_rested_is_asked(pings: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    before = number()
    monkeypatch.setattr(core.engines, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(core.engines, "_has_word", lambda _connection: False)  # a silent network
    assert number() == before and len(pings) == 1
    end(before)
    assert number() != before


def test_one_that_dies_unnoticed_says_so_in_words(pings: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    end(number())
    monkeypatch.setattr(core.engines, "_has_word", lambda _connection: False)
    with pytest.raises(DatabaseBusy):
        number()
    assert number(), "the next one has another"


def test_a_snapshot_leaves_statements_prepared(home: Any) -> None:
    """psycopg forgets them with each rollback."""
    ended: list[str] = []
    for name in ("commit", "rollback"):
        event.listen(engine(), name, lambda _connection, name=name: ended.append(name))
    for _ in range(8):
        number()
    with reading() as session:
        prepared = session.execute(
            text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%pg_backend_pid%'")
        ).scalar_one()
    assert prepared == 1 and set(ended) == {"commit"}
