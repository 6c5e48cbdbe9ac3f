"""HEAD at every address that GET has, generated from the routes: the same status, the same headers, and no body."""

# ruff: noqa: F811 - the fixture of another file is asked for by its name

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from delivery.links import make_link
from greenroom.web import make_app
from review_ui.heads import Heads
from review_ui.security import COOKIE
from review_ui.sessions import sign_in
from tests.kit.fixtures import world  # noqa: F401
from tests.kit.world import PASSWORD, World
from tests.security.routes import every_route, filled

OF_THE_ANSWER = {"x-request-id", "date", "set-cookie"}
"""Headers of one answer: another one has others."""
BESIDE = {"/static/greenroom.css", "/api/openapi.json", "/nowhere"}


@pytest.fixture(scope="module")
def gets() -> list[str]:
    return sorted({path for method, path in every_route() if method == "GET"} | BESIDE)


def same(client: TestClient, address: str) -> int:
    """The status of both."""
    got, asked = client.get(address), client.head(address)
    assert asked.status_code == got.status_code != 405, address
    assert asked.content == b"", address
    headers = [{k: v for k, v in each.headers.items() if k not in OF_THE_ANSWER} for each in (got, asked)]
    lengths = [each.pop("content-length", None) for each in headers]
    assert headers[0] == headers[1], address
    if not address.startswith(
        ("/metrics", "/record")
    ):  # what grows while it is asked for: numbers, who looked
        assert lengths[0] == lengths[1], address
    return got.status_code


def test_every_address_that_get_has_answers_a_stranger(client: TestClient, gets: list[str]):
    assert len(gets) > 20
    for path in gets:
        same(client, filled(path))


def test_every_address_answers_somebody_who_is_signed_in_and_a_link_its_holder(world: World, gets: list[str]):
    from core.database import reading
    from review_ui.tables import AccountRow

    out = world.released()
    token = make_link(out.id, brand_id=world.brand_id)
    with reading() as session:
        email = session.get_one(AccountRow, world.legal).email
    with TestClient(make_app(), base_url="http://localhost", follow_redirects=False) as client:
        client.cookies.set(COOKIE, sign_in(email, PASSWORD)[0])
        ids = {"token": token, "render_id": out.id, "campaign_id": out.campaign_id}
        found = {path: same(client, filled(path, ids)) for path in gets}
    assert found["/v/{token}"] == found["/v/{token}/video.mp4"] == found["/v/{token}/poster.jpg"] == 200
    assert found["/reports"] == found["/"] == found["/renders/{render_id}"] == 200


def test_what_get_does_not_have_head_has_not(client: TestClient):
    assert client.head("/sign-out").status_code == client.get("/sign-out").status_code == 405


def test_a_stream_without_an_end_is_not_run():
    app = FastAPI()

    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield b"more"

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(forever(), media_type="text/event-stream")

    app.add_middleware(Heads)
    answer = TestClient(app).head("/stream")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
