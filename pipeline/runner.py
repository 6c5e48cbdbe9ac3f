"""Runs stages: claim, work, and record the result with its ledger entry and its message in one transaction."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from sqlalchemy.orm import Session

from audit.errors import AuthorityNotGranted, LedgerInconsistent, RenderLimitReached
from audit.standing import authority_standing
from core.database import reading, take_turn, transaction
from core.errors import DatabaseBusy, GreenroomError, InputError
from core.heartbeat import beating
from core.logs import learned
from core.settings import get_settings
from pipeline.agreement import check_rows
from pipeline.errors import LeaseLost
from pipeline.jobs import Job, Outcome, load_job
from pipeline.leases import Claim
from pipeline.life import move
from pipeline.metrics import stage_ended, stage_lost, stage_postponed, staged
from pipeline.script_approval import lacks_approval
from pipeline.shift import Shift, ShiftOver, give_back
from pipeline.stages import examine, inspect, picture, script, seal, voice
from pipeline.standing import authority_of
from pipeline.states import State
from pipeline.tables import RenderRow

log = logging.getLogger("greenroom.pipeline")

RECORD_TRIES = 4
"""That a finished stage's result is offered to a database in whose way somebody is; then the stage is given back."""
RECORD_PAUSE = 0.5
"""Seconds before the second try, at most; doubled for each further one, and down to half of it by chance, so that
workers who were in each other's way do not meet again."""

STAGE_FUNCTIONS: dict[str, Callable[[Job], Outcome]] = {
    "script": script.run,
    "voice": voice.run,
    "picture": picture.run,
    "examine": examine.run,
    "seal": seal.run,
    "inspect": inspect.run,
}


def advance(render_id: str, shift: Shift | None = None) -> int:
    """Run the stages that a render waits for, one after the other, until it waits for a person or has ended.

    Args:
        shift: the worker's; a stage that is not of its kinds is left to the worker that the message about it goes to.
            None takes every kind.

    Returns how many stages this call ran; 0 when there was nothing to do or another worker does it.
    """
    shift = shift or Shift()
    ran = 0
    while taken := shift.claim(render_id):
        run_stage(taken, shift)
        ran += 1
    return ran


@staged
def run_stage(taken: Claim, shift: Shift | None = None) -> None:
    """One stage under its lease. Failures become the render's state; only the lease's loss and the shift's end are
    silent."""

    def beat() -> None:
        if shift is not None:
            shift.beat()
        taken.beat()

    began = time.monotonic()
    try:
        with beating(beat):
            job, stopped = look(taken)
            learned(brand_id=job.render.brand_id)
            outcome = _attempt(job, stopped)
        _record_or_end(job, outcome, time.monotonic() - began, shift or Shift())
    except LeaseLost:
        log.warning("lease lost: %s %s", taken.render_id, taken.stage.name)
        stage_lost(taken.stage.name, time.monotonic() - began)
    except ShiftOver:
        log.warning("given back, this worker ends: %s %s", taken.render_id, taken.stage.name)
        give_back(taken)
    except _TryAgain as again:
        _postpone(taken, again.code, retryable=again.retryable)
        stage_postponed(taken.stage.name, again.code, time.monotonic() - began)
    except DatabaseBusy as busy:
        # Before the work or when its result was to be recorded. Where that was recorded all the same, this is late. A
        # stage that has waited for others long enough uses up its tries by it.
        _postpone(taken, busy.code, retryable=taken.waits < get_settings().pipeline.max_waits)
        stage_postponed(taken.stage.name, busy.code, time.monotonic() - began)


def _postpone(taken: Claim, code: str, *, retryable: bool) -> None:
    log.warning("stage failed, will be tried again: %s %s %s", taken.render_id, taken.stage.name, code)
    try:
        taken.postpone(retryable=retryable)
    except DatabaseBusy:
        log.warning("its lease ends by itself: %s %s", taken.render_id, taken.stage.name)


class _TryAgain(Exception):
    """The stage failed in a way that another try may mend. ``retryable``: the trouble is not ours, and passes."""

    def __init__(self, code: str, *, retryable: bool) -> None:
        super().__init__(code)
        self.code = code
        self.retryable = retryable


def look(taken: Claim) -> tuple[Job, Outcome | Exception | None]:
    """The job, and what stands against it at this moment: the end that its render comes to, or why nobody can say."""
    with reading() as session:
        job = load_job(session, taken)
        try:
            return job, _stopped(session, job)
        except Exception as error:
            return job, error


def _stopped(session: Session, job: Job) -> Outcome | None:
    """No work is done for a persona whose authority does not stand: withdrawn ends the render, suspended waits.

    Nor on a script that waits for the person who appears, where the authority asks them; their no ends it.

    Nor on rows that are not what the ledger recorded: that ends the render too.
    """
    try:
        check_rows(session, job.render, job.campaign, job.persona, where=job.render.id)
    except LedgerInconsistent as error:
        return altered(error)
    standing = authority_standing(session, job.persona.authority_id, with_count=False)
    if standing.state in ("suspended", "not_yet"):
        raise _TryAgain(f"authority_{standing.state}", retryable=True)
    if not standing.valid:
        return withdrawn(standing.state)
    lack = lacks_approval(session, job.render, standing)
    if lack is None:
        return None
    if lack.step == "waits":
        raise _TryAgain(lack.code, retryable=True)
    return Outcome(State.BLOCKED, reason={"code": lack.code, "message": lack.sentence})


