"""Every number that Greenroom offers to Prometheus: names, labels and units, in one place.

Names are stable (``greenroom_*``; people write rules against them). Labels are bounded: states, stages, gates, codes,
route templates, never an id, an address or a text; :func:`label` holds whatever comes from elsewhere to that.

Counters and histograms count what this process did, so of several processes they are summed. What lies in the database
(depths, ages) is read and offered by one process, the relay (:mod:`delivery.collector`); where a second relay runs it
offers the same numbers, so they are taken by ``max``, never summed. What a single command does is in no counter.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    start_http_server,
)

from core.errors import GreenroomError
from core.redaction import code_of
from core.settings import get_settings

log = logging.getLogger("greenroom.metrics")

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

CONTENT_TYPE = CONTENT_TYPE_LATEST
MOST_VALUES = 64
PORTS = 20
OTHER = "other"

_MINUTES = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600)
_DAYS = (60, 300, 900, 3600, 4 * 3600, 8 * 3600, 24 * 3600, 3 * 24 * 3600, 7 * 24 * 3600)
SCORE_BOUNDS = tuple(round(step / 20, 2) for step in range(21))

PROCESS = Gauge("greenroom_process", "1 for a process that runs.", ["kind"], registry=REGISTRY)

# Stages and leases
STAGE_SECONDS = Histogram(
    "greenroom_stage_seconds",
    "Seconds that a stage worked, by what came of it: done, blocked, failed, retried or lost.",
    ["stage", "outcome"],
    buckets=_MINUTES,
    registry=REGISTRY,
)
RETRIES = Counter(
    "greenroom_stage_retries",
    "Tries of a stage that another try follows, by the code of the trouble.",
    ["stage", "code"],
    registry=REGISTRY,
)
LEASES_LOST = Counter(
    "greenroom_leases_lost",
    "Results thrown away: the lease was not held any more.",
    ["stage"],
    registry=REGISTRY,
)
PARKED = Counter(
    "greenroom_renders_parked",
    "Renders that ended as failed and wait for a person.",
    ["code"],
    registry=REGISTRY,
)
BLOCKED = Counter(
    "greenroom_renders_blocked", "Renders that a trust step ended.", ["code"], registry=REGISTRY
)

# Gates
GATES = Counter("greenroom_gate_outcomes", "Verdicts of the gates.", ["gate", "verdict"], registry=REGISTRY)
ABSTENTIONS = Counter(
    "greenroom_gate_abstentions",
    "Gates that could not measure; the code is the beginning of their sentence.",
    ["gate", "code"],
    registry=REGISTRY,
)
SCORES = Histogram(
    "greenroom_gate_score",
    "Scores in the gate's own unit.",
    ["gate"],
    buckets=SCORE_BOUNDS,
    registry=REGISTRY,
)

# People and doors
REVIEW_SECONDS = Histogram(
    "greenroom_review_seconds",
    "Seconds from the opening of a review to each decision in it.",
    ["verdict"],
    buckets=_DAYS,
    registry=REGISTRY,
)
DECISIONS = Counter(
    "greenroom_decisions", "Decisions of reviewers, by manner.", ["verdict", "manner"], registry=REGISTRY
)
RELEASES = Counter("greenroom_releases", "Renders that became released.", registry=REGISTRY)
REFUSALS = Counter("greenroom_release_refusals", "Releases that were refused.", ["code"], registry=REGISTRY)
RECALLS = Counter(
    "greenroom_recalls", "Renders taken back: by the publisher or the person.", ["by"], registry=REGISTRY
)
SETTLING_SECONDS = Histogram(
    "greenroom_withdrawal_settling_seconds",
    "Seconds from a person's withdrawal to the row of a released render saying so. Doors refuse before that.",
    buckets=(0.1, 0.3, 1, 3, 10, 30, 60, 300, 1800),
    registry=REGISTRY,
)
LINKS = Counter("greenroom_link_requests", "Delivery links that were opened.", ["answer"], registry=REGISTRY)

# The web, and what it stands on
SIGN_INS = Counter("greenroom_sign_ins", "Passwords that were tried.", ["answer"], registry=REGISTRY)
HTTP_SECONDS = Histogram(
    "greenroom_http_request_seconds",
    "Seconds to the end of an answer, by the route's template.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=REGISTRY,
)
BLOB_ERRORS = Counter(
    "greenroom_blob_errors", "Calls of the blob store that failed.", ["operation", "code"], registry=REGISTRY
)
LOOP_ERRORS = Counter(
    "greenroom_loop_errors",
    "Rounds of the relay's or the sequencer's loop that failed.",
    ["code"],
    registry=REGISTRY,
)

# Offered by the relay alone, see delivery/collector.py: name, help, labels.
FROM_DATABASE: dict[str, tuple[str, tuple[str, ...]]] = {
    "greenroom_renders": ("Renders in a state that is not final; counted up to a bound.", ("state",)),
    "greenroom_oldest_seconds": ("Seconds since the longest-waiting render came into its state.", ("state",)),
    "greenroom_leases": ("Leases on stages: held, or past their end and not taken over.", ("standing",)),
    "greenroom_outbox_messages": ("Messages that were not sent; counted up to a bound.", ()),
    "greenroom_outbox_oldest_seconds": ("Age of the oldest of them; 0 where there is none.", ()),
    "greenroom_ledger_pending": ("Entries that no position was given to; counted up to a bound.", ()),
    "greenroom_ledger_pending_oldest_seconds": ("Age of the oldest of them; 0 where there is none.", ()),
    "greenroom_ledger_checkpoint_seconds": ("Age of the last signed checkpoint.", ()),
    "greenroom_ledger_checkpoint_size": ("Entries that it covers.", ()),
    "greenroom_ledger_verified": ("1 where the last verification of the ledger agreed, else 0.", ()),
    "greenroom_ledger_verified_seconds": ("Age of that verification.", ()),
    "greenroom_withdrawals_unsettled": ("Authorities whose end has not reached every row under them.", ()),
    "greenroom_withdrawals_unsettled_oldest_seconds": (
        "Seconds since the first of them; 0 where there is none.",
        (),
    ),
    "greenroom_reports_open": ("Reports of videos that nobody has closed; counted up to a bound.", ()),
    "greenroom_reports_overdue_seconds": ("Seconds since the first of them was due; 0 where none is.", ()),
    "greenroom_certificate_expires_seconds": ("Seconds until a certificate ends.", ("certificate",)),
    "greenroom_gate_score_baseline": (
        "Share of a gate's scores at or below a bound when all was well.",
        ("gate", "le"),
    ),
    "greenroom_collector_failed": ("1 for a part of these numbers that could not be read.", ("part",)),
}
# Offered by web, worker and relay: its own clock against the database's.
SKEW = ("greenroom_clock_skew_seconds", "Seconds that this process's clock is ahead of the database's.")

Call = ParamSpec("Call")
Answer = TypeVar("Answer")

_WORD = re.compile(r"[a-z][a-z0-9_]{0,59}\Z")
_seen: dict[str, set[str]] = {}


def label(name: str, value: str) -> str:
    """A label's value, or ``other`` for what is no plain word or is one too many: memory and series stay bounded.

    Args:
        name: whose value it is; each name has ``MOST_VALUES`` of them.
    """
    if not _WORD.match(value):
        return OTHER
    seen = _seen.setdefault(name, set())
    if value not in seen:
        if len(seen) >= MOST_VALUES:
            return OTHER
        seen.add(value)
    return value


def code(error: BaseException) -> str:
    """An error's code as a label; ``internal`` for one that is none of ours."""
    if isinstance(error, GreenroomError):
        return label("code", error.code)
    return "internal"


