"""The private page of a person who appears: what was made of them, their yes or no, and the withdrawal."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from audit.models import AuthorityStatus, Effect
from core.database import reading
from delivery.links import make_link
from pipeline.states import State
from review_ui.app import make_app
from review_ui.security import COOKIE
from review_ui.sessions import sign_in
from review_ui.tables import AccountRow
from tests.kit.world import PASSWORD, World


@pytest.fixture
def web(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://localhost", follow_redirects=True) as client:
        yield client


def enter(web: TestClient, account_id: str) -> str:
    """Sign in; the form token."""
    with reading() as session:
        email = session.get_one(AccountRow, account_id).email
    web.cookies.set(COOKIE, sign_in(email, PASSWORD)[0])
    found = re.search(r'name="csrf" value="([^"]+)"', web.get("/account").text)
    assert found
    return found[1]


def says(web: TestClient, path: str) -> str:
    answer = web.get(path)
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_a_persona_begins_at_their_page_and_sees_no_other_room(web: TestClient, world: World):
    enter(web, world.persona_account())
    assert "You appear in no campaign yet." in says(web, "/me")
    for room in ("/", "/campaigns", "/authorities", "/people"):
        assert web.get(room).status_code == 403


def test_nobody_else_has_such_a_page(web: TestClient, world: World):
    for account in (world.operator, world.reviewer, world.legal):
        enter(web, account)
        assert web.get("/me").status_code == 403


def test_what_was_made_and_where_it_went_is_shown_without_anything_of_who_got_it(
    web: TestClient, world: World
):
    out, back = world.released(), world.released()
    make_link(out.id, brand_id=world.brand_id)
    world.recall(back, reason="Asha asked for it.")
    enter(web, world.persona_account())
    page = says(web, "/me")
    assert "Kit" in page and "IN, by link" in page
    detail = says(web, f"/me/campaigns/{out.campaign_id}")
    assert "taken back by its publisher" in detail and "Hello {{ first_name }}" in detail
    assert re.search(rf"{out.id[-8:]} out .* 1 ", detail)
    for text in (page, detail, says(web, f"/me/renders/{out.id}")):
        assert "Asha" not in text
    assert web.get(f"/me/renders/{out.id}/video").status_code == 404


def test_another_personas_campaign_and_video_do_not_exist(web: TestClient, world: World):
    other = world.add_persona()
    render = world.approved(campaign=world.campaign(other))
    csrf = enter(web, world.persona_account())
    assert web.get(f"/me/campaigns/{render.campaign_id}").status_code == 404
    assert web.get(f"/me/renders/{render.id}").status_code == 404
    assert web.get(f"/me/renders/{render.id}/video").status_code == 404
    sent = {"csrf": csrf, "asset": render.sealed_sha256}
    for path in ("approve", "refuse"):
        assert web.post(f"/me/renders/{render.id}/{path}", data=sent).status_code == 404


def test_a_video_that_waits_is_watched_and_approved(web: TestClient, world: World):
    world.supersede(approval_mode="final_cut")
    render = world.approved()
    csrf = enter(web, world.persona_account())
    assert f"/me/renders/{render.id}" in web.get("/me").text
    assert "Hello Asha" in says(web, f"/me/renders/{render.id}")
    assert web.get(f"/me/renders/{render.id}/video").status_code == 200
    answer = web.post(f"/me/renders/{render.id}/approve", data={"csrf": csrf, "asset": render.sealed_sha256})
    assert "Your approval is recorded." in answer.text and "Nothing waits." in answer.text
    assert world.release(render).state == State.RELEASED


def test_a_refusal_ends_the_video(web: TestClient, world: World):
    world.supersede(approval_mode="final_cut")
    render = world.approved()
    csrf = enter(web, world.persona_account())
    sent = {"csrf": csrf, "asset": render.sealed_sha256, "words": "Not like this."}
    assert "will not go out" in web.post(f"/me/renders/{render.id}/refuse", data=sent).text
    assert world.now_is(render).state == State.BLOCKED
    assert web.get(f"/me/renders/{render.id}/video").status_code == 404


def test_a_stale_page_keeps_what_was_typed(web: TestClient, world: World):
    world.supersede(approval_mode="final_cut")
    render = world.approved()
    csrf = enter(web, world.persona_account())
    sent = {"csrf": csrf, "asset": "00" * 32, "words": "Not like this."}
    answer = web.post(f"/me/renders/{render.id}/refuse", data=sent)
    assert answer.status_code == 409 and "Not like this." in answer.text
    assert world.now_is(render).state == State.APPROVED


def test_a_video_is_shown_to_nobody_where_the_authority_does_not_ask(web: TestClient, world: World):
    render = world.approved()
    enter(web, world.persona_account())
    assert "does not wait for your decision" in says(web, f"/me/renders/{render.id}")
    assert web.get(f"/me/renders/{render.id}/video").status_code == 404


@pytest.mark.parametrize("effect", Effect)
def test_a_withdrawal_shows_its_effect_before_it_is_confirmed(web: TestClient, world: World, effect: Effect):
    world.supersede(on_withdrawal=effect)
    out = world.released()
    for _ in range(2):
        make_link(out.id, brand_id=world.brand_id)
    world.to_review()
    csrf = enter(web, world.persona_account())
    page = says(web, "/me/withdraw")
    told = {
        Effect.RECALL: "1 released video is taken back at once, everywhere; 2 links that people have stop working.",
        Effect.STOP: "1 released video gets no new links; 2 links that people have go on until they expire.",
        Effect.NONE: "1 released video stays out; 2 links that people have go on, and new ones can be made.",
    }[effect]
    assert told in page and "1 in the making stops." in page
    assert web.post("/me/withdraw", data={"csrf": csrf, "words": "Enough."}).status_code == 422
    assert world.authority.status is AuthorityStatus.GRANTED
    answer = web.post("/me/withdraw", data={"csrf": csrf, "words": "", "sure": "yes"})
    assert "Your authority is withdrawn." in answer.text
    last = world.authority.history[-1]
    assert (last.status, last.effect) == (AuthorityStatus.REVOKED, effect)


def test_an_account_that_was_taken_out_sees_nothing(web: TestClient, world: World):
    render = world.released()
    enter(web, world.persona_account())
    assert world.persona.name in says(web, "/me")
    world.as_database_owner("UPDATE memberships SET persona_id = NULL")
    for room in ("/me", "/me/withdraw"):
        seen = says(web, room)
        assert world.persona.name not in seen and "This account belongs to no persona" in seen
    assert web.get(f"/me/renders/{render.id}").status_code == 404
