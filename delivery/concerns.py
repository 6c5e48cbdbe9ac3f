"""What an operator should look at, told from an overview: the same bounds as the alert rules, at this moment.

Pure: numbers in, sentences out. Each concern names the section of docs/observability.md that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from delivery.overview import Overview
from pipeline.states import WAITING

PAGE = "docs/observability.md"

STAGE_WAITS = 1800.0
OUTBOX_WAITS = 60.0
LEDGER_WAITS = 120.0
WITHDRAWAL_WAITS = 30.0
LEASE_IS_OVER = 120.0
VERIFIED_LAST = 2 * 24 * 3600.0
CERTIFICATE_LEFT = 14 * 24 * 3600.0
SKEW = 2.0
"""Seconds, each; ``deploy/observability/alerts.yaml`` waits as long."""


@dataclass(frozen=True)
class Concern:
    """Something to look at: a stable code, a sentence, and the section that says what to do."""

    code: str
    what: str
    section: str

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "what": self.what, "next": f"{PAGE}#{self.section}"}


def concerns(found: Overview) -> list[Concern]:
    """All of them; empty where there is nothing to look at."""
    return [*_unread(found), *_waiting(found), *_record(found), *_clocks(found)]


def _unread(found: Overview) -> Iterator[Concern]:
    for part, error in found.failed.items():
        yield Concern("part_unread", f"{part} could not be read ({error})", "numbers-that-cannot-be-read")


def _waiting(found: Overview) -> Iterator[Concern]:
    for state, depth in found.renders.items():
        if state in WAITING and depth.oldest > STAGE_WAITS:
            what = f"{depth.count} renders wait as '{state}', the first for {depth.oldest:.0f} s"
            yield Concern("stage_waits", what, "the-oldest-waits-too-long")
    if found.outbox is not None and found.outbox.oldest > OUTBOX_WAITS:
        what = f"{found.outbox.count} messages were not sent, the oldest is {found.outbox.oldest:.0f} s old"
        yield Concern("outbox_waits", what, "messages-are-not-sent")
    over = [lease for lease in found.leases if lease.left < -LEASE_IS_OVER]
    if over:
        yield Concern(
            "lease_over", f"{len(over)} leases are over and nobody took them", "leases-change-hands"
        )
    if found.withdrawals is not None and found.withdrawals.oldest > WITHDRAWAL_WAITS:
        what = f"{found.withdrawals.count} withdrawals have not reached their rows for {found.withdrawals.oldest:.0f} s"
        yield Concern("withdrawal_unsettled", what, "the-recall-clock")
    if found.reports is not None and found.reports.overdue > 0:
        what = f"{found.reports.open} reports of videos are open, the first was due {found.reports.overdue:.0f} s ago"
        yield Concern("report_overdue", what, "a-report-is-overdue")


def _record(found: Overview) -> Iterator[Concern]:
    if found.ledger is not None and found.ledger.oldest > LEDGER_WAITS:
        what = f"{found.ledger.count} entries have no position, the oldest is {found.ledger.oldest:.0f} s old"
        yield Concern("ledger_pending", what, "the-ledger-stands-still")
    if found.verified is not None and not found.verified.good:
        yield Concern(
            "ledger_disagrees",
            "the last verification of the ledger did not agree",
            "the-ledger-does-not-agree",
        )
    elif found.verified is not None and found.verified.age > VERIFIED_LAST:
        what = f"the ledger was last verified {found.verified.age / 3600:.0f} hours ago"
        yield Concern("ledger_unverified", what, "the-ledger-was-not-verified")


def _clocks(found: Overview) -> Iterator[Concern]:
    for name, left in found.certificates.items():
        if left < CERTIFICATE_LEFT:
            what = f"the {name} certificate ends in {max(0.0, left) / 86400:.0f} days"
            yield Concern("certificate_ends", what, "a-certificate-ends")
    if found.skew is not None and abs(found.skew) > SKEW:
        what = f"this machine's clock is {found.skew:+.1f} s from the database's"
        yield Concern("clock_skew", what, "clocks-disagree")
