"""``/ready`` says by code what is missing, to anybody, without saying anything else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from audit import keys
from core.settings import get_settings
from review_ui import health
from review_ui.health import NotReady, Readiness, health_routes

SECRET = "a-made-up-password"


@pytest.fixture
def schema() -> list[Exception]:
    """What the database answers: the exception in the list, or that all is well."""
    return []


@pytest.fixture
def client(home: Path, schema: list[Exception], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(health, "KEPT_SECONDS", dict.fromkeys(health.KEPT_SECONDS, 0.0))
    keys.sign(keys.APPROVALS, b"the first decision")

    def ask() -> None:
        for error in schema:
            raise error

    app = FastAPI()
    app.include_router(health_routes(ask))
    with TestClient(app) as client:
        yield client


def codes(client: TestClient) -> list[str]:
    answer = client.get("/ready")
    found: list[str] = answer.json()["codes"]
    assert answer.json() == {"ready": not found, "codes": found}
    assert answer.status_code == (503 if found else 200)
    assert answer.headers["cache-control"] == "no-store"
    assert SECRET not in answer.text and "/" not in "".join(found)
    return found


def test_an_installation_that_has_everything_is_ready(client: TestClient) -> None:
    assert codes(client) == []
    assert client.get("/health").json() == {"alive": True}


def test_a_database_that_is_away_or_behind_is_said_by_code_alone(
    client: TestClient, schema: list[Exception]
) -> None:
    schema[:] = [NotReady("database_behind")]
    assert codes(client) == ["database_behind"]
    schema[:] = [ConnectionError(f"postgresql://greenroom_app:{SECRET}@db.example/greenroom")]
    assert codes(client) == ["database_away"]
    assert client.get("/health").status_code == 200, "it lives: a restart would not bring the database back"
    schema.clear()
    assert codes(client) == []


def test_a_blob_store_that_does_not_answer(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise OSError(f"s3://{SECRET}")

    monkeypatch.setattr(health, "blobs", away)
    assert codes(client) == ["blobs_away"]


def test_a_decisions_key_that_others_can_read(client: TestClient, home: Path) -> None:
    for path in (home / "keys" / "approvals").glob("*.pem"):
        path.chmod(0o644)
    assert codes(client) == ["keys_unusable"]


def test_a_master_secret_that_is_damaged(client: TestClient, home: Path) -> None:
    assert codes(client) == []
    (home / "keys" / "master-secret").write_bytes(b"short")
    assert codes(client) == ["keys_unusable"]


def test_in_production_the_decisions_key_is_there_before_the_first_decision(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several web processes none makes it by itself."""
    monkeypatch.setattr(health, "derived_key", lambda _purpose: b"")
    health._keys()
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "production")
    get_settings.cache_clear()
    with pytest.raises(NotReady) as missing:
        health._keys()
    assert missing.value.code == "approvals_key_missing"
    assert keys.known_key_id(keys.APPROVALS) is None, "asking makes none"


def test_asking_often_asks_the_others_once_in_a_while() -> None:
    asked = []
    readiness = Readiness(
        {"database": lambda: asked.append("database"), "keys": lambda: asked.append("keys")}
    )
    for _ in range(100):
        assert readiness.codes() == []
    assert asked == ["database", "keys"]
