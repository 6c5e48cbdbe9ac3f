"""Where the database stands next to the code: behind stops a process, ahead does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from core.database import engine
from core.settings import get_settings
from greenroom.database import migrate
from greenroom.schema import standing
from greenroom.web import _check_tables
from review_ui.health import NotReady


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield
    engine().dispose()
    get_settings.cache_clear()


def put_at(version: str) -> None:
    with engine().begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def test_each_standing(empty: None) -> None:
    assert standing() == "empty"
    migrate()
    assert standing() == "current"
    put_at("0001")
    assert standing() == "behind"
    put_at("9999")
    assert standing() == "ahead"


def test_a_web_takes_no_request_on_older_tables_and_every_request_on_newer_ones(empty: None) -> None:
    with pytest.raises(NotReady) as behind:
        _check_tables()
    assert behind.value.code == "database_behind"
    migrate()
    _check_tables()
    put_at("9999")
    _check_tables()