def withdrawn(state: str) -> Outcome:
    """How a render ends whose authority is withdrawn or over."""
    words = {"revoked": "the authority was withdrawn", "expired": "the authority has ended"}
    return Outcome(State.BLOCKED, reason={"code": f"authority_{state}", "message": words.get(state, state)})


def altered(error: LedgerInconsistent) -> Outcome:
    """How a render ends that somebody changed in the database, or its campaign or persona."""
    return Outcome(State.BLOCKED, reason={"code": error.code, "message": str(error)})


def _attempt(job: Job, stopped: Outcome | Exception | None) -> Outcome:
    """The stage's outcome; a failure that is final becomes an outcome too. ``stopped``: as :func:`look` found it."""
    stage = job.claim.stage.name
    settings = get_settings().pipeline
    # Attempts are counted when a lease is taken: a render that kills its worker each time is parked, not retried.
    if job.render.attempts > settings.max_attempts:
        return failed(
            job.claim, "poison", f"the stage '{stage}' came to no end in {job.render.attempts - 1} tries"
        )
    try:
        if isinstance(stopped, Exception):
            raise stopped
        return stopped or STAGE_FUNCTIONS[stage](job)
    except (LeaseLost, _TryAgain):
        raise
    except InputError as error:
        return failed(job.claim, error.code, str(error))
    except GreenroomError as error:
        return _given_up(job, error)
    except Exception as error:
        log.exception("stage raised: %s %s", job.render.id, stage)
        if _last_try(job):
            return failed(job.claim, "internal", f"{type(error).__name__} in the stage '{stage}'")
        raise _TryAgain(type(error).__name__, retryable=False) from error


def _given_up(job: Job, error: GreenroomError) -> Outcome:
    """The end of a stage that nothing more is tried for. Raises _TryAgain while there is."""
    spent = job.render.waits >= get_settings().pipeline.max_waits if error.retryable else _last_try(job)
    if spent:
        return failed(job.claim, error.code, str(error))
    raise _TryAgain(error.code, retryable=error.retryable) from error


def _last_try(job: Job) -> bool:
    return job.render.attempts >= get_settings().pipeline.max_attempts


def failed(claim: Claim, code: str, message: str) -> Outcome:
    """A stage that cannot be done, and where a person's retry begins."""
    reason = {"code": code, "message": message, "stage": claim.stage.name, "retry": claim.stage.start.value}
    return Outcome(State.FAILED, reason=reason)


def _record_or_end(job: Job, outcome: Outcome, seconds: float, shift: Shift) -> None:
    """Record a result: with some patience where the database is busy, and never twice.

    Whatever a try that raised has left in the database, its end included where that alone was not heard of: a further
    one compares state and fence, as the first did, and is late then.

    Raises:
        LeaseLost: it is recorded already, or the stage is somebody else's by now.
        DatabaseBusy: it is still busy, or the lease ends before the next try. ShiftOver: the worker ends.
    """
    until = time.monotonic() + get_settings().pipeline.lease_seconds
    for number in range(1, RECORD_TRIES + 1):
        shift.beat()
        try:
            _record(job, outcome, seconds)
            return
        except (LeaseLost, _TryAgain):
            raise
        except DatabaseBusy as busy:
            pause = RECORD_PAUSE * 2 ** (number - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            if number == RECORD_TRIES or time.monotonic() + pause > until:
                raise
            log.warning("its result is offered again: %s %s", job.render.id, busy.code)
            time.sleep(pause)
        except GreenroomError as error:
            # A key that was rotated elsewhere, a receipt that says otherwise: as if the stage itself had raised it.
            _record(job, _given_up(job, error), seconds)
            return


def _record(job: Job, outcome: Outcome, seconds: float) -> None:
    """The result, its rows, the ledger's entry and the message: one transaction."""
    try:
        _commit(job, outcome, seconds)
    except (AuthorityNotGranted, RenderLimitReached) as error:
        # Withdrawn or used up between the check and the record: the render ends, and its lease is free.
        reason = {"code": error.code, "message": error.what}
        _commit(job, Outcome(State.BLOCKED, reason=reason), seconds)
    except LedgerInconsistent as error:
        _commit(job, altered(error), seconds)


def _commit(job: Job, outcome: Outcome, seconds: float) -> None:
    with transaction() as session:
        take_turn(session, RenderRow, job.render.id)
        if outcome.state not in (
            State.FAILED,
            State.BLOCKED,
        ):  # which end under any authority, an unreadable one too
            standing = authority_of(session, job.render, with_count=False)
            if standing.state in ("revoked", "expired"):
                outcome = withdrawn(standing.state)
        rows = outcome.record(session)
        facts = dict(outcome.facts)
        if outcome.reason:
            facts["reason_code"] = str(outcome.reason.get("code", "")) or None
        move(
            session,
            job.render.id,
            outcome.state,
            start=job.claim.stage.start,
            claim=job.claim,
            values={
                **outcome.values,
                "progress": 1.0,
                "reason": outcome.reason,
                "timings": {**job.render.timings, job.claim.stage.name: round(seconds, 3)},
            },
            rows=rows,
            facts={**facts, "attempt": job.render.attempts},
        )
    stage_ended(job.claim.stage.name, outcome.state, seconds)