def answers(counter: Counter, good: str) -> Callable[[Callable[Call, Answer]], Callable[Call, Answer]]:
    """Decorator: count each call under the label ``answer``: ``good``, or the code of what it raised."""

    def around(function: Callable[Call, Answer]) -> Callable[Call, Answer]:
        @wraps(function)
        def counted(*args: Call.args, **kwargs: Call.kwargs) -> Answer:
            try:
                answer = function(*args, **kwargs)
            except Exception as error:
                counter.labels(code(error)).inc()
                raise
            counter.labels(good).inc()
            return answer

        return counted

    return around


_MISSING = {"not_found", "missing_file", "no_file"}  # an answer, not a fault


def blob_errors(store: type[Answer]) -> type[Answer]:
    """Class decorator of a blob store: count what its calls raise, by operation and kind."""

    def counted(operation: str, function: Callable[Call, Any]) -> Callable[Call, Any]:
        @wraps(function)
        def call(*args: Call.args, **kwargs: Call.kwargs) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                kind = code_of(error).lower() if not isinstance(error, GreenroomError) else error.code
                if kind not in _MISSING:
                    BLOB_ERRORS.labels(operation, label("blob", kind)).inc()
                raise

        return call

    for operation in ("put_file", "get_file", "exists", "size", "delete"):
        setattr(store, operation, counted(operation, getattr(store, operation)))
    return store


def page() -> bytes:
    """All numbers of this process in Prometheus's text form."""
    return generate_latest(REGISTRY)


def serve(process: str) -> int | None:
    """Offer this process's numbers at ``GREENROOM_METRICS_PORT``, in a thread that ends with it; the port, or None.

    A port that cannot be had costs the numbers, not the process: that is a warning.
    """
    PROCESS.labels(process).set(1)
    settings = get_settings().metrics
    return _listen(settings.host, settings.port) if settings.port else None


@lru_cache(maxsize=4)
def _listen(host: str, first: int) -> int | None:
    for port in range(first, first + PORTS):
        try:
            start_http_server(port, host, REGISTRY)
        except OSError as error:
            last = type(error).__name__
            continue
        log.info("numbers are at port %d", port)
        return port
    log.warning("no port for numbers from %d on: %s", first, last)
    return None
