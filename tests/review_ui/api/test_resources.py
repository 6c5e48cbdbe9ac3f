"""Everything that a page does, by API: from a campaign to a recall, and what a program must not see or do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.database import reading, transaction
from core.tables import BrandRow
from pipeline.states import State
from pipeline.tables import RenderRow
from review_ui.memberships import join_brand, work_at
from tests.kit.world import ASHA, FIELDS, TEMPLATE, World
from tests.review_ui.api.conftest import Program

CAMPAIGN = {"name": "Spring", "template": TEMPLATE, "fields": FIELDS, "topic": "food", "territory": "in"}


def new_campaign(api: Program, world: World, **more: Any) -> Any:
    return api.post("/campaigns", CAMPAIGN | {"persona": world.persona.id} | more)


def test_a_program_takes_a_video_from_its_campaign_to_its_recall(world: World, api: Program):
    assert [one["persona"] for one in api.get("/personas").json()["personas"]] == [world.persona.id]
    made = new_campaign(api, world, release_on_approval=False)
    assert made.status_code == 201
    campaign = made.json()["campaign"]
    assert api.get(f"/campaigns/{campaign}").json()["renders"] == {}
    asked = api.post(f"/campaigns/{campaign}/renders", {"fields": ASHA})
    assert (asked.status_code, asked.json()["state"]) == (201, "scripted")
    render = asked.json()["render"]
    world.approved(world.advance(render))
    assert api.get(f"/renders/{render}").json()["state"] == "approved"
    assert api.post(f"/renders/{render}/release").json()["state"] == "released"
    link = api.post(f"/renders/{render}/links", {"hours": 2}).json()
    path = link["address"].partition("/v/")[2]
    assert api.client.get(f"/v/{path}").status_code == 200
    assert [one["link"] for one in api.get(f"/renders/{render}/links").json()["links"]] == [link["link"]]
    assert api.post(f"/renders/{render}/links/{link['link']}/revoke").json()["revoked_at"]
    assert api.client.get(f"/v/{path}").status_code == 404
    recalled = api.post(f"/renders/{render}/recall", {"reason": "A wrong price."})
    assert (recalled.json()["state"], recalled.json()["reason"]) == ("recalled", "recalled")
    assert api.get("/campaigns").json()["campaigns"][0]["renders"] == {"recalled": 1}
    assert world.ledger().good


def test_a_failed_render_is_sent_back(world: World, api: Program):
    world.recorded.broken["voice"] = RuntimeError("no voice")
    render = world.advance(world.render())
    assert render.state == State.FAILED
    world.recorded.broken.clear()
    assert api.post(f"/renders/{render.id}/retry").json()["state"] == "scripted"
    assert api.post(f"/renders/{render.id}/retry").status_code == 409


def test_whoever_made_a_video_by_key_cannot_decide_over_it(world: World, program: Callable[..., Program]):
    """The key's maker is the video's maker: four eyes stay four."""
    api = program()
    campaign = world.campaign().id
    render = api.post(f"/campaigns/{campaign}/renders", {"fields": ASHA}).json()["render"]
    with reading() as session:
        assert session.get_one(RenderRow, render).maker_id == world.operator


def test_no_operation_records_a_decision(web: TestClient):
    """An approval is a person's: nothing of the API approves or rejects a video, and no key can have the right to."""
    from review_ui.api_keys import KEY_RIGHTS

    document = web.get("/api/openapi.json").json()
    words = ("approve", "reject", "decide", "decision", "hand-on")
    decides = [path for path in document["paths"] if any(word in path for word in words)]
    assert decides == ["/api/v1/proposals/{proposal_id}/approve"], (
        "over an authority that somebody else stated"
    )
    assert not {"review", "settle", "administer", "papers", "appear"} & set(KEY_RIGHTS)
    asked = {
        right
        for methods in document["paths"].values()
        for operation in methods.values()
        for way in operation["security"]
        for rights in way.values()
        for right in rights
    }
    assert asked == set(KEY_RIGHTS), "each right of a key opens something, and nothing asks for another"


def test_a_release_asks_a_key_for_all_that_it_asks_anybody(world: World, api: Program):
    render = world.to_review()
    refused = api.post(f"/renders/{render.id}/release")
    assert refused.status_code == 409 and world.now_is(render).state == State.IN_REVIEW
    high = world.to_review(campaign=world.campaign(risk_class="high"))
    world.approve(high)  # one of two
    assert api.post(f"/renders/{high.id}/release").status_code == 409
    assert world.published() == set()


def test_the_evidence_is_that_of_the_page_and_blind_to_the_first_decision(
    world: World, program: Callable[..., Program]
):
    render = world.to_review(campaign=world.campaign(risk_class="high"), flagged=("lip_sync",))
    world.approve(render)
    first = program(world.reviewer).get(f"/renders/{render.id}/evidence").json()
    assert first["decisions"][0]["by"] == world.reviewer and first["rule"]["people"] == 2
    assert {"lip_sync"} <= {gate["gate"] for gate in first["gates"]} and "Asha" in first["script"]
    second = program(world.second_reviewer).get(f"/renders/{render.id}/evidence").json()
    assert second["decisions"] == []
    assert world.reviewer not in program(world.second_reviewer).get("/events").text


def test_a_list_of_renders_holds_nothing_of_a_recipient(world: World, api: Program):
    world.render()
    listed = api.get("/renders")
    assert listed.json()["total"] == 1 and "Asha" not in listed.text


@pytest.mark.parametrize("path", ["/campaigns", "/personas"])
def test_lists_come_in_pages(world: World, api: Program, path: str):
    for _ in range(2):
        world.campaign()
        world.add_persona()
    name = path[1:]
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(path, limit=1, cursor=cursor).json()
        seen += [one[name.removesuffix("s")] for one in page[name]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) >= 2


def test_what_happened_is_followed_without_a_gap_and_without_a_repeat(world: World, api: Program):
    first = api.get("/events").json()
    assert api.get("/events", cursor=first["next"]).json()["events"] == []
    render = world.released()
    world.ledger()  # gives the entries their places
    seen, cursor = [], first["next"]
    for _ in range(100):
        page = api.get("/events", cursor=cursor, limit=2).json()
        seen += page["events"]
        cursor = page["next"]
        if not page["more"]:
            break
    assert len({one["id"] for one in seen}) == len(seen)
    kinds = [one["event"] for one in seen]
    assert kinds[0] == "campaign:record:created" and kinds[-1] == "render:asset:released"
    assert {one["render"] for one in seen[1:]} == {render.id}
    assert "render:approval:recorded" not in kinds
    world.recall(render)
    world.ledger()
    (recalled,) = api.get("/events", cursor=cursor).json()["events"]
    assert recalled["event"] == "render:asset:recalled"


def test_a_link_is_taken_back_under_its_own_render_alone(world: World, api: Program):
    out, other = world.released(), world.released()
    link = api.post(f"/renders/{out.id}/links", {}).json()
    assert api.post(f"/renders/{other.id}/links/{link['link']}/revoke").status_code == 404
    assert api.get(f"/renders/{out.id}/links").json()["links"][0]["revoked_at"] is None


def test_another_brands_events_are_not_told(world: World, program: Callable[..., Program]):
    world.released()
    world.ledger()
    api = program()
    assert api.get("/events").json()["events"]
    with transaction() as session:
        session.add(BrandRow(id="brd_2", name="Another"))
    join_brand(world.operator, "brd_2")
    work_at(world.operator, "brd_2")
    elsewhere = program().get("/events").json()
    assert elsewhere["events"] == [] and elsewhere["next"]
