"""One worker at a time; a late one's result is thrown away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from core.database import reading, transaction
from core.settings import get_settings
from pipeline.errors import LeaseLost
from pipeline.leases import claim, free_leases_of, owner_name
from pipeline.life import move
from pipeline.states import State
from pipeline.tables import RenderRow


@pytest.fixture
def short_lease(home, monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setenv("GREENROOM_PIPELINE_LEASE_SECONDS", "0.2")
    get_settings.cache_clear()
    return 0.2


def test_a_waiting_render_is_claimed_once(make_render: Callable[..., RenderRow]):
    render = make_render()
    assert claim(render.id) is not None
    assert claim(render.id) is None


def test_eight_workers_at_once_get_one_lease(make_render: Callable[..., RenderRow]):
    render = make_render()
    taken = []
    threads = [threading.Thread(target=lambda: taken.append(claim(render.id))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([lease for lease in taken if lease is not None]) == 1


@pytest.mark.parametrize("state", [State.IN_REVIEW, State.RECALLED, State.BLOCKED, State.FAILED])
def test_a_render_that_waits_for_no_stage_is_not_claimed(make_render: Callable[..., RenderRow], state: State):
    assert claim(make_render(state=state).id) is None


def test_an_expired_lease_is_taken_over_and_the_late_worker_is_refused(
    short_lease: float, make_render: Callable[..., RenderRow]
):
    render = make_render()
    late = claim(render.id)
    time.sleep(short_lease * 2)
    heir = claim(render.id)
    assert late is not None and heir is not None and heir.fence == late.fence + 1
    with pytest.raises(LeaseLost), transaction() as session:
        move(session, late.render_id, State.SCRIPTED, start=State.DRAFT, claim=late)
    with transaction() as session:
        move(session, heir.render_id, State.SCRIPTED, start=State.DRAFT, claim=heir)
    with reading() as session:
        assert session.get_one(RenderRow, render.id).state == State.SCRIPTED


def test_progress_renews_the_lease(short_lease: float, make_render: Callable[..., RenderRow]):
    lease = claim(make_render().id)
    assert lease is not None
    for step in range(8):
        time.sleep(short_lease / 3)
        lease.progress(step / 8)
    assert claim(lease.render_id) is None


def test_past_the_hard_deadline_progress_renews_nothing(
    short_lease: float, make_render: Callable[..., RenderRow], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GREENROOM_PIPELINE_STAGE_DEADLINE_SECONDS", "0.1")
    get_settings.cache_clear()
    lease = claim(make_render().id)
    assert lease is not None
    time.sleep(0.3)
    with pytest.raises(LeaseLost):
        lease.progress(0.5)


def test_a_render_that_was_moved_meanwhile_does_not_take_the_result(make_render: Callable[..., RenderRow]):
    lease = claim(make_render().id)
    assert lease is not None
    with transaction() as session:
        move(session, lease.render_id, State.BLOCKED, start=State.DRAFT)
    with pytest.raises(LeaseLost), transaction() as session:
        move(session, lease.render_id, State.SCRIPTED, start=State.DRAFT, claim=lease)


def test_the_leases_of_a_dead_process_are_freed_at_once(make_render: Callable[..., RenderRow]):
    render = make_render()
    assert claim(render.id) is not None
    assert free_leases_of(owner_name()) == [render.id]
    assert claim(render.id) is not None
