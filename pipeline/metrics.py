"""What the pipeline counts, and what its log lines carry: called by the runner, the gates' stage, the one place where a
render changes, and reviews. What a transaction makes true is counted when it has committed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from sqlalchemy import event
from sqlalchemy.orm import Session

from audit.events import Event
from core import metrics
from core.database import now
from core.logs import bound
from core.models import GateDecision
from pipeline.leases import Claim
from pipeline.states import State
from pipeline.tables import RenderRow

Call = ParamSpec("Call")
Answer = TypeVar("Answer")

_ENDS = {State.FAILED: "failed", State.BLOCKED: "blocked"}
_SENTENCE = re.compile(r"[a-z' ]+")


def staged(run: Callable[Call, Answer]) -> Callable[Call, Answer]:
    """Decorator of what runs one stage, given its claim first: each line that is logged meanwhile names the render and the stage."""

    @wraps(run)
    def within(*args: Call.args, **kwargs: Call.kwargs) -> Answer:
        taken = cast("Claim", args[0])
        with bound(render_id=taken.render_id, stage=taken.stage.name):
            return run(*args, **kwargs)

    return within


def stage_ended(stage: str, end: State, seconds: float) -> None:
    """A stage's result was recorded."""
    metrics.STAGE_SECONDS.labels(stage, _ENDS.get(end, "done")).observe(seconds)


def stage_lost(stage: str, seconds: float) -> None:
    """The lease was not held any more: the work was for nothing."""
    metrics.LEASES_LOST.labels(stage).inc()
    metrics.STAGE_SECONDS.labels(stage, "lost").observe(seconds)


def stage_postponed(stage: str, code: str, seconds: float) -> None:
    """The stage failed and is tried again."""
    # What is no error of ours comes by its class's name.
    metrics.RETRIES.labels(stage, "internal" if code[:1].isupper() else metrics.label("code", code)).inc()
    metrics.STAGE_SECONDS.labels(stage, "retried").observe(seconds)


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Around the work of a stage that is not the runner's (the release): its seconds, and whether it was done."""
    began, outcome = time.monotonic(), "failed"
    try:
        yield
        outcome = "done"
    finally:
        metrics.STAGE_SECONDS.labels(stage, outcome).observe(time.monotonic() - began)


def about_render(act: Callable[Call, Answer]) -> Callable[Call, Answer]:
    """Decorator of ``act(render_id, *, brand_id, ...)``: each line that is logged meanwhile names both."""

    @wraps(act)
    def within(*args: Call.args, **kwargs: Call.kwargs) -> Answer:
        with bound(render_id=str(args[0]), brand_id=str(kwargs.get("brand_id", ""))):
            return act(*args, **kwargs)

    return within


def gates_decided(decisions: Sequence[GateDecision]) -> None:
    """The gates' answers over one video."""
    for decision in decisions:
        result = decision.result
        gate = metrics.label("gate", result.gate)
        metrics.GATES.labels(gate, decision.verdict.value).inc()
        if result.abstained:
            metrics.ABSTENTIONS.labels(gate, abstention(result.reason)).inc()
        elif result.score is not None:
            metrics.SCORES.labels(gate).observe(result.score)


def abstention(reason: str) -> str:
    """A code for why a gate abstained: its sentence up to the first number or mark, as one word."""
    found = _SENTENCE.match(reason.lower())
    words = found[0].replace("'", "").split() if found else []
    return metrics.label("abstention", "_".join(words)[:60].strip("_") or "unsaid")


def moved(session: Session, row: RenderRow, how: Event) -> None:
    """A render was moved; counted where that ends or releases it, once it is true."""
    code = metrics.label("code", str((row.reason or {}).get("code", "unsaid")))
    if how is Event.ASSET_RELEASED:
        _when_true(session, metrics.RELEASES.inc)
    elif how in (Event.ASSET_RECALLED, Event.ASSET_WITHDRAWN):
        by = "person" if how is Event.ASSET_WITHDRAWN else "publisher"
        _when_true(session, metrics.RECALLS.labels(by).inc)
    elif row.state == State.FAILED:
        _when_true(session, metrics.PARKED.labels(code).inc)
    elif row.state == State.BLOCKED:
        _when_true(session, metrics.BLOCKED.labels(code).inc)


def decided(session: Session, row: RenderRow, verdict: str, manner: str) -> None:
    """A reviewer decided over a render in review, which came into that state when it last changed."""
    seconds = max(0.0, (now() - row.changed_at).total_seconds())
    _when_true(session, metrics.DECISIONS.labels(verdict, manner).inc)
    _when_true(session, lambda: metrics.REVIEW_SECONDS.labels(verdict).observe(seconds))


def settled(session: Session, since: datetime) -> None:
    """The row of a released render says what the person decided at ``since``."""
    seconds = max(0.0, (now() - since).total_seconds())
    _when_true(session, lambda: metrics.SETTLING_SECONDS.observe(seconds))


def _when_true(session: Session, count: Callable[[], Any]) -> None:
    event.listen(session, "after_commit", lambda _session: count(), once=True)
