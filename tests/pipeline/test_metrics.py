"""What stages, gates, people and doors do is counted once it is true, and costs next to nothing."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from typing import Any

import pytest

from audit.ledger import Event
from core import metrics
from core.database import transaction
from core.errors import GreenroomError
from core.gates import load_gate_set
from core.models import GateDecision, GateResult, Verdict
from core.settings import get_settings
from delivery.links import make_link, open_link
from delivery.recall import recall
from pipeline import runner
from pipeline.leases import claim
from pipeline.life import move
from pipeline.metrics import (
    abstention,
    decided,
    gates_decided,
    moved,
    stage_ended,
    stage_lost,
    stage_postponed,
    staged,
)
from pipeline.runner import run_stage
from pipeline.states import STAGES, State
from pipeline.tables import RenderRow
from tests.kit.workers import work
from tests.kit.world import World

pytestmark = pytest.mark.only("sqlite")  # counters are this process's, whatever the database


class Counted:
    """How much a number grew since this was made."""

    def __init__(self) -> None:
        self._before = self._now()

    def __call__(self, name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return self._now().get(key, 0.0) - self._before.get(key, 0.0)

    @staticmethod
    def _now() -> dict[Any, float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in metrics.REGISTRY.collect()
            for sample in family.samples
        }


@pytest.fixture
def grew() -> Counted:
    return Counted()


def test_each_stage_is_measured_once(world: World, grew: Counted):
    world.to_review()
    for stage in STAGES:
        if stage.name != "script":  # made with the request
            assert grew("greenroom_stage_seconds_count", stage=stage.name, outcome="done") == 1, stage.name


def test_each_gate_is_counted_with_its_verdict_and_its_score(world: World, grew: Counted):
    world.to_review(flagged=("lip_sync",))
    for gate in load_gate_set().gates:
        verdict = "review" if gate == "lip_sync" else "pass"
        assert grew("greenroom_gate_outcomes_total", gate=gate, verdict=verdict) == 1, gate


def _decision(**values: Any) -> GateDecision:
    result = {"gate": "lip_sync", "version": "2", "score": None, "unit": "", **values}
    return GateDecision(result=GateResult(**result), verdict=Verdict.REVIEW, threshold=None)


def test_a_score_is_in_the_histogram_and_an_abstention_is_none(grew: Counted):
    gates_decided([_decision(score=0.32), _decision(abstained=True, reason="no face is seen")])
    assert grew("greenroom_gate_score_count", gate="lip_sync") == 1
    assert grew("greenroom_gate_score_bucket", gate="lip_sync", le="0.35") == 1
    assert grew("greenroom_gate_score_bucket", gate="lip_sync", le="0.3") == 0
    assert grew("greenroom_gate_abstentions_total", gate="lip_sync", code="no_face_is_seen") == 1


@pytest.mark.parametrize(("sentence", "code"), [
    ("the clip is too short: 0.8 s, two are needed", "the_clip_is_too_short"),
    ("less than 1.5 s of speech with a face in view", "less_than"),
    ("the check failed to answer (ValueError)", "the_check_failed_to_answer"),
    ("", "unsaid"),
    ("1 face", "unsaid"),
])  # fmt: skip
def test_why_a_gate_abstained_is_a_bounded_word(sentence: str, code: str):
    assert abstention(sentence) == code


def test_a_failure_that_is_tried_again_is_a_retry_and_one_that_is_not_parks_the_render(
    world: World, grew: Counted
):
    world.recorded.broken["voice"] = RuntimeError("made up")
    assert world.advance(world.render()).state == State.FAILED
    tries = get_settings().pipeline.max_attempts
    assert grew("greenroom_stage_retries_total", stage="voice", code="internal") == tries - 1
    assert grew("greenroom_stage_seconds_count", stage="voice", outcome="retried") == tries - 1
    assert grew("greenroom_stage_seconds_count", stage="voice", outcome="failed") == 1
    assert grew("greenroom_renders_parked_total", code="internal") == 1


def test_a_render_that_kills_its_workers_is_counted_as_poison(world: World, grew: Counted):
    render = world.render()
    for _ in range(get_settings().pipeline.max_attempts):
        assert claim(render.id) is not None
        world.tick(get_settings().pipeline.lease_seconds + 1)
    world.advance(render)
    assert grew("greenroom_renders_parked_total", code="poison") == 1


def test_a_lost_lease_is_counted_and_its_result_is_not(
    world: World, grew: Counted, monkeypatch: pytest.MonkeyPatch
):
    render = world.render()
    real = runner.STAGE_FUNCTIONS["voice"]

    def late(job: Any) -> Any:
        outcome = real(job)
        with transaction() as session:
            row = session.get_one(RenderRow, render.id)
            row.lease_until, row.fence = None, row.fence + 1
        return outcome

    monkeypatch.setitem(runner.STAGE_FUNCTIONS, "voice", late)
    taken = claim(render.id)
    assert taken is not None
    run_stage(taken)
    assert grew("greenroom_leases_lost_total", stage="voice") == 1
    assert grew("greenroom_stage_seconds_count", stage="voice", outcome="lost") == 1
    assert grew("greenroom_stage_seconds_count", stage="voice", outcome="done") == 0


def test_decisions_are_counted_by_manner_with_the_time_since_the_review_opened(world: World, grew: Counted):
    render = world.to_review()
    world.tick(7200)
    world.approve(render)
    assert grew("greenroom_decisions_total", verdict="approve", manner="seen") == 1
    assert grew("greenroom_review_seconds_count", verdict="approve") == 1
    assert 7200 <= grew("greenroom_review_seconds_sum", verdict="approve") < 7300
    world.reject(world.to_review(), played=())
    assert grew("greenroom_decisions_total", verdict="reject", manner="decided") == 1


def test_a_refused_decision_is_none(world: World, grew: Counted):
    render = world.to_review(maker=world.reviewer)
    with suppress(GreenroomError):
        world.approve(render, world.reviewer)
    assert grew("greenroom_decisions_total", verdict="approve", manner="seen") == 0


def test_releases_recalls_and_links_are_counted_by_what_came_of_them(world: World, grew: Counted):
    render = world.release(world.approved())
    world.release(render)  # again: nothing happens
    token = make_link(render.id, brand_id=world.brand_id)
    open_link(token)
    recall(render.id, brand_id=world.brand_id, actor_id=world.legal, reason="made up")
    for wrong in (token, "rubbish"):
        with suppress(GreenroomError):
            open_link(wrong)
    assert grew("greenroom_releases_total") == 1
    assert grew("greenroom_stage_seconds_count", stage="release", outcome="done") == 1
    assert grew("greenroom_recalls_total", by="publisher") == 1
    answers = {
        code: grew("greenroom_link_requests_total", answer=code) for code in ("served", "link_recalled")
    }
    assert answers == {"served": 1, "link_recalled": 1}
    assert grew("greenroom_link_requests_total", answer="link_gone") == 1


def test_a_refused_release_is_counted_by_its_code(world: World, grew: Counted):
    render = world.approved()
    world.withdraw(status="suspended")
    with suppress(GreenroomError):
        world.release(render)
    assert grew("greenroom_release_refusals_total", code="authority_suspended") == 1
    assert grew("greenroom_releases_total") == 0


def test_a_withdrawal_is_timed_until_the_row_says_so(world: World, grew: Counted):
    world.release(world.approved())
    world.withdraw(effect="recall")
    world.tick(12)
    work()
    assert grew("greenroom_recalls_total", by="person") == 1
    assert 12 <= grew("greenroom_withdrawal_settling_seconds_sum") < 60


def test_what_is_rolled_back_was_never_counted(world: World, grew: Counted):
    render = world.release(world.approved())
    with suppress(ZeroDivisionError), transaction() as session:
        move(session, render.id, State.RECALLED, start=State.RELEASED, event=Event.ASSET_RECALLED)
        raise ZeroDivisionError
    assert grew("greenroom_recalls_total", by="publisher") == 0


def test_the_bookkeeping_of_a_stage_takes_less_than_a_millisecond(world: World):
    """Every hook that any stage, decision or release meets, all of them together, a hundred times over."""
    render = world.to_review()
    decisions = [_decision(gate=gate, score=0.5) for gate in load_gate_set().gates]
    taken = type("Taken", (), {"render_id": render.id, "stage": STAGES[2]})()

    @staged
    def run(_taken: Any) -> None:
        stage_ended("picture", State.ENCODED, 1.0)
        stage_lost("picture", 1.0)
        stage_postponed("picture", "busy", 1.0)
        gates_decided(decisions)

    spent = []
    for _ in range(100):
        with transaction() as session:
            began = time.thread_time()
            run(taken)
            moved(session, render, Event.ASSET_RELEASED)
            decided(session, render, "approve", "seen")
            spent.append(time.thread_time() - began)
    assert statistics.median(spent) < 0.001, statistics.median(spent)
