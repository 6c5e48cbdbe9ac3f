"""How the installation stands at this moment: what waits and for how long, who holds leases, how far the record is.

For ``greenroom status`` and for the numbers that the relay offers. It only looks. Whatever the database holds, a part
counts at most ``MOST`` rows, and that number reads as "so many or more"; the oldest is the oldest of as many, of
renders the oldest of ``MOST_READ``. The withdrawals are the sweeper's own question.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from sqlalchemy import func, literal, select, union_all

from audit.tables import AuthorityStatusRow, LedgerCheckpointRow, LedgerEntryRow
from core.database import now, reading
from core.settings import Settings, get_settings
from core.tables import OutboxRow
from delivery.tables import ReportRow
from delivery.withdrawal import unsettled
from pipeline.leases import database_seconds
from pipeline.states import WAITING, State
from pipeline.tables import RenderRow

MOST = 20_000  # rows that are counted
MOST_READ = 1_000  # rows of renders, which are wide, that are looked at for their age
MOST_LEASES = 200

OPEN = (*sorted(WAITING), State.IN_REVIEW, State.APPROVED, State.FAILED)
"""States that somebody or something still has to act on, in the order in which they are shown."""


@dataclass(frozen=True)
class Depth:
    """How many wait, and for how long the first of them has, in seconds (0 where none does)."""

    count: int = 0
    oldest: float = 0.0


@dataclass(frozen=True)
class Lease:
    """A stage that somebody works on. ``left``: seconds until the lease ends; negative once it is over."""

    render_id: str
    state: str
    owner: str
    held: float
    left: float


@dataclass(frozen=True)
class Checkpoint:
    """The last signed checkpoint: entries that it covers, and its age in seconds."""

    size: int
    age: float


@dataclass(frozen=True)
class Verified:
    """The last answer of ``greenroom ledger verify``: whether it agreed, and its age in seconds."""

    good: bool
    age: float


@dataclass(frozen=True)
class Reports:
    """Cases that people opened about videos: how many are open, and seconds since the first was due (0: none is)."""

    open: int = 0
    overdue: float = 0.0


@dataclass
class Overview:
    """All of it. A part that could not be read is in ``failed``, by its error's class, and keeps its empty value."""

    renders: dict[str, Depth] = field(default_factory=dict)
    outbox: Depth | None = None
    ledger: Depth | None = None
    checkpoint: Checkpoint | None = None
    leases: list[Lease] = field(default_factory=list)
    withdrawals: Depth | None = None
    reports: Reports | None = None
    verified: Verified | None = None
    certificates: dict[str, float] = field(default_factory=dict)
    skew: float | None = None
    failed: dict[str, str] = field(default_factory=dict)


def overview() -> Overview:
    """Look at every part. Nothing raises: where a part cannot be read the others still can."""
    found: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for part, read in _PARTS.items():
        # A database that is away, a table that is not there yet, a file that is none.
        try:
            found[part] = read()
        except Exception as error:
            failed[part] = type(error).__name__
    return Overview(**found, failed=failed)


def clock_skew() -> float:
    """Seconds that this process's clock is ahead of the database's; half of the question's way is taken off."""
    with reading() as session:
        database_seconds(session)  # the connection is there
        began = time.time()
        theirs = database_seconds(session)
        return (began + time.time()) / 2 - theirs


def _renders() -> dict[str, Depth]:
    parts = []
    for state in OPEN:
        here = RenderRow.state == state.value
        counted = select(literal(1)).where(here).limit(MOST).subquery()  # from an index alone
        some = select(RenderRow.changed_at).where(here).limit(MOST_READ).subquery()
        oldest = select(func.min(some.c.changed_at)).scalar_subquery()
        parts.append(select(literal(state.value), func.count(), oldest).select_from(counted))
    with reading() as session:
        return {state: _depth(count, since) for state, count, since in session.execute(union_all(*parts))}


def _outbox() -> Depth:
    unsent = select(OutboxRow.created_at).where(OutboxRow.sent_at.is_(None)).order_by(OutboxRow.id)
    return _waiting(unsent)


