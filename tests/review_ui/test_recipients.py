"""A batch of recipients over the API: rows in, a report out; what is too much is refused before it is read."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

import review_ui.api.campaigns
from core.database import reading
from pipeline.tables import RenderRow
from review_ui.app import make_app
from review_ui.bodies import FORM_BYTES
from review_ui.rates import forget_all
from tests.kit.world import PASSWORD, World
from tests.review_ui.authenticator import ORIGIN

CSV = b"first_name,remark\nAsha,Thank you.\nBen,This tea is guaranteed to cure any cold.\nCara\n"


@pytest.fixture
def send(world: World) -> Any:
    from review_ui.tables import AccountRow

    with reading() as session:
        email = session.get_one(AccountRow, world.operator).email
    campaign = world.campaign().id

    def post(body: bytes, kind: str = "text/csv", to: str = campaign, **query: Any) -> Any:
        forget_all()
        with TestClient(make_app(), base_url=ORIGIN) as client:
            return client.post(
                f"/api/v1/campaigns/{to}/recipients",
                params={"key": "spring"} | query,
                content=body,
                headers={"content-type": kind},
                auth=(email, PASSWORD),
            )

    return post


def renders() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(RenderRow)) or 0


def test_rows_in_a_report_out_and_nothing_twice(send: Any):
    report = send(CSV).json()
    assert (report["rows"], report["made"], report["blocked"], report["refused"]) == (3, 1, 1, 1)
    assert report["errors"][0]["row"] == 3 and "Cara" not in str(report)
    again = send(CSV).json()
    assert (again["known"], again["made"], renders()) == (2, 0, 2)
    part = send(b'{"first_name": "Dan", "remark": "Thanks."}\n', "application/x-ndjson", first=4).json()
    assert (part["made"], renders()) == (1, 3)


def test_what_cannot_be_used_is_an_error_in_the_one_shape(send: Any, monkeypatch: pytest.MonkeyPatch):
    assert send(CSV, to="cmp_of_another_brand").status_code == 404
    assert send(CSV, "image/png").status_code == 422
    assert send(CSV, key="a b").json()["error"]["code"] == "batch_key"
    assert send(b"\xff\n").json()["error"]["code"] == "recipients_unusable"
    large = b"first_name,remark\nAsha," + b"x" * (FORM_BYTES + 1) + b"\n"
    assert send(large).status_code != 413, "more than a form may hold, and no batch's limit"
    monkeypatch.setattr(review_ui.api.campaigns, "BATCH_ROWS", 2)
    assert send(CSV + b"Dan,Thanks.\n").status_code == 413
    assert renders() == 0
