"""The numbers that lie in the database, offered by one process: the relay. And each process's own clock.

Read when somebody asks, at most once in ``KEEP_SECONDS``, so that many readers cost the database no more than one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.errors import GreenroomError
from core.metrics import FROM_DATABASE, REGISTRY, SKEW
from delivery.drift import Baseline, load_baseline
from delivery.overview import Overview, clock_skew, overview

KEEP_SECONDS = 10.0

Kept = TypeVar("Kept")


class _Keeping(Generic[Kept]):
    """What ``read`` gave lately. One thread reads; others wait for it and take the same."""

    def __init__(self, read: Callable[[], Kept], seconds: float):
        self._read, self._seconds = read, seconds
        self._lock = threading.Lock()
        self._kept: tuple[float, Kept] | None = None

    def __call__(self) -> Kept:
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] > self._seconds:
                value = self._read()
                self._kept = (time.monotonic(), value)
            return self._kept[1]


class DatabaseCollector(Collector):
    """:func:`delivery.overview.overview` and the baseline of the scores as gauges. What is not known is left out."""

    def __init__(self, seconds: float = KEEP_SECONDS):
        self._look = _Keeping(overview, seconds)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The names, without a look at the database: asked when it is registered."""
        return iter(_families().values())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families = _families()
        found, baseline = self._look(), {}
        try:
            baseline = load_baseline()
        except GreenroomError as error:
            found.failed["baseline"] = error.code
        for name, labels, value in _numbers(found, baseline):
            families[name].add_metric(labels, value)
        return iter(families.values())


class SkewCollector(Collector):
    """This process's clock against the database's; nothing where the database cannot be asked."""

    def __init__(self, seconds: float = KEEP_SECONDS):
        self._look = _Keeping(_skew, seconds)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        return iter([GaugeMetricFamily(*SKEW)])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        skew = self._look()
        if skew is not None:
            yield GaugeMetricFamily(*SKEW, value=skew)


_offered: set[type[Collector]] = set()


def offer(*, database: bool = True) -> None:
    """Add these numbers to what this process offers, once. ``database``: the relay's; without, its clock alone."""
    kinds: list[type[DatabaseCollector] | type[SkewCollector]] = [SkewCollector]
    for kind in [*kinds, DatabaseCollector] if database else kinds:
        if kind not in _offered:
            _offered.add(kind)
            REGISTRY.register(kind())


def _families() -> dict[str, GaugeMetricFamily]:
    return {
        name: GaugeMetricFamily(name, words, labels=labels) for name, (words, labels) in FROM_DATABASE.items()
    }


def _skew() -> float | None:
    try:
        return clock_skew()
    except Exception:
        return None


def _numbers(found: Overview, baseline: Baseline) -> Iterator[tuple[str, list[str], float]]:
    for state, depth in found.renders.items():
        yield "greenroom_renders", [state], depth.count
        yield "greenroom_oldest_seconds", [state], depth.oldest
    if "leases" not in found.failed:
        over = sum(lease.left < 0 for lease in found.leases)
        yield "greenroom_leases", ["held"], len(found.leases) - over
        yield "greenroom_leases", ["over"], over
    for name, waiting in (
        ("greenroom_outbox_messages", found.outbox),
        ("greenroom_ledger_pending", found.ledger),
        ("greenroom_withdrawals_unsettled", found.withdrawals),
    ):
        if waiting is not None:
            yield name, [], waiting.count
            yield f"{name.removesuffix('_messages')}_oldest_seconds", [], waiting.oldest
    if found.reports is not None:
        yield "greenroom_reports_open", [], found.reports.open
        yield "greenroom_reports_overdue_seconds", [], found.reports.overdue
    if found.checkpoint is not None:
        yield "greenroom_ledger_checkpoint_seconds", [], found.checkpoint.age
        yield "greenroom_ledger_checkpoint_size", [], found.checkpoint.size
    if found.verified is not None:
        yield "greenroom_ledger_verified", [], found.verified.good
        yield "greenroom_ledger_verified_seconds", [], found.verified.age
    for name, seconds in found.certificates.items():
        yield "greenroom_certificate_expires_seconds", [name], seconds
    for gate, shares in baseline.items():
        for bound, share in shares.items():
            yield "greenroom_gate_score_baseline", [gate, bound], share
    for part in found.failed:
        yield "greenroom_collector_failed", [part], 1
