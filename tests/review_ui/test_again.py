"""From a video that stopped to the one in its place, and a whole cause tried again: on the pages and by the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from pipeline.states import State
from review_ui.app import make_app
from review_ui.security import COOKIE
from review_ui.sessions import sign_in, signed_in
from review_ui.tables import AccountRow
from tests.kit.world import ASHA, BREAKS_A_RULE, PASSWORD, World
from tests.pipeline.test_again import failed
from tests.review_ui.authenticator import ORIGIN

Post = Callable[..., str]


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url=ORIGIN, follow_redirects=True) as client:
        yield client


def email_of(account_id: str) -> str:
    from core.database import reading

    with reading() as session:
        return session.get_one(AccountRow, account_id).email


def enter(client: TestClient, account_id: str) -> str:
    """Sign in; the token of the session's forms."""
    token, _ = sign_in(email_of(account_id), PASSWORD)
    client.cookies.set(COOKIE, token)
    found = signed_in(token)
    assert found is not None
    return found[1].csrf


def test_an_operator_edits_what_was_blocked_and_finds_both(client: TestClient, world: World):
    old = world.render(BREAKS_A_RULE)
    csrf = enter(client, world.operator)
    page = client.get(f"/renders/{old.id}").text
    assert "Edit and make again" in page and BREAKS_A_RULE["remark"] in page, "the fields were kept"
    sent = {"csrf": csrf, "as-edited": "yes", **ASHA}
    answer = client.post(f"/renders/{old.id}/again", data=sent)
    new = answer.url.path.rpartition("/")[2]
    assert new != old.id and f"/renders/{old.id}" in answer.text, "the new one names what it replaces"
    assert world.now_is(new).fields == ASHA
    page = client.get(f"/renders/{old.id}").text
    assert f"/renders/{new}" in page and "Make it again" not in page


def test_what_was_typed_stays_where_it_is_refused(client: TestClient, world: World):
    old = world.render(BREAKS_A_RULE)
    csrf = enter(client, world.operator)
    sent = {"csrf": csrf, "as-edited": "yes", "first_name": "Asha", "remark": "<b>hello</b>"}
    answer = client.post(f"/renders/{old.id}/again", data=sent)
    assert answer.status_code == 422
    assert 'value="&lt;b&gt;hello&lt;/b&gt;"' in answer.text and '<details class="act" open>' in answer.text
    assert "took the place" not in answer.text and "Make it again" in answer.text


@pytest.mark.parametrize("who", ["reviewer", "legal"])
def test_who_asks_for_no_videos_makes_none_again(client: TestClient, world: World, who: str):
    old = failed(world)
    csrf = enter(client, getattr(world, who))
    assert "Make it again" not in client.get(f"/renders/{old.id}").text
    assert client.post(f"/renders/{old.id}/again", data={"csrf": csrf}).status_code == 403
    assert client.post(f"/campaigns/{old.campaign_id}/retry", data={"csrf": csrf}).status_code == 403
    assert world.now_is(old).state == State.FAILED


def test_a_campaign_says_what_stopped_and_a_cause_is_tried_again(client: TestClient, world: World):
    rows = [failed(world), failed(world), failed(world, "poison")]
    world.render(BREAKS_A_RULE)
    csrf = enter(client, world.operator)
    where = f"/campaigns/{rows[0].campaign_id}"
    page = client.get(where).text
    assert (
        "timestamp down" in page and "a made-up poison" in page and page.count("Try all again</button>") == 2
    )
    answer = client.post(f"{where}/retry", data={"csrf": csrf, "cause": "timestamp_down"})
    assert "2 videos go on where they failed." in answer.text
    assert [world.now_is(row).state for row in rows] == [State.SCRIPTED, State.SCRIPTED, State.FAILED]


def test_the_api_does_what_the_pages_do(client: TestClient, world: World):
    mine = {"auth": (email_of(world.operator), PASSWORD)}
    old, other = failed(world), failed(world)
    first = client.post(f"/api/v1/renders/{old.id}/again", **mine)
    assert (first.status_code, first.json()["supersedes"]) == (200, old.id)
    assert client.post(f"/api/v1/renders/{old.id}/again", **mine).json() == first.json()
    changed = client.post(
        f"/api/v1/renders/{old.id}/again", json={"fields": ASHA | {"remark": "Hi."}}, **mine
    )
    assert (changed.status_code, changed.json()["error"]["code"]) == (409, "made_again")
    assert client.post(f"/api/v1/renders/{other.id}/again", json={"feilds": {}}, **mine).status_code == 422
    causes = client.get(f"/api/v1/campaigns/{old.campaign_id}/stopped", **mine).json()["causes"]
    assert [(one["cause"], one["number"], one["newest"]) for one in causes] == [
        ("timestamp_down", 1, [other.id])
    ]
    done = client.post(f"/api/v1/campaigns/{old.campaign_id}/retry", json={"cause": "timestamp_down"}, **mine)
    assert done.json() == {"retried": 1, "left": False}
