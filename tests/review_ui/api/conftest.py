"""The API's callers: a program with a key of the world's operator, or of anybody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.database import reading
from review_ui.api import carrying
from review_ui.api_keys import KEY_RIGHTS, make_key
from review_ui.app import make_app
from review_ui.roles import RIGHTS
from review_ui.tables import AccountRow
from tests.kit.world import World
from tests.review_ui.authenticator import ORIGIN

V1 = "/api/v1"


class Program:
    """A program with one key. ``key``: of an idempotent POST."""

    def __init__(self, client: TestClient, token: str):
        self.client, self.token = client, token

    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(V1 + path, params=params, headers=self._headers())

    def post(self, path: str, json: Any = None, *, key: str = "", **more: Any) -> Any:
        headers = self._headers() | more.pop("headers", {})
        if key:
            headers["idempotency-key"] = key
        return self.client.post(V1 + path, json=json, headers=headers, **more)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@pytest.fixture
def web(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(carrying, "LOOK_SECONDS", 3600.0)  # a job that a test leaves is the test's own
    with TestClient(make_app(), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


@pytest.fixture
def program(world: World, web: TestClient) -> Callable[..., Program]:
    """``program(world.reviewer)``: with every right of the account that a key can have, unless some are named."""

    def make(account_id: str = "", *rights: str) -> Program:
        with reading() as session:
            account = session.get_one(AccountRow, account_id or world.operator)
        usual = [right for right in KEY_RIGHTS if right in RIGHTS[account.role]]
        _, token = make_key(account, name="a program", rights=rights or usual)
        return Program(web, token)

    return make


@pytest.fixture
def api(program: Callable[..., Program]) -> Program:
    """The operator's program."""
    return program()
