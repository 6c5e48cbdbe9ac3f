"""Stages run under the trust steps: an authority that ends stops them, failures wait or end, nothing is sent twice."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import provenance.credential
from audit.events import Event
from audit.receipts import receipts_for
from audit.tables import ReceiptRow
from core.blobs import blobs
from core.database import reading, transaction
from core.errors import GreenroomError, InputError
from core.gates import load_gate_set
from core.models import AssetRole, Verdict
from core.settings import get_settings
from core.tables import AssetRow
from detect.service import examine
from pipeline import runner
from pipeline.jobs import Job, Outcome
from pipeline.leases import LONGEST_WAIT, claim
from pipeline.runner import advance, run_stage
from pipeline.service import retry
from pipeline.states import STAGES, State
from pipeline.tables import RenderRow
from provenance.tables import FingerprintRow, ManifestRow, MarkRow
from provenance.verify import verify
from tests.kit import media
from tests.kit.models import Measures
from tests.kit.standing_in import standing_in
from tests.kit.workers import as_owner, events_of, last_entry, put_back, stored, swept, waiting_messages
from tests.kit.world import BREAKS_A_RULE, World

WORKING = [stage.name for stage in STAGES if stage.name != "script"]


class Down(GreenroomError):
    """Somebody else does not answer."""

    code = "made_up_down"
    retryable = True


class Broken(GreenroomError):
    code = "made_up_broken"


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], object]], None]:
    """Something happens when a stage has done its work and before its result is recorded."""

    def then(stage: str, happens: Callable[[], object]) -> None:
        real = runner.STAGE_FUNCTIONS[stage]

        def run(job: Job) -> Outcome:
            outcome = real(job)
            happens()
            return outcome

        monkeypatch.setitem(runner.STAGE_FUNCTIONS, stage, run)

    return then


# The authority, while a render is made


@pytest.mark.parametrize("stage", WORKING)
def test_a_withdrawal_between_check_and_record_blocks_the_render_and_frees_its_lease(
    world: World, after: Any, stage: str
):
    render = world.render()
    after(stage, world.withdraw)
    row = world.advance(render)
    assert (row.state, row.reason["code"]) == (State.BLOCKED, "authority_revoked")
    assert (row.lease_owner, row.lease_until, row.attempts) == (None, None, 0)
    assert events_of(render.id)[-1] == Event.RENDER_BLOCKED
    assert swept() == [] and world.ledger().good


def test_the_result_of_a_blocked_stage_is_thrown_away(world: World, after: Any):
    render = world.render()
    after("seal", world.withdraw)
    row = world.advance(render)
    assert row.sealed_sha256 is None
    with reading() as session:
        roles = {asset.role for asset in session.query(AssetRow)}
        assert (roles, session.query(ManifestRow).count()) == ({"examined"}, 0)


@pytest.mark.parametrize("stage", WORKING)
def test_no_stage_begins_under_an_authority_that_was_withdrawn(world: World, stage: str, monkeypatch: Any):
    """The message of the withdrawal was not handled yet."""
    began: list[str] = []
    (spec,) = [each for each in STAGES if each.name == stage]
    render = put_back(world, world.to_review(), spec.start)
    monkeypatch.setitem(runner.STAGE_FUNCTIONS, stage, lambda job: began.append(stage))
    world.withdraw()
    row = world.advance(render)
    assert (row.state, began) == (State.BLOCKED, [])


def test_a_suspension_lets_a_stage_end_and_the_next_one_wait(world: World, after: Any):
    render = world.render()
    after("voice", lambda: world.withdraw(status="suspended"))
    advance(render.id)
    row = world.now_is(render)
    assert (row.state, row.lease_owner, row.waits) == (State.VOICED, None, 1)


def test_an_authority_that_ends_by_its_date_stops_the_stages(world: World):
    persona = world.add_persona("consent")
    render = world.render(campaign=world.campaign(persona))
    world.tick(366 * 24 * 3600)
    row = world.advance(render)
    assert (row.state, row.reason["code"]) == (State.BLOCKED, "authority_expired")


def test_an_older_draft_passes_steps_one_to_three_as_a_stage(world: World):
    render = put_back(world, world.render(), "draft")
    assert world.advance(render).state == State.IN_REVIEW
    bad = world.render(BREAKS_A_RULE)
    assert world.advance(put_back(world, bad, "draft")).reason["code"] == "policy"


def test_the_last_render_that_another_took_between_check_and_record_blocks_this_one(world: World):
    render = world.render(campaign=world.campaign(world.add_persona(max_renders=1)))
    put_back(world, render, "draft")
    as_owner(world, "UPDATE authority_renders SET render_id = 'rnd_another'")
    row = world.advance(render)
    assert (row.state, row.reason["code"]) == (State.BLOCKED, "render_limit_reached")
    assert (row.lease_owner, row.attempts) == (None, 0)


# Steps 6 and 8 to 10


def test_a_mark_is_allocated_once_for_a_render(world: World):
    render = world.render()
    world.recorded.broken["picture"] = Down("a made-up failure")
    advance(render.id)
    with reading() as session:
        (first,) = session.query(MarkRow).all()
    world.recorded.broken.clear()
    row = world.to_review(render)
    assert row.mark_id == first.mark_id and first.render_id == render.id
    assert events_of(render.id).count(Event.MARK_ALLOCATED) == 1


def test_two_renders_never_share_a_mark(world: World):
    assert world.to_review().mark_id != world.to_review().mark_id


def test_every_gate_of_the_set_has_a_receipt_over_the_essence_and_the_brief(world: World):
    render = world.to_review()
    with reading() as session:
        receipts = receipts_for(session, render.essence)
    assert {receipt.gate for receipt in receipts} == set(load_gate_set().gates)
    assert {(r.brand_id, r.brief_sha256, r.gate_set_sha256) for r in receipts} == {
        (world.brand_id, render.brief_sha256, render.gate_set_sha256)
    }
    entry = last_entry(render.id, Event.RENDER_EXAMINED)
    assert entry.facts["receipts"] == {receipt.gate: receipt.sha256 for receipt in receipts}


def test_a_gate_that_blocks_ends_the_render(world: World):
    row = world.advance(world.render(blocked=("transcript",)))
    assert (row.state, row.verdict, row.reason["code"]) == (State.BLOCKED, Verdict.BLOCK, "gates")
    assert row.reason["findings"] == ["transcript"] and row.sealed_sha256 is None


def test_a_gate_that_flags_leads_to_a_person(world: World):
    row = world.advance(world.render(flagged=("lip_sync",)))
    assert (row.state, row.verdict) == (State.IN_REVIEW, Verdict.REVIEW)


def test_a_rule_that_flags_the_script_flags_the_render(world: World):
    render = world.render()
    finding = '[{"code": "made_up", "severity": "review", "message": "A made-up rule.", "citation": "none"}]'
    as_owner(world, "UPDATE renders SET script_findings = ?", finding)
    world.record_as_it_is(render)
    assert world.advance(render).verdict == Verdict.REVIEW


def _examined(**changed: Any) -> tuple[Any, Any]:
    real = examine

    def examining(*arguments: Any, **more: Any) -> Any:
        examination = real(*arguments, **more)
        for name, value in changed.items():
            setattr(examination, name, value)
        return examination

    return real, examining


def test_other_bytes_than_were_encoded_are_never_examined_for_them(world: World):
    render = world.render()
    other = dataclasses.make_dataclass("Other", ["sha256"])("ab" * 32)
    with standing_in(_examined(essence=other)):
        row = world.advance(render)
    assert (row.state, row.reason["code"]) == (State.FAILED, "integrity")
    assert stored()["receipts"] == 0


def test_the_overall_verdict_is_the_gates(world: World):
    render = world.render()
    with standing_in(_examined(verdict=Verdict.BLOCK)):
        assert world.advance(render).state == State.BLOCKED


def test_what_is_sealed_was_examined_with_receipts_that_verify(world: World):
    render = put_back(world, world.to_review(), "examined")
    as_owner(world, "UPDATE receipts SET signature = '' WHERE gate = 'lip_sync'")
    row = world.advance(render)
    assert (row.state, row.reason["code"]) == (State.FAILED, "forged_receipt")


def test_the_sealed_bytes_are_the_examined_ones(world: World):
    """Another file under the name of the examined one is not sealed."""
    render = put_back(world, world.to_review(), "examined")
    path = blobs().get_file(render.examined_sha256, AssetRole.EXAMINED)
    media.write_clip(path, 99)
    row = world.advance(render)
    assert (row.state, row.reason["code"]) == (State.FAILED, "integrity")


def test_sealing_that_changes_the_media_is_refused(real_world: World):
    """Whatever the signing library does to the file: the essence stays, or nothing is kept."""
    real = provenance.credential.sign
    render = real_world.render()

    def signing(job: Any, out: Path) -> bytes:
        store: bytes = real(job, out)
        shutil.move(media.other_media(out, out.with_name("other.mp4"), 99), out)
        return store

    with standing_in((real, signing)):
        row = real_world.advance(render)
    assert (row.state, row.sealed_sha256) == (State.FAILED, None)
    assert "sealing changed the media" in row.reason["message"]


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": "tampered"},
        {"verdict": "nothing_found"},
        {"verdict": "intact"},
        {"trusted": False},
        {"problems": ("a made-up problem",)},
    ],
)
def test_a_sealed_file_that_the_independent_reader_does_not_accept_meets_no_person(
    world: World, changed: dict[str, Any]
):
    render = world.render()
    real = verify

    def answer(*arguments: Any, **more: Any) -> Any:
        return dataclasses.replace(real(*arguments, **more), **changed)

    with standing_in((real, answer)):
        row = world.advance(render)
    assert (row.state, row.reason["code"]) == (State.FAILED, "verification_failed")


def test_each_stage_leaves_the_rows_that_the_doors_ask_for(world: World):
    render = world.to_review()
    with reading() as session:
        assets = {asset.role: asset for asset in session.query(AssetRow)}
        assert {asset.essence for asset in assets.values()} == {render.essence}
        assert assets["sealed"].parent == assets["examined"].sha256 == render.examined_sha256
        assert session.query(FingerprintRow).one().essence == render.essence
        assert session.query(ManifestRow).one().asset_sha256 == render.sealed_sha256
        assert session.query(ReceiptRow).count() == len(load_gate_set().gates)


# Failures


def paused(w: World, render: RenderRow) -> float:
    """Seconds until the next try."""
    from pipeline.leases import database_seconds

    with reading() as session:
        return (w.now_is(render).retry_at or 0.0) - database_seconds(session)


def test_trouble_that_passes_waits_with_doubling_pauses_and_counts_as_no_try(world: World):
    render = world.render()
    world.recorded.broken["voice"] = Down("a made-up failure")
    pauses = []
    for wait in range(1, 9):
        advance(render.id)
        row = world.now_is(render)
        assert (row.state, row.attempts, row.waits) == (State.SCRIPTED, 0, wait)
        assert advance(render.id) == 0 and swept() == [], "nobody tries before the pause is over"
        pauses.append(paused(world, render))
        world.tick(pauses[-1] + 0.1)
    assert [round(pause) for pause in pauses] == [1, 2, 4, 8, 16, 32, 60, 60] and LONGEST_WAIT == 60
    world.recorded.broken.clear()
    assert world.advance(render).state == State.IN_REVIEW


def test_trouble_that_does_not_pass_ends_at_last(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_PIPELINE_MAX_WAITS", "3")
    get_settings.cache_clear()
    world.recorded.broken["voice"] = Down("a made-up failure")
    row = world.advance(world.render())
    assert (row.state, row.reason["code"], row.reason["retry"]) == (State.FAILED, "made_up_down", "scripted")
    world.recorded.broken.clear()
    assert world.to_review(retry(row.id, brand_id=world.brand_id)).state == State.IN_REVIEW


def test_what_is_not_retryable_ends_after_max_attempts(world: World):
    render = world.render()
    world.recorded.broken["voice"] = Broken("a made-up failure")
    for attempt in (1, 2):
        advance(render.id)
        row = world.now_is(render)
        assert (row.state, row.attempts, row.waits) == (State.SCRIPTED, attempt, 0)
        world.tick(paused(world, render) + 0.1)
    advance(render.id)
    row = world.now_is(render)
    assert (row.state, row.reason["code"], row.reason["stage"]) == (State.FAILED, "made_up_broken", "voice")
    assert (row.attempts, row.lease_owner) == (0, None)
    assert get_settings().pipeline.max_attempts == 3


def test_what_was_handed_in_wrong_ends_at_once(world: World):
    render = world.render()
    world.recorded.broken["voice"] = InputError("a made-up failure", code="made_up")
    assert advance(render.id) == 1
    assert (world.now_is(render).state, world.now_is(render).reason["code"]) == (State.FAILED, "made_up")


def test_a_fault_of_ours_is_said_by_its_kind_alone(world: World):
    world.recorded.broken["voice"] = RuntimeError("Asha Example")
    row = world.advance(world.render())
    assert (row.state, row.reason["code"]) == (State.FAILED, "internal")
    assert "RuntimeError" in row.reason["message"] and "Asha" not in row.reason["message"]


def test_a_render_that_kills_its_workers_is_parked(world: World):
    render = world.render()
    for _ in range(get_settings().pipeline.max_attempts):
        assert claim(render.id) is not None
        world.tick(get_settings().pipeline.lease_seconds + 1)  # killed: it neither returns nor renews
    row = world.advance(render)
    assert (row.state, row.reason["code"]) == (State.FAILED, "poison")


def test_a_result_that_comes_too_late_is_thrown_away(world: World, after: Any):
    render = world.render()

    def another_takes_over() -> None:
        world.tick(get_settings().pipeline.lease_seconds + 1)
        with transaction() as session:
            row = session.get_one(RenderRow, render.id)
            row.lease_until, row.fence = None, row.fence + 1

    after("voice", another_takes_over)
    taken = claim(render.id)
    assert taken is not None
    run_stage(taken)
    assert Event.SPEECH_MADE not in events_of(render.id)
    assert world.now_is(render).state == State.SCRIPTED


def test_only_a_failed_render_is_retried(world: World):
    render = world.to_review()
    with pytest.raises(GreenroomError, match="only a failed render"):
        retry(render.id, brand_id=world.brand_id)


# Messages


def test_ten_sweeps_send_one_message(world: World):
    render = world.render()
    waiting_messages()
    world.tick(get_settings().pipeline.resend_seconds + 1)
    assert [payload["render_id"] for _ in range(10) for _, payload in swept()] == [render.id]


def test_a_message_counts_as_lost_after_a_while(world: World):
    render = world.render()
    assert swept() == [], "its own is on the way"
    for _ in range(3):
        world.tick(get_settings().pipeline.resend_seconds + 1)
        assert [payload["render_id"] for _, payload in swept()] == [render.id]


def test_a_render_whose_worker_died_is_found_at_once(world: World):
    render = world.render()
    assert claim(render.id) is not None
    assert swept() == []
    world.tick(get_settings().pipeline.lease_seconds + 1)
    assert [payload["render_id"] for _, payload in swept()] == [render.id]


def test_measures_of_one_render_are_not_anothers(world: World):
    """The kit's own promise, on which the tests of gates stand."""
    flagged, clean = world.render(flagged=("lip_sync",)), world.render()
    assert world.advance(clean).verdict == Verdict.PASS
    assert world.advance(flagged).verdict == Verdict.REVIEW
    assert world.recorded.next == Measures()
