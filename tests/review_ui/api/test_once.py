"""Idempotency-Key: the same request again is answered as the first time, on every POST, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from core.database import now, reading, transaction
from pipeline.service import list_campaigns
from pipeline.tables import RenderRow
from review_ui.api import once
from review_ui.api.tables import KeptAnswerRow
from review_ui.sessions import forget_expired
from tests.kit.world import ASHA, World
from tests.review_ui.api.conftest import Program
from tests.review_ui.api.test_resources import CAMPAIGN

OTHER = {"first_name": "Ben", "remark": "Thanks."}


def renders() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(RenderRow)) or 0


@pytest.fixture
def place(world: World) -> str:
    return f"/campaigns/{world.campaign().id}/renders"


def test_the_same_again_is_answered_as_the_first_time(api: Program, place: str):
    first = api.post(place, {"fields": ASHA}, key="order-1")
    again = api.post(place, {"fields": ASHA}, key="order-1")
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    assert renders() == 1
    assert api.post(place, {"fields": ASHA}).json() != first.json() and renders() == 2, (
        "without a key it is asked anew"
    )


def test_another_request_under_the_key_is_refused(api: Program, place: str, world: World):
    api.post(place, {"fields": ASHA}, key="order-1")
    for path, body in (
        (place, {"fields": OTHER}),
        (f"/campaigns/{world.campaign().id}/renders", {"fields": ASHA}),
    ):
        refused = api.post(path, body, key="order-1")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "request_key_reused")
    assert renders() == 1


def test_a_key_is_its_callers_own(program: Callable[..., Program], place: str, world: World):
    program().post(place, {"fields": ASHA}, key="order-1")
    other = program(world.legal, "release")
    assert other.post("/renders/rnd_1/recall", {"reason": "x"}, key="order-1").status_code == 404


def test_what_was_refused_leaves_its_key_free(api: Program, place: str):
    assert api.post(place, {"fields": {}}, key="order-1").status_code == 422
    assert api.post(place, {"fields": ASHA}, key="order-1").status_code == 201


def test_of_two_at_once_one_does_it(api: Program, place: str, monkeypatch: pytest.MonkeyPatch):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: api.post(place, {"fields": ASHA}, key="order-1"), range(4)))
    assert renders() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} <= {
        "request_in_hand"
    }


def test_a_process_that_was_killed_leaves_its_request_to_the_next_one(api: Program, place: str):
    api.post(place, {"fields": ASHA}, key="order-1")
    with transaction() as session:
        session.execute(update(KeptAnswerRow).values(status=None, answer=None))
    assert api.post(place, {"fields": ASHA}, key="order-1").json()["error"]["code"] == "request_in_hand"
    with transaction() as session:
        session.execute(update(KeptAnswerRow).values(began_at=now() - once.IN_HAND - timedelta(seconds=1)))
    assert api.post(place, {"fields": ASHA}, key="order-1").status_code == 201


def test_it_is_remembered_for_a_day_and_then_forgotten(api: Program, place: str):
    api.post(place, {"fields": ASHA}, key="order-1")
    with transaction() as session:
        kept = session.scalars(select(KeptAnswerRow)).one()
        assert kept.expires_at - kept.began_at == once.KEPT == timedelta(hours=24)
        kept.expires_at = now() - timedelta(seconds=1)
    assert api.post(place, {"fields": ASHA}, key="order-1").headers.get("idempotency-replayed") is None
    with transaction() as session:
        session.execute(update(KeptAnswerRow).values(expires_at=now()))
    forget_expired()
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(KeptAnswerRow)) == 0


def test_a_brand_has_so_many_keys_a_day(api: Program, place: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(once, "MOST_KEPT", 1)
    assert api.post(place, {"fields": ASHA}, key="order-1").status_code == 201
    full = api.post(place, {"fields": ASHA}, key="order-2")
    assert full.status_code == 429 and full.headers["retry-after"]
    assert api.post(place, {"fields": ASHA}, key="order-1").status_code == 201


@pytest.mark.parametrize("key", ["a b", "x" * 201, "\t"])
def test_what_is_no_key_is_refused(api: Program, place: str, key: str):
    assert api.post(place, {"fields": ASHA}, key=key).status_code == 422
    assert renders() == 0


def test_neither_the_key_nor_the_answer_can_be_read_in_the_database(world: World, api: Program):
    render = world.released()
    link = api.post(f"/renders/{render.id}/links", {}, key="order-for-asha").json()["address"]
    with reading() as session:
        row = session.scalars(select(KeptAnswerRow)).one()
        kept = str([row.id, row.request_sha256, row.answer])
    assert "order-for-asha" not in kept and link.rpartition("/")[2] not in kept
    with transaction() as session:
        session.execute(update(KeptAnswerRow).values(status=202))
    changed = api.post(f"/renders/{render.id}/links", {}, key="order-for-asha")
    assert changed.status_code == 500 and changed.json()["error"]["code"] == "integrity"


def test_every_post_takes_a_key_and_says_so(web: TestClient):
    for path, methods in web.get("/api/openapi.json").json()["paths"].items():
        if "post" in methods:
            named = {one["name"].lower() for one in methods["post"].get("parameters", [])}
            assert "idempotency-key" in named, path


def test_a_campaign_is_made_once(world: World, api: Program):
    body = CAMPAIGN | {"persona": world.persona.id}
    made = {api.post("/campaigns", body, key="spring").json()["campaign"] for _ in range(2)}
    assert len(made) == len(list_campaigns(brand_id=world.brand_id)) == 1
