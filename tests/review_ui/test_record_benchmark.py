"""The benchmark of the record's search, at a size that a test can afford: it makes its home, and every page answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import record_search
from core.settings import get_settings


@pytest.fixture
def own_database() -> Iterator[None]:
    """The benchmark points this process's settings at a database of its own."""
    yield
    get_settings.cache_clear()


@pytest.mark.only("sqlite")
def test_every_kind_of_page_is_measured(own_database: None):
    found = record_search.run(rows=2_000, each=1, databases=("sqlite",))
    assert set(record_search.GOAL) - set(found) == {"p95_ms_postgresql"}
    assert (found["rows"], found["entries"]) == (2_000, 10_000)
    assert len(found["pages_ms"]["sqlite"]) == found["n"]["sqlite"] == 22
