"""What a link answers: the video for as long as it may be served, then words, and nothing that a cache keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic

import pytest
from anyio import CapacityLimiter
from fastapi import Request
from fastapi.testclient import TestClient
from limits import RateLimitItemPerHour

import pipeline.standing
from core.errors import BlobStoreUnavailable
from delivery import links, reports
from delivery.brand_page import words_of
from pipeline.brands import create_brand
from pipeline.tables import RenderRow
from review_ui import rates
from review_ui.app import make_app
from review_ui.memberships import join_brand, work_at
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


def test_a_store_that_is_away_is_no_video_that_is_gone(
    web: TestClient, world: World, link: str, monkeypatch: pytest.MonkeyPatch
):
    def away(*_asked: object) -> None:
        raise BlobStoreUnavailable("it does not answer", next_step="try again in a moment")

    monkeypatch.setattr(pipeline.standing, "_is_there", away)
    for path in (link, f"{link}/video.mp4", f"{link}/captions.vtt"):
        answer = web.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert NOTHING not in answer.text and "no-store" in answer.headers["cache-control"]


def test_a_transfer_asks_again_about_this_very_link(
    world: World, released: RenderRow, link: str, monkeypatch: pytest.MonkeyPatch
):
    response = public.video(Request({"type": "http", "path": link, "headers": []}), link.removeprefix("/v/"))
    assert isinstance(response, GuardedFile) and response._may_serve()
    world.recall(released)
    assert not response._may_serve()


def test_posters_take_no_thread_of_the_other_pages_and_say_at_once_that_they_are_busy(
    web: TestClient, link: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(public, "_POSTERS", CapacityLimiter(1))
    begun, goes_on = Event(), Event()

    def slow(_token: str) -> bytes:
        begun.set()
        assert goes_on.wait(10)
        return b"jpeg"

    monkeypatch.setattr(public, "poster", slow)
    monkeypatch.setattr(public, "kept_poster", lambda _token: None)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(web.get, f"{link}/poster.jpg")
        assert begun.wait(10)
        began = monotonic()
        second = web.get(f"{link}/poster.jpg")
        took = monotonic() - began
        goes_on.set()
        assert (first.result().status_code, second.status_code) == (200, 503) and took < 2
    assert web.get(f"{link}/poster.jpg").status_code == 200


# --- reports


def test_a_report_that_comes_too_often_keeps_its_words_and_says_when(
    web: TestClient, world: World, link: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rates, "REPORTS", RateLimitItemPerHour(1, namespace="reports"))
    slip = web.post(f"{link}/report", data={"words": "That is me."})
    assert slip.status_code == 422 and "That is me." in slip.text  # not counted
    said = {"kind": "not_me", "words": "That is me.", "contact": "me@home.example"}
    assert web.post(f"{link}/report", data=said).status_code == 200
    again = web.post(f"{link}/report", data=said)
    assert again.status_code == 429 and int(again.headers["retry-after"]) > 0
    assert "That is me." in again.text and "me@home.example" in again.text
    assert len(reports.list_cases(world.brand_id).open) == 1


def test_an_answer_that_is_refused_comes_back_as_it_was_typed(web: TestClient, world: World, link: str):
    csrf = signed_in(web, world.legal)
    reports.report(link.removeprefix("/v/"), "other")
    (case,) = reports.list_cases(world.brand_id).open
    typed = {"csrf": csrf, "outcome": "right", "answer": "Looked at." + "x" * 2000}
    answer = web.post(f"/reports/{case.id}/close", data=typed)
    assert answer.status_code == 422 and typed["answer"] in answer.text and "longer than 2000" in answer.text
    typed["answer"] = "a\r\n" * 1000
    assert web.post(f"/reports/{case.id}/close", data=typed).status_code == 303


def test_whoever_works_the_cases_sees_on_every_page_how_many_are_open(
    web: TestClient, world: World, link: str
):
    def told() -> str | None:
        found = re.search(r'Reports <span class="count">(\d+)<span class="aside"> open<', web.get("/").text)
        return found and found[1]

    csrf = signed_in(web, world.legal)
    assert told() is None
    for kind in ("other", "not_me"):
        reports.report(link.removeprefix("/v/"), kind)
    assert told() == "2"
    case = reports.list_cases(world.brand_id).open[0]
    web.post(f"/reports/{case.id}/close", data={"csrf": csrf, "outcome": "right", "answer": "Recalled."})
    assert told() == "1" and reports.number_open(create_brand("Another brand").id) == 0
    signed_in(web, world.reviewer)
    assert "/reports" not in web.get("/").text


# --- the brand's words


def test_words_typed_for_another_brand_are_not_said_and_come_back(web: TestClient, world: World):
    csrf = signed_in(web, world.operator)
    other = create_brand("Another brand")
    join_brand(world.operator, other.id)
    work_at(world.operator, other.id)  # in another window
    said = {"csrf": csrf, "words": "Fresh tea.", "at_brand": world.brand_id}
    answer = web.post("/brand-page", data=said)
    assert answer.status_code == 409 and "another brand" in answer.text and "Fresh tea." in answer.text
    assert words_of(other.id) == words_of(world.brand_id) == ""
    assert web.post("/brand-page", data={"csrf": csrf, "words": "x"}).status_code == 409
    work_at(world.operator, world.brand_id)
    assert web.post("/brand-page", data=said).status_code == 303 and words_of(world.brand_id) == "Fresh tea."


def test_words_that_are_too_long_come_back(web: TestClient, world: World):
    said = {"csrf": signed_in(web, world.operator), "at_brand": world.brand_id, "words": "tea " * 200}
    answer = web.post("/brand-page", data=said)
    assert answer.status_code == 422 and said["words"] in answer.text
    said["words"] = "a\r\n" * 250
    assert web.post("/brand-page", data=said).status_code == 303


# --- the console's side of links


def operator(web: TestClient, world: World) -> str:
    return signed_in(web, world.operator)


def signed_in(web: TestClient, account_id: str) -> str:
    """Sign this account in; the form token."""
    from core.database import reading
    from review_ui.tables import AccountRow

    with reading() as session:
        email = session.get_one(AccountRow, account_id).email
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
