"""The room of authorities: legal suspends, lifts and withdraws with an effect, and everybody reads what it means."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from audit.models import AuthorityStatus, Effect
from core.database import reading
from delivery.links import list_links, make_link, revoke_link
from delivery.withdrawal import on_authority_changed
from review_ui.app import make_app
from review_ui.authorities import EFFECTS, reaches
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
    found = re.search(r'name="csrf" value="([^"]+)"', web.get("/authorities").text)
    assert found
    return found[1]


def test_everybody_looks_and_legal_acts(web: TestClient, world: World):
    enter(web, world.reviewer)
    text = web.get("/authorities").text
    assert world.authority.id in text and "in force" in text and "/withdraw" not in text
    enter(web, world.legal)
    assert "/withdraw" in web.get("/authorities").text


@pytest.mark.parametrize("path", ["suspend", "resume", "withdraw"])
def test_a_role_without_the_right_changes_nothing(web: TestClient, world: World, path: str):
    csrf = enter(web, world.reviewer)
    sent = {"csrf": csrf, "reason": "No.", "effect": "recall", "sure": "yes"}
    assert web.post(f"/authorities/{world.authority.id}/{path}", data=sent).status_code == 403
    assert world.authority.status is AuthorityStatus.GRANTED


def test_another_brands_authority_does_not_exist(web: TestClient, world: World):
    from pipeline.service import create_brand
    from tests.kit.authorities import make_persona

    other = make_persona(world.home, create_brand("Another brand").id, world.operator, "provenance", {})
    csrf = enter(web, world.legal)
    assert other.authority_id not in web.get("/authorities").text
    sent = {"csrf": csrf, "reason": "No.", "effect": "recall", "sure": "yes"}
    assert web.post(f"/authorities/{other.authority_id}/withdraw", data=sent).status_code == 404


def test_the_effect_is_chosen_where_the_withdrawal_is_made_and_the_records_own_is_preselected(
    web: TestClient, world: World
):
    world.supersede(on_withdrawal="recall")
    enter(web, world.legal)
    text = web.get(f"/authorities/{world.authority.id}/withdraw").text
    assert all(words in text for words in EFFECTS.values())
    assert re.search(r'value="recall" required checked', text)
    assert not re.search(r'value="(stop|none)" required checked', text)


def test_what_each_effect_would_do_is_shown_before_one_is_confirmed(web: TestClient, world: World):
    out = world.released()
    for _ in range(3):
        make_link(out.id, brand_id=world.brand_id)
    revoke_link(
        list_links(out.id, brand_id=world.brand_id)[0].id, brand_id=world.brand_id, actor_id=world.legal
    )
    world.to_review()
    csrf = enter(web, world.legal)
    at = f"/authorities/{world.authority.id}/withdraw"
    text = web.get(at).text
    for words in (
        "1 released video is taken back at once, everywhere; 2 links that people have stop working.",
        "1 released video gets no new links; 2 links that people have go on until they expire.",
        "1 released video stays out; 2 links that people have go on, and new ones can be made.",
        "1 in the making stops.",
    ):
        assert words in text
    answer = web.post(at, data={"csrf": csrf, "reason": "Kept words.", "effect": "recall"})
    assert answer.status_code == 422 and "Kept words." in answer.text
    assert re.search(r'value="recall" required checked', answer.text)
    assert world.authority.status is AuthorityStatus.GRANTED


@pytest.mark.parametrize("effect", Effect)
def test_a_withdrawal_says_what_follows(web: TestClient, world: World, effect: Effect):
    for _ in range(2):
        world.released()
    world.to_review()
    csrf = enter(web, world.legal)
    sent = {"csrf": csrf, "reason": "The person asked for it.", "effect": effect.value, "sure": "yes"}
    says = {
        Effect.RECALL: "2 released videos are taken back, 1 in the making stops.",
        Effect.STOP: "2 released videos stay until the links expire, 1 in the making stops.",
        Effect.NONE: "2 released videos stay, 1 in the making stops.",
    }[effect]
    answer = web.post(f"/authorities/{world.authority.id}/withdraw", data=sent)
    assert answer.status_code == 200 and says in answer.text and "withdrawn" in answer.text
    last = world.authority.history[-1]
    assert (last.status, last.effect, last.actor) == (AuthorityStatus.REVOKED, effect, world.legal)
    on_authority_changed({"authority_id": world.authority.id})  # the rows follow, the sentence stays
    assert says in web.get(f"/authorities?done={world.authority.id}").text
    assert "/withdraw" not in web.get("/authorities").text


def test_a_suspension_is_lifted(web: TestClient, world: World):
    world.released()
    csrf = enter(web, world.legal)
    at = f"/authorities/{world.authority.id}"
    answer = web.post(f"{at}/suspend", data={"csrf": csrf, "reason": "A question."})
    assert "suspended" in answer.text and "there are no new ones" in answer.text
    assert "1 released video" in answer.text
    answer = web.post(f"{at}/resume", data={"csrf": csrf, "reason": "It was answered."})
    assert "in force" in answer.text
    assert world.authority.status is AuthorityStatus.GRANTED


@pytest.mark.parametrize("path", ["suspend", "withdraw"])
def test_a_change_needs_a_reason(web: TestClient, world: World, path: str):
    csrf = enter(web, world.legal)
    sent = {"csrf": csrf, "reason": " ", "effect": "stop", "sure": "yes"}
    assert web.post(f"/authorities/{world.authority.id}/{path}", data=sent).status_code == 422
    assert world.authority.status is AuthorityStatus.GRANTED


@pytest.mark.parametrize("effect", ["", "everything"])
def test_a_withdrawal_without_a_known_effect_is_refused(web: TestClient, world: World, effect: str):
    csrf = enter(web, world.legal)
    sent = {"csrf": csrf, "reason": "No.", "effect": effect}
    assert web.post(f"/authorities/{world.authority.id}/withdraw", data=sent).status_code == 422
    assert world.authority.status is AuthorityStatus.GRANTED


def test_a_record_that_was_changed_behind_our_back_is_said_to_be_broken(web: TestClient, world: World):
    enter(web, world.legal)
    assert world.as_database_owner("UPDATE authority_status SET status = 'revoked'") >= 1
    text = web.get("/authorities").text
    assert "does not verify" in text and "Nothing is made, approved, released or served under it." in text


def test_an_authority_that_has_ended_by_its_date_says_so(web: TestClient, world: World):
    world.add_persona("consent")
    world.tick(24 * 3600 * 4000)
    enter(web, world.legal)
    assert "ended" in web.get("/authorities").text


def test_the_numbers_are_of_this_record_alone(world: World):
    world.released()
    other = world.add_persona()
    world.render(campaign=world.campaign(other))
    world.supersede()
    with reading() as session:
        authorities = world.authority, world.authority_of(other)
        found = reaches(session, authorities)
        first, second = (found[authority.document.record_id] for authority in authorities)
    assert (first.released, first.open) == (1, 0)
    assert (second.released, second.open) == (0, 1)
