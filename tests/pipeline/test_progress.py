"""How a campaign gets on: true numbers, what stands before it, and an estimate from seconds that were measured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from core.database import now, reading, transaction
from pipeline.leases import claim
from pipeline.progress import MOST_COUNTED, Progress, progress_of
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow
from tests.kit.world import World

MakeRender = Callable[..., RenderRow]
TIMINGS = {"script": 0.0, "voice": 1.0, "picture": 10.0, "examine": 5.0, "seal": 2.0, "inspect": 2.0}


def look(campaign_id: str) -> Progress:
    with reading() as session:
        return progress_of(session, session.get_one(CampaignRow, campaign_id))


def another_campaign(like: RenderRow, name: str = "cmp_other") -> str:
    with transaction() as session:
        first = session.get_one(CampaignRow, like.campaign_id)
        values = {column.key: getattr(first, column.key) for column in CampaignRow.__table__.columns}
        session.add(CampaignRow(**values | {"id": name}))
    return name


def test_every_render_is_counted_where_it_is(make_render: MakeRender):
    states = ("scripted", "scripted", "voiced", "in_review", "failed", "blocked")
    rows = [make_render(state=state) for state in states]
    found = look(rows[0].campaign_id)
    assert (found.total, found.making, found.done) == (6, 3, 3)
    assert found.stages == {"voice": 2, "picture": 1}
    assert found.counts[State.IN_REVIEW] == 1
    assert found.seconds_left is None, "nothing was ever measured, and nobody works"


def test_what_is_through_takes_no_more_time(make_render: MakeRender):
    row = make_render(state="in_review", timings=TIMINGS)
    assert look(row.campaign_id).seconds_left is None


def test_the_estimate_is_the_measured_work_over_the_hands_at_it(make_render: MakeRender):
    done = make_render(state="in_review", timings=TIMINGS)
    rows = [make_render(state="scripted") for _ in range(4)] + [make_render(state="examined")]
    campaign = done.campaign_id
    assert look(campaign).seconds_left is None, "nobody is at it"
    assert claim(rows[0].id) is not None
    found = look(campaign)
    assert (found.working, found.seconds_left) == (1, 4 * 20.0 + 4.0)
    assert claim(rows[1].id) is not None
    assert look(campaign).seconds_left == 42.0


def test_the_middle_one_of_the_last_renders_counts_and_another_campaign_helps_out(make_render: MakeRender):
    for voice in (1.0, 2.0, 300.0):
        first = make_render(state="approved", timings={"voice": voice})
    other = another_campaign(first)
    waiting = make_render(campaign_id=other, state="scripted")
    assert claim(waiting.id) is not None
    assert look(other).seconds_left == 2.0


def test_what_was_asked_for_before_stands_before_it(make_render: MakeRender):
    early = now() - timedelta(hours=1)
    first = make_render(state="voiced", created_at=early, timings={})
    other = another_campaign(first)
    make_render(campaign_id=other, state="in_review", timings={"picture": 6.0, "voice": 4.0})
    make_render(campaign_id=other, state="scripted")
    make_render(state="scripted")  # asked for after it
    assert claim(first.id) is not None
    found = look(other)
    assert (found.ahead, found.working, found.elsewhere) == (1, 0, 1)
    assert found.seconds_left == 10.0 + 10.0, "the one before it, and its own"
    assert look(first.campaign_id).ahead == 0


def test_more_than_a_page_before_it_is_not_counted_one_by_one(make_render: MakeRender):
    early = now() - timedelta(hours=1)
    rows = [make_render(state="scripted", created_at=early) for _ in range(MOST_COUNTED + 3)]
    other = another_campaign(rows[0])
    make_render(campaign_id=other, state="in_review", timings={"voice": 1.0})
    make_render(campaign_id=other, state="scripted")
    assert claim(rows[0].id) is not None
    found = look(other)
    assert (found.ahead, found.seconds_left) == (MOST_COUNTED, MOST_COUNTED + 3 + 1.0)


def test_a_lease_that_is_over_is_nobodys_work(make_render: MakeRender):
    row = make_render(state="scripted", lease_until=1.0, lease_owner="a dead worker", timings=TIMINGS)
    make_render(state="in_review", timings=TIMINGS)
    assert look(row.campaign_id).working == 0


def test_a_campaign_that_runs_is_followed_to_its_end(world: World):
    render = world.render()
    campaign: Any = world.now_is(render).campaign_id
    assert look(campaign).stages == {"voice": 1}
    world.to_review(render)
    found = look(campaign)
    assert (found.total, found.done, found.making, found.stages) == (1, 1, 0, {})


def test_an_empty_campaign_has_nothing_to_say(world: World):
    assert look(world.campaign().id) == Progress()
