"""A refusal signs nobody out and leads on; a lost session comes back to the page that it was lost on."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from pipeline.tables import RenderRow
from review_ui.tables import AccountRow
from tests.review_ui.conftest import SEALED, MakeRender

SignIn = Callable[[AccountRow], str]


@pytest.fixture
def render(make_render: MakeRender) -> RenderRow:
    return make_render()


@pytest.mark.parametrize(
    "address", ["/renders/rnd_nothing", "/nowhere", "/?view=none", "/?cursor=x", "/find?q=x"]
)
def test_an_error_page_looks_signed_in_to_who_is(
    client: TestClient, account: AccountRow, signed: SignIn, address: str
):
    signed(account)
    answer = client.get(address)
    assert answer.status_code in (400, 404, 422)
    assert account.email in answer.text and 'action="/sign-out"' in answer.text
    assert '<a href="/">The queue</a>' in answer.text and "Sign in" not in answer.text


def test_to_a_stranger_it_offers_what_strangers_may(client: TestClient, home: object):
    answer = client.get("/nowhere")
    assert answer.status_code == 404 and 'href="/sign-in"' in answer.text and "sign-out" not in answer.text


def test_what_is_refused_on_a_render_leads_back_to_it(
    client: TestClient, account: AccountRow, signed: SignIn, render: RenderRow
):
    signed(account)
    answer = client.post(
        f"/renders/{render.id}/approve", data={"csrf": "of another session", "asset": SEALED}
    )
    assert answer.status_code == 403 and f'href="/renders/{render.id}"' in answer.text


def test_a_session_that_is_lost_at_a_decision_comes_back_to_the_video(client: TestClient, render: RenderRow):
    answer = client.post(f"/renders/{render.id}/approve", data={"asset": SEALED, "note": "Typed with care."})
    assert answer.headers["location"] == f"/sign-in?next=/renders/{render.id}"


def test_a_filtered_queue_comes_back_with_its_filter(client: TestClient, home: object):
    asked = "/?view=released&campaign=cmp_1"
    location = client.get(asked).headers["location"]
    assert parse_qs(urlsplit(location).query)["next"] == [asked]
