"""A campaign is paused, resumed, cancelled: what workers take, what ends, what stays; on both databases."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import pipeline.steering
from audit.errors import LedgerInconsistent
from audit.events import Event
from core.database import reading, transaction
from core.errors import Conflict, InputError, NotFound
from delivery.asked import ask_for_release
from delivery.tasks import on_approved
from pipeline.course import CampaignHalted, Course, check_open, course_of
from pipeline.leases import claim
from pipeline.runner import advance
from pipeline.states import State
from pipeline.steering import cancel, on_cancelled, pause, resume, unfinished
from pipeline.tables import RenderRow
from tests.kit.workers import events_of, last_entry, swept, waiting_messages, work
from tests.kit.world import World


@pytest.fixture
def campaign(world: World) -> str:
    return world.campaign().id


@pytest.fixture
def by(world: World) -> dict[str, str]:
    return {"brand_id": world.brand_id, "actor": world.operator}


def at(campaign_id: str) -> Course:
    with reading() as session:
        return course_of(session, campaign_id)


def test_nothing_of_a_paused_campaign_is_taken_and_it_goes_on_where_it_stood(
    world: World, campaign: str, by: dict[str, str]
):
    render, other = world.render(campaign=campaign), world.render()
    pause(campaign, **by)
    assert advance(render.id) == 0 and world.now_is(render).state == State.SCRIPTED
    assert world.to_review(other).state == State.IN_REVIEW, "another campaign's go on"
    resume(campaign, **by)
    assert world.to_review(render).state == State.IN_REVIEW
    assert events_of(campaign)[1:] == [Event.CAMPAIGN_PAUSED, Event.CAMPAIGN_RESUMED]
    assert last_entry(campaign, Event.CAMPAIGN_PAUSED).facts["actor"] == world.operator
    assert world.ledger().good


def test_a_stage_in_hand_is_finished_and_the_next_one_is_not_taken(
    world: World, campaign: str, by: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    from pipeline import runner

    real = runner.STAGE_FUNCTIONS["voice"]

    def voice(job: Any) -> Any:
        pause(campaign, **by)
        return real(job)

    monkeypatch.setitem(runner.STAGE_FUNCTIONS, "voice", voice)
    render = world.render(campaign=campaign)
    assert advance(render.id) == 1 and world.now_is(render).state == State.VOICED


def test_new_requests_of_a_paused_campaign_wait(world: World, campaign: str, by: dict[str, str]):
    pause(campaign, **by)
    render = world.render(campaign=campaign)
    assert advance(render.id) == 0
    resume(campaign, **by)
    assert advance(render.id) == 5


def test_the_sweeper_leaves_a_paused_campaign_alone_and_tells_of_it_at_once_when_it_goes_on(
    world: World, campaign: str, by: dict[str, str]
):
    render = world.render(campaign=campaign)
    waiting_messages()
    pause(campaign, **by)
    world.tick(3600)
    assert swept() == []
    resume(campaign, **by)
    assert [payload["render_id"] for _, payload in swept()] == [render.id]


def test_nothing_of_a_paused_campaign_is_released(world: World, by: dict[str, str]):
    campaign = world.campaign(release_on_approval=True).id
    render = world.approved(campaign=campaign)
    pause(campaign, **by)
    on_approved({"render_id": render.id})
    for asks in (
        lambda: world.release(render),
        lambda: ask_for_release(render.id, brand_id=world.brand_id, actor_id=world.operator),
    ):
        with pytest.raises(CampaignHalted) as refused:
            asks()
        assert refused.value.code == "campaign_paused"
    assert world.now_is(render).state == State.APPROVED
    resume(campaign, **by)
    on_approved({"render_id": render.id})
    assert world.now_is(render).state == State.RELEASED


def test_what_nobody_approved_ends_with_a_cancelled_campaign_and_the_rest_stays(
    world: World, campaign: str, by: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pipeline.steering, "CHUNK", 2)
    released, approved = world.released(campaign=campaign), world.approved(campaign=campaign)
    rejected, in_review = world.reject(world.to_review(campaign=campaign)), world.to_review(campaign=campaign)
    scripted = [world.render(campaign=campaign) for _ in range(3)]
    other = world.render()
    waiting_messages()
    cancel(campaign, reason="The offer is over.", **by)
    assert advance(scripted[0].id) == 0, "before anything was ended"
    assert unfinished() == [campaign]
    assert work() == ["campaign.cancelled"] and unfinished() == []
    for ended in (in_review, *scripted):
        row = world.now_is(ended)
        assert (row.state, row.reason["code"]) == (State.BLOCKED, "campaign_cancelled")
        assert last_entry(row.id, Event.RENDER_BLOCKED).facts["reason_code"] == "campaign_cancelled"
    assert [world.now_is(one).state for one in (released, approved, rejected, other)] == [
        State.RELEASED,
        State.APPROVED,
        State.REJECTED,
        State.SCRIPTED,
    ]
    assert on_cancelled({"campaign_id": campaign}) == 0, "the same message again"
    assert world.ledger().good


def test_a_large_campaign_ends_in_slices_and_what_waits_beside_it_has_its_turn(
    world: World, campaign: str, by: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pipeline.steering, "CHUNK", 2)
    monkeypatch.setattr(pipeline.steering, "SLICE_SECONDS", 0.0)
    for _ in range(5):
        world.render(campaign=campaign)
    cancel(campaign, reason="Over.", **by)
    waiting_messages()
    assert on_cancelled({"campaign_id": campaign}) == 2
    assert work() == ["campaign.cancelled"] * 3 and unfinished() == []


def test_a_lost_message_is_sent_again_until_nothing_is_left(world: World, campaign: str, by: dict[str, str]):
    from greenroom.relay import sweep
    from greenroom.status import Status

    render = world.render(campaign=campaign)
    cancel(campaign, reason="Over.", **by)
    waiting_messages()  # lost with the broker
    sent: list[tuple[str, dict[str, Any]]] = []
    sweep(lambda topic, payload: sent.append((topic, payload)), Status("test"))
    assert ("campaign.cancelled", {"campaign_id": campaign, "kind": "cpu"}) in sent
    on_cancelled({"campaign_id": campaign})
    assert world.now_is(render).state == State.BLOCKED


def test_a_cancelled_campaign_takes_nothing_new(world: World, campaign: str, by: dict[str, str]):
    from pipeline.batch import submit

    cancel(campaign, reason="Over.", **by)
    with pytest.raises(CampaignHalted, match="cancelled"):
        world.render(campaign=campaign)
    with pytest.raises(CampaignHalted, match="cancelled"):
        submit(campaign, [b"{}\n"], "jsonl", key="k", brand_id=world.brand_id, maker_id=world.operator)
    for again in (pause, resume):
        with pytest.raises(CampaignHalted) as refused:
            again(campaign, **by)
        assert refused.value.code == "campaign_cancelled"


def test_what_is_approved_leaves_a_cancelled_campaign_only_where_a_person_asks(
    world: World, by: dict[str, str]
):
    campaign = world.campaign(release_on_approval=True).id
    by_itself, by_hand = world.approved(campaign=campaign), world.approved(campaign=campaign)
    waiting_messages()
    cancel(campaign, reason="Over.", **by)
    world.tick(3600)
    work()
    for _, payload in swept():
        on_approved(payload)
    on_approved({"render_id": by_itself.id})
    assert world.now_is(by_itself).state == State.APPROVED
    assert world.release(by_hand).state == State.RELEASED


def test_the_stage_in_hand_of_a_cancelled_campaign_is_thrown_away(
    world: World, campaign: str, by: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    from pipeline import runner

    real = runner.STAGE_FUNCTIONS["voice"]

    def voice(job: Any) -> Any:
        cancel(campaign, reason="Over.", **by)
        on_cancelled({"campaign_id": campaign})
        return real(job)

    monkeypatch.setitem(runner.STAGE_FUNCTIONS, "voice", voice)
    render = world.render(campaign=campaign)
    advance(render.id)
    assert world.now_is(render).state == State.BLOCKED


def test_a_request_that_is_on_its_way_in_is_there_before_the_cancellation_or_refused(
    world: World, campaign: str, by: dict[str, str]
):
    """The one who cancels waits for whoever relies on the course, so that nothing enters behind its back."""
    done = threading.Event()

    def cancels() -> None:
        cancel(campaign, reason="Over.", **by)
        done.set()

    thread = threading.Thread(target=cancels)
    with transaction() as session:
        check_open(session, campaign)
        thread.start()
        assert not done.wait(0.3)
    thread.join(20)
    assert done.is_set() and at(campaign) is Course.CANCELLED


def test_steering_asks_for_a_change_a_reason_and_the_brand(world: World, campaign: str, by: dict[str, str]):
    with pytest.raises(Conflict):
        resume(campaign, **by)
    pause(campaign, **by)
    with pytest.raises(Conflict):
        pause(campaign, **by)
    with pytest.raises(InputError):
        cancel(campaign, reason=" ", **by)
    with pytest.raises(InputError):
        resume(campaign, reason="x" * 2001, **by)
    with pytest.raises(NotFound):
        cancel(campaign, brand_id="brd_other", actor=world.operator, reason="Over.")
    assert at(campaign) is Course.PAUSED


@pytest.mark.only("sqlite")
def test_a_course_that_somebody_changed_in_the_database_is_found(
    world: World, campaign: str, by: dict[str, str]
):
    pause(campaign, **by)
    world.as_database_owner("UPDATE campaign_courses SET course = 'running' WHERE campaign_id = ?", campaign)
    assert not world.ledger().good
    with pytest.raises(LedgerInconsistent):
        pause(campaign, **by)


def test_the_claim_itself_asks(world: World, campaign: str, by: dict[str, str]):
    render = world.render(campaign=campaign)
    with transaction() as session:
        fence = session.get_one(RenderRow, render.id).fence
    pause(campaign, **by)
    assert claim(render.id) is None and claim(render.id, at_once=True) is None
    assert world.now_is(render).fence == fence
