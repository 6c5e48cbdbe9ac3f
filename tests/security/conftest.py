"""The fixtures of the web's tests, with the application as the web process serves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from greenroom.web import make_app
from tests.review_ui.authenticator import ORIGIN
from tests.review_ui.conftest import (  # noqa: F401
    _nobody_has_tried_before,
    account,
    brand,
    make_render,
    new_account,
    signed,
)


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    """A stranger's browser."""
    with TestClient(make_app(), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


@pytest.fixture(autouse=True)
def _streams_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that go on while somebody listens are one event here."""
    monkeypatch.setattr("review_ui.live.LASTS", 0.0)
