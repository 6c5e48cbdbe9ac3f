"""Pages that are older than what they show: a form sent twice, a video withdrawn or recalled while its page was open,
two tabs of one person, a lease that ended. Nothing is done twice, the person is told, and what they typed stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from audit.approvals import approvals_for
from audit.events import Event
from core.database import reading, transaction
from delivery.links import list_links
from pipeline.assignment import take
from pipeline.states import State
from pipeline.tables import RenderRow, ReviewLeaseRow
from review_ui.app import make_app
from review_ui.security import COOKIE
from review_ui.sessions import sign_in, signed_in
from review_ui.tables import AccountRow
from tests.kit.workers import events_of, work
from tests.kit.world import PASSWORD, World

Send = Callable[..., Any]
NOTE = "The mouth lags behind, I think."


@pytest.fixture
def web(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://localhost", follow_redirects=False) as client:
        yield client


def tab(web: TestClient, account_id: str, render: RenderRow) -> Send:
    """A tab in which this account has the page of the render open, as it is now: it sends its forms, however late."""
    with reading() as session:
        email = session.get_one(AccountRow, account_id).email
    token, _ = sign_in(email, PASSWORD)
    found = signed_in(token)
    assert found is not None
    own = {"csrf": found[1].csrf, "asset": render.sealed_sha256}

    def send(what: str, **fields: str) -> Any:
        web.cookies.clear()
        web.cookies.set(COOKIE, token)
        return web.post(f"/renders/{render.id}/{what}", data=own | fields)

    return send


def decisions(render: RenderRow) -> list[str]:
    with reading() as session:
        return [one.verdict for one in approvals_for(session, render.sealed_sha256 or "")]


def told(answer: Any, words: str, typed: str = "") -> bool:
    """A conflict, in words, with the page as it is now and with what was typed."""
    return (
        answer.status_code == 409
        and words in answer.text
        and "Sign out" in answer.text
        and typed in answer.text
    )


def test_a_decision_that_is_sent_twice_is_one(world: World, web: TestClient):
    render = world.to_review()
    ann = tab(web, world.reviewer, render)
    assert ann("approve", note=NOTE).status_code == 303
    assert told(ann("approve", note=NOTE), "not in review any more", NOTE)
    assert decisions(render) == ["approve"]
    assert events_of(render.id).count(Event.APPROVAL_RECORDED) == 1


def test_of_two_tabs_of_one_person_the_first_decides(world: World, web: TestClient):
    render = world.to_review(campaign=world.campaign(risk_class="high"))
    one, other = (tab(web, world.reviewer, render) for _ in range(2))
    world.approve(render, world.reviewer)  # in the one
    assert told(other("reject", code="lips", note=NOTE), "decided over", NOTE)
    assert one("hand-on", note=NOTE).status_code == 409
    assert decisions(render) == ["approve"] and world.now_is(render).state == State.IN_REVIEW


def test_a_video_that_was_withdrawn_while_its_page_was_open_is_not_approved(world: World, web: TestClient):
    render = world.to_review()
    ann = tab(web, world.reviewer, render)
    world.withdraw(effect="recall")
    work()
    assert told(ann("approve", note=NOTE), "it is blocked", NOTE)
    assert told(ann("reject", code="lips", note=NOTE), "it is blocked", NOTE) and decisions(render) == []


def test_a_video_that_was_recalled_while_its_page_was_open_gets_no_link_and_no_second_recall(
    world: World, web: TestClient
):
    render = world.released()
    operator = tab(web, world.operator, render)
    world.recall(render, "The price is wrong.")
    answer = operator("links")
    assert answer.status_code >= 400 and "The price is wrong." in answer.text
    assert list_links(render.id, brand_id=world.brand_id) == []
    again = operator("recall", why=NOTE, sure="yes")
    assert told(again, "The price is wrong.", NOTE)
    assert events_of(render.id).count(Event.ASSET_RECALLED) == 1


def test_whose_lease_ended_is_told_who_decides_now(world: World, web: TestClient):
    render = world.to_review()
    ann = tab(web, world.reviewer, render)
    for holder in (world.reviewer, world.second_reviewer):
        assert take(render.id, brand_id=world.brand_id, account_id=holder) == holder
        if holder == world.reviewer:
            with transaction() as session:
                session.execute(update(ReviewLeaseRow).values(until=0.0))  # nobody renewed it
    assert told(ann("approve", note=NOTE), "omebody else is deciding over this video", NOTE)
    assert decisions(render) == []
