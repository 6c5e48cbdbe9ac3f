"""What a link answers: the video for as long as it may be served, then words, and nothing that a cache keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from delivery import links
from pipeline.tables import RenderRow
from review_ui.app import make_app
from review_ui.pages import public
from review_ui.security import COOKIE
from review_ui.serving import GuardedFile
from review_ui.sessions import sign_in
from tests.kit.world import PASSWORD, World

PERSON = "withdrawn by the person who appears in it"
PUBLISHER = "recalled by its publisher"
NOTHING = "There is no video behind this link"


@pytest.fixture
def web(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://localhost", follow_redirects=False) as client:
        yield client


@pytest.fixture
def released(world: World) -> RenderRow:
    return world.released()


@pytest.fixture
def link(world: World, released: RenderRow) -> str:
    token = links.make_link(released.id, brand_id=world.brand_id, made_by=world.operator)
    return f"/v/{token}"


def kept_nowhere(web: TestClient, link: str) -> bool:
    return all(web.get(f"{link}{part}").headers["cache-control"] == "no-store" for part in ("", "/video.mp4"))


def test_a_released_video_is_shown_and_streamed(web: TestClient, link: str):
    assert web.get(link).status_code == 200 and "<video" in web.get(link).text
    whole = web.get(f"{link}/video.mp4")
    part = web.get(f"{link}/video.mp4", headers={"range": "bytes=10-19"})
    assert whole.status_code == 200 and part.status_code == 206 and part.content == whole.content[10:20]
    assert kept_nowhere(web, link)


def test_a_recall_is_told_as_the_publishers(web: TestClient, world: World, released: RenderRow, link: str):
    world.recall(released)
    answer = web.get(link)
    assert answer.status_code == 410 and PUBLISHER in answer.text and "<video" not in answer.text
    assert web.get(f"{link}/video.mp4").status_code == 410
    assert kept_nowhere(web, link)


def test_a_withdrawal_is_told_as_the_persons(web: TestClient, world: World, link: str):
    world.withdraw(effect="recall")
    answer = web.get(link)
    assert answer.status_code == 410 and PERSON in answer.text
    assert web.get(f"{link}/video.mp4").status_code == 410
    assert kept_nowhere(web, link)


@pytest.mark.parametrize("effect", ["stop", "none"])
def test_a_withdrawal_that_lets_videos_stand_leaves_the_link(
    web: TestClient, world: World, link: str, effect: str
):
    world.withdraw(effect=effect)
    assert web.get(link).status_code == 200 and web.get(f"{link}/video.mp4").status_code == 200


@pytest.mark.parametrize("how", ["forged", "revoked", "over", "of no render"])
def test_every_other_link_gets_one_answer(
    web: TestClient, world: World, released: RenderRow, link: str, how: str
):
    if how == "forged":
        link = link[:-2] + ("xx" if link[-2:] != "xx" else "yy")
    elif how == "of no render":
        link = "/v/anything"
    elif how == "over":
        world.tick(24 * 3600 * 400)
    else:
        (row,) = links.list_links(released.id, brand_id=world.brand_id)
        links.revoke_link(row.id, brand_id=world.brand_id, actor_id=world.operator)
    answer = web.get(link)
    assert answer.status_code == 404 and NOTHING in answer.text
    assert web.get(f"{link}/video.mp4").status_code == 404
    assert kept_nowhere(web, link)


def test_a_transfer_asks_again_about_this_very_link(
    world: World, released: RenderRow, link: str, monkeypatch: pytest.MonkeyPatch
):
    response = public.video(Request({"type": "http", "path": link, "headers": []}), link.removeprefix("/v/"))
    assert isinstance(response, GuardedFile) and response._may_serve()
    world.recall(released)
    assert not response._may_serve()


# --- the console's side of links


def operator(web: TestClient, world: World) -> str:
    """The operator signs in; the form token."""
    from core.database import reading
    from review_ui.tables import AccountRow

    with reading() as session:
        email = session.get_one(AccountRow, world.operator).email
    web.cookies.set(COOKIE, sign_in(email, PASSWORD)[0])
    found = re.search(r'name="csrf" value="([^"]+)"', web.get("/").text)
    assert found
    return found[1]


def test_looking_makes_no_link_and_the_form_makes_one_that_can_be_revoked(
    web: TestClient, world: World, released: RenderRow
):
    csrf, page = operator(web, world), f"/renders/{released.id}"
    assert "Nobody has a link yet" in web.get(page).text
    assert links.list_links(released.id, brand_id=world.brand_id) == []
    assert web.post(f"{page}/links", data={"csrf": csrf}).status_code == 303
    (row,) = links.list_links(released.id, brand_id=world.brand_id)
    assert row.made_by == world.operator
    address = f"/v/{links.token_of(row)}"
    assert address in web.get(page).text and web.get(address).status_code == 200
    assert web.post(f"{page}/links/{row.id}/revoke", data={"csrf": csrf}).status_code == 303
    assert web.get(address).status_code == 404
    assert address not in web.get(page).text and "revoked" in web.get(page).text


def test_an_approved_video_is_taken_back_before_it_is_released(web: TestClient, world: World):
    csrf, row = operator(web, world), world.approved()
    assert "Take it back instead" in web.get(f"/renders/{row.id}").text
    asked = {"csrf": csrf, "why": "A mistake."}
    refused = web.post(f"/renders/{row.id}/recall", data=asked)
    assert refused.status_code == 422 and "not confirmed" in refused.text
    assert '<details class="act" open>' in refused.text and 'value="A mistake."' in refused.text
    assert web.post(f"/renders/{row.id}/recall", data=asked | {"sure": "yes"}).status_code == 303
    text = web.get(f"/renders/{row.id}").text
    assert "Recalled by its publisher." in text and "A mistake." in text
    assert web.post(f"/renders/{row.id}/release", data={"csrf": csrf}).status_code == 409


def test_no_new_link_under_a_suspended_authority_and_the_page_says_so(
    web: TestClient, world: World, released: RenderRow
):
    csrf = operator(web, world)
    world.withdraw(status="suspended")
    text = web.get(f"/renders/{released.id}").text
    assert "no new links" in text and "suspended" in text and "Make a link" not in text
    assert web.post(f"/renders/{released.id}/links", data={"csrf": csrf}).status_code == 409