def _ledger() -> Depth:
    pending = (
        select(LedgerEntryRow.created_at).where(LedgerEntryRow.position.is_(None)).order_by(LedgerEntryRow.id)
    )
    return _waiting(pending)


def _waiting(query: Any) -> Depth:
    some = query.limit(MOST).subquery()
    with reading() as session:
        count, oldest = session.execute(
            select(func.count(), func.min(some.c.created_at)).select_from(some)
        ).one()
        return _depth(count, oldest)


def _depth(count: int, since: datetime | None) -> Depth:
    return Depth(count, max(0.0, (now() - since).total_seconds()) if since is not None else 0.0)


def _checkpoint() -> Checkpoint | None:
    with reading() as session:
        row = session.execute(
            select(LedgerCheckpointRow.size, LedgerCheckpointRow.created_at)
            .order_by(LedgerCheckpointRow.size.desc())
            .limit(1)
        ).first()
    return None if row is None else Checkpoint(row[0], max(0.0, (now() - row[1]).total_seconds()))


def _leases() -> list[Lease]:
    with reading() as session:
        clock = database_seconds(session)
        rows = session.execute(
            select(
                RenderRow.id,
                RenderRow.state,
                RenderRow.lease_owner,
                RenderRow.lease_started,
                RenderRow.lease_until,
            )
            .where(
                RenderRow.state.in_([*WAITING, State.APPROVED]),
                RenderRow.lease_until.is_not(None),
            )
            .limit(MOST_LEASES)
        ).all()
    return [
        Lease(render_id, state, owner or "", clock - (started or clock), (until or clock) - clock)
        for render_id, state, owner, started, until in rows
    ]


def _withdrawals() -> Depth:
    ids = unsettled()
    if not ids:
        return Depth()
    latest = (
        select(func.max(AuthorityStatusRow.created_at))
        .where(AuthorityStatusRow.authority_id.in_(ids))
        .group_by(AuthorityStatusRow.authority_id)
    )
    with reading() as session:
        return _depth(len(ids), min(session.scalars(latest), default=None))


def _reports() -> Reports:
    waiting = select(ReportRow.due_at).where(ReportRow.closed_at.is_(None)).order_by(ReportRow.due_at)
    some = waiting.limit(MOST).subquery()
    with reading() as session:
        count, due = session.execute(select(func.count(), func.min(some.c.due_at)).select_from(some)).one()
        return Reports(count, max(0.0, (now() - due).total_seconds()) if due is not None else 0.0)


def report_file(settings: Settings) -> Path:
    """Where a timer keeps the last answer of ``greenroom ledger verify --json``."""
    given = settings.metrics.ledger_report
    return Path(given) if given else settings.home / "ledger-verify.json"


def _verified() -> Verified | None:
    path = report_file(get_settings())
    if not path.is_file():
        return None
    good = json.loads(path.read_bytes()).get("good") is True
    return Verified(good, max(0.0, time.time() - path.stat().st_mtime))


def _certificates() -> dict[str, float]:
    """Seconds until the signing and the timestamp certificates end, of those that are files here."""
    settings = get_settings()
    development = (
        Path(settings.development_pki) if settings.development_pki else settings.home / "keys" / "pki"
    )
    signing = Path(settings.signing_chain) if settings.signing_chain else development / "chain.pem"
    files = {"signing": signing}
    if not settings.timestamp_url:
        files["timestamp"] = development / "tsa_chain.pem"
    return {name: _ends(path) for name, path in files.items() if path.is_file()}


def _ends(path: Path) -> float:
    """Of a chain the certificate that ends first: without it nothing verifies."""
    chain = x509.load_pem_x509_certificates(path.read_bytes())
    return min((one.not_valid_after_utc - now()).total_seconds() for one in chain)


_PARTS: Mapping[str, Callable[[], Any]] = {
    "renders": _renders,
    "outbox": _outbox,
    "ledger": _ledger,
    "checkpoint": _checkpoint,
    "leases": _leases,
    "withdrawals": _withdrawals,
    "reports": _reports,
    "verified": _verified,
    "certificates": _certificates,
    "skew": clock_skew,
}
