"""Where the person who appears reads a script and says yes or no, and where its maker sees what it waits for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from audit.ledger import Event
from audit.models import Effect
from pipeline.intake import import_video
from pipeline.runner import advance
from pipeline.script_approval import script_of, text_of
from pipeline.script_reading import changes
from pipeline.states import State
from pipeline.steering import cancel
from pipeline.tables import CampaignRow
from review_ui.app import make_app
from tests.kit import media
from tests.kit.workers import last_entry
from tests.kit.world import World
from tests.review_ui.test_appearances import enter, says

OTHER = "Hello {{ first_name }}, your coffee is ready. {{ remark }}"


@pytest.fixture
def web(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://localhost", follow_redirects=True) as client:
        yield client


@pytest.fixture
def asked(world: World) -> CampaignRow:
    world.supersede(approval_mode="script")
    return world.campaign()


def test_a_script_that_waits_is_read_and_approved(web: TestClient, world: World, asked: CampaignRow):
    account = world.persona_account()
    csrf = enter(web, account)
    assert f"/me/scripts/{asked.id}" in web.get("/me").text
    seen = says(web, f"/me/scripts/{asked.id}")
    assert "Hello {{ first_name }}, your tea is ready." in seen
    assert "a name, at most 60 characters" in seen and "any words, at most 160 characters" in seen
    assert "Hello Asha, your tea is ready." in seen and "You have approved nothing like it before" in seen
    sent = {"csrf": csrf, "sha256": script_of(asked).sha256, "verdict": "approve"}
    answer = web.post(f"/me/scripts/{asked.id}", data=sent)
    assert "videos with this script can be made" in answer.text and "Nothing waits." in answer.text
    assert f"/me/scripts/{asked.id}" in web.get(f"/me/campaigns/{asked.id}").text
    assert "you approved it" in says(web, f"/me/scripts/{asked.id}")
    assert last_entry(asked.id, Event.SCRIPT_DECIDED).facts["actor"] == account
    assert world.render(campaign=asked).state == State.SCRIPTED


def test_what_is_another_than_before_is_shown(web: TestClient, world: World, asked: CampaignRow):
    world.persona_reads(asked)
    fields = {
        "properties": {"first_name": {"type": "string", "format": "name"}, "remark": {"type": "string"}}
    }
    other = world.campaign(template=OTHER, territory="eu", fields={"type": "object", **fields})
    enter(web, world.persona_account())
    seen = web.get(f"/me/scripts/{other.id}").text
    assert "<del>tea</del><ins>coffee</ins>" in seen and "<del>in</del> <ins>eu</ins>" in seen
    assert "<del>any words, at most 160 characters</del>" in seen
    assert "".join(piece.text for piece in changes("a b", "a c") if piece.kind != "gone") == "a c"


def test_a_text_that_waits_is_read_and_its_recipient_shown_to_nobody_else(
    web: TestClient, world: World, asked: CampaignRow
):
    csrf = enter(web, world.persona_account())
    sent = {"csrf": csrf, "sha256": script_of(asked).sha256, "verdict": "each"}
    web.post(f"/me/scripts/{asked.id}", data=sent)
    render, twin = world.render(campaign=asked), world.render(campaign=asked)
    advance(render.id)
    assert web.get("/me").text.count("/me/texts/") == 1  # the same words wait once
    assert "Hello Asha" in says(web, f"/me/texts/{render.id}")
    sent = {"csrf": csrf, "sha256": text_of(render).sha256, "verdict": "approve"}
    assert "this video can be made" in web.post(f"/me/texts/{render.id}", data=sent).text
    for row in (render, twin):
        assert "Asha" not in says(web, f"/me/texts/{row.id}")
    assert world.to_review(render).state == State.IN_REVIEW


def test_what_was_made_before_the_authority_asked_and_what_it_outlived_waits_too(
    web: TestClient, world: World, tmp_path: Path
):
    clip = media.write_clip(tmp_path / "clip.mp4", 1)
    campaign = world.campaign()
    row = import_video(
        clip, campaign.id, brand_id=world.brand_id, maker_id=world.operator, script="Your tea is ready."
    )
    world.approved(world.to_review(row))
    world.supersede(approval_mode="script")
    csrf = enter(web, world.persona_account())
    assert f"/me/texts/{row.id}" in web.get("/me").text
    sent = {"csrf": csrf, "sha256": text_of(row).sha256, "verdict": "approve"}
    assert "this video can be made" in web.post(f"/me/texts/{row.id}", data=sent).text
    world.persona_reads(campaign)
    assert "Nothing waits." in web.get("/me").text
    world.withdraw(status="expired", effect=Effect.NONE)
    world.supersede(approval_mode="script")
    assert f"/me/scripts/{campaign.id}" in web.get("/me").text


def test_a_stale_page_and_an_empty_answer_keep_what_was_typed(
    web: TestClient, world: World, asked: CampaignRow
):
    csrf = enter(web, world.persona_account())
    for wrong, status in (({"sha256": "00" * 32, "verdict": "refuse"}, 409), ({"verdict": ""}, 422)):
        answer = web.post(f"/me/scripts/{asked.id}", data={"csrf": csrf, "words": "Not like this."} | wrong)
        assert answer.status_code == status and "Not like this." in answer.text


def test_another_personas_script_and_text_do_not_exist(web: TestClient, world: World):
    campaign = world.campaign(world.add_persona())
    render = world.render(campaign=campaign)
    csrf = enter(web, world.persona_account())
    for path in (f"scripts/{campaign.id}", f"texts/{render.id}"):
        assert web.get(f"/me/{path}").status_code == 404
        sent = {"csrf": csrf, "sha256": "00" * 32, "verdict": "approve"}
        assert web.post(f"/me/{path}", data=sent).status_code == 404


def test_nothing_waits_of_a_cancelled_campaign_or_where_nobody_is_asked(
    web: TestClient, world: World, asked: CampaignRow
):
    enter(web, world.persona_account())
    cancel(asked.id, brand_id=world.brand_id, actor=world.operator, reason="Made up.")
    assert "Nothing waits." in web.get("/me").text
    world.supersede()
    assert "does not ask for your approval" in says(web, f"/me/scripts/{asked.id}")
    assert "Waiting for you" not in web.get("/me").text


def test_its_maker_sees_what_a_campaign_waits_for(web: TestClient, world: World, asked: CampaignRow):
    enter(web, world.operator)
    page = says(web, f"/campaigns/{asked.id}")
    assert f"waits for {world.persona.name}" in page and "Nobody has that page yet" in page
    assert "Make the video" not in page
    world.persona_account()
    assert "Nobody has that page yet" not in says(web, f"/campaigns/{asked.id}")
    world.persona_reads(asked, "each")
    render = world.render(campaign=asked)
    assert "approved by" in says(web, f"/campaigns/{asked.id}")
    assert "has not approved this text" in says(web, f"/renders/{render.id}")
    world.persona_reads(render)
    assert "Words approved by the person who appears" in says(web, f"/renders/{render.id}")
    world.persona_reads(asked, "refuse", words="Not in my name.")
    page = says(web, f"/campaigns/{asked.id}")
    assert "refused by" in page and "Not in my name." in page and "Make the video" not in page


def test_who_writes_a_campaign_is_told_that_it_will_be_asked_for(web: TestClient, world: World):
    world.supersede(approval_mode="script")
    csrf = enter(web, world.operator)
    sent = {"csrf": csrf, "look": "1", "persona": world.persona.id, "name": "Kit", "topic": "food"}
    sent |= {"template": "Hello there.", "territory": "in", "channel": "link"}
    assert re.search("approves the script before anything is made", web.post("/campaigns", data=sent).text)
