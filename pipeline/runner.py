"""Runs stages: claim, work, and record the result with its ledger entry and its message in one transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from audit.ledger import Event, append
from core.database import transaction
from core.errors import GreenroomError, InputError
from core.settings import get_settings
from pipeline import outbox
from pipeline.errors import LeaseLost
from pipeline.jobs import Job, Outcome, load_job
from pipeline.leases import Claim, claim, settle
from pipeline.stages import examine, inspect, picture, script, seal, voice
from pipeline.states import State, check_move

log = logging.getLogger("greenroom.pipeline")

STAGE_FUNCTIONS: dict[str, Callable[[Job], Outcome]] = {
    "script": script.run,
    "voice": voice.run,
    "picture": picture.run,
    "examine": examine.run,
    "seal": seal.run,
    "inspect": inspect.run,
}

# Where a render is now, in the ledger's vocabulary.
EVENTS: dict[State, Event] = {
    State.SCRIPTED: Event.POLICY_CHECKED,
    State.VOICED: Event.SPEECH_MADE,
    State.ENCODED: Event.CANDIDATE_ENCODED,
    State.EXAMINED: Event.RENDER_EXAMINED,
    State.SEALED: Event.ASSET_SEALED,
    State.IN_REVIEW: Event.REVIEW_OPENED,
    State.BLOCKED: Event.RENDER_BLOCKED,
    State.FAILED: Event.RENDER_FAILED,
}


def advance(render_id: str) -> int:
    """Run every stage that a render waits for, one after the other, until it waits for a person or has ended.

    Returns how many stages this call ran; 0 when there was nothing to do or another worker does it.
    """
    ran = 0
    while taken := claim(render_id):
        run_stage(taken)
        ran += 1
    return ran


def run_stage(taken: Claim) -> None:
    """One stage under its lease. Failures become the render's state; only the lease's loss is silent."""
    began = time.monotonic()
    job = load_job(taken)
    try:
        outcome = _attempt(job)
        check_move(taken.stage.start, outcome.state, where=taken.render_id)
        _record(job, outcome, time.monotonic() - began)
    except LeaseLost:
        log.warning("lease lost: %s %s", taken.render_id, taken.stage.name)
    except _TryAgain as again:
        log.warning("stage failed, will be tried again: %s %s %s", taken.render_id, taken.stage.name, again)
        with transaction() as session:
            settle(session, taken)


class _TryAgain(Exception):
    """The stage failed in a way that another try may mend."""


def _attempt(job: Job) -> Outcome:
    """The stage's outcome; a failure that is final becomes an outcome too."""
    stage = job.claim.stage.name
    # Attempts are counted when a lease is taken: a render that kills its worker each time is parked, not retried.
    if job.render.attempts > get_settings().pipeline.max_attempts:
        return _failed(job, "poison", f"the stage '{stage}' ended its worker {job.render.attempts - 1} times")
    try:
        return STAGE_FUNCTIONS[stage](job)
    except LeaseLost:
        raise
    except InputError as error:
        return _failed(job, error.code, str(error))
    except GreenroomError as error:
        if job.render.attempts >= get_settings().pipeline.max_attempts:
            return _failed(job, error.code, str(error))
        raise _TryAgain(error.code) from error
    except Exception as error:
        log.exception("stage raised: %s %s", job.render.id, stage)
        if job.render.attempts >= get_settings().pipeline.max_attempts:
            return _failed(job, "internal", f"{type(error).__name__} in the stage '{stage}'")
        raise _TryAgain(type(error).__name__) from error


def _failed(job: Job, code: str, message: str) -> Outcome:
    return Outcome(
        State.FAILED,
        reason={
            "code": code,
            "message": message,
            "stage": job.claim.stage.name,
            "retry": job.claim.stage.start,
        },
    )


def _record(job: Job, outcome: Outcome, seconds: float) -> None:
    timings = {**job.render.timings, job.claim.stage.name: round(seconds, 3)}
    with transaction() as session:
        settle(
            session,
            job.claim,
            state=outcome.state,
            attempts=0,
            progress=1.0,
            reason=outcome.reason,
            timings=timings,
            **outcome.values,
        )
        outcome.record(session)
        facts: dict[str, object] = {"state": outcome.state.value, "attempt": job.render.attempts}
        if outcome.reason:
            facts["reason_code"] = str(outcome.reason.get("code", "")) or None
        if essence := outcome.values.get("essence"):
            facts["essence"] = essence
        append(session, EVENTS[outcome.state], job.render.id, facts)
        outbox.hint(session, job.render.id, outcome.state)
