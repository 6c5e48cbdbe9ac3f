"""What must hold after every fault, whatever it was: asked of the rows, the ledger, the blob store and every door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import func, select

from audit.approvals import approvals_for
from audit.events import Event
from audit.ledger import sequence_pending, verify_ledger
from audit.tables import AuthorityRenderRow, LedgerEntryRow, ReceiptRow
from core.blobs import blobs
from core.canonical import digest_bytes
from core.database import reading
from core.errors import GreenroomError
from core.models import AssetRole
from core.tables import AssetRow
from delivery import orphans
from delivery.errors import NotServed
from delivery.links import list_links, make_link, token_of
from pipeline.leases import database_seconds
from pipeline.standing import standing_of
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.faults.installation import Installation

SETTLED = {
    State.IN_REVIEW,
    State.APPROVED,
    State.RELEASED,
    State.BLOCKED,
    State.FAILED,
    State.REJECTED,
    State.RECALLED,
}
WITH_REASON = {State.BLOCKED, State.FAILED}
_ROLES = (AssetRole.EXAMINED, AssetRole.SEALED, AssetRole.PUBLISHED)


@dataclass
class Broken:
    """Which promises were broken, in words. All empty: none."""

    lost: list[str] = field(default_factory=list)
    released_twice: list[str] = field(default_factory=list)
    served_unapproved: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    leases: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())


def broken(greenroom: Installation, renders: Sequence[str] | None = None) -> Broken:
    """Look at everything. The work has come to rest, or what has not is lost.

    Args:
        renders: those that were submitted; None: all of the installation's.
    """
    found = Broken()
    for render_id in greenroom.submitted if renders is None else renders:
        row = greenroom.world.now_is(render_id)
        _lost(row, found)
        _twice(row, found)
        _lease(row, found)
        _doors(greenroom, row, found)
    _files(greenroom, found)
    while sequence_pending():
        pass
    report = verify_ledger()
    if not report.good:
        found.ledger.append(report.text())
    return found


def _lost(row: RenderRow, found: Broken) -> None:
    if row.state not in SETTLED:
        found.lost.append(f"{row.id} is {row.state}, and nobody works on it")
    elif row.state in WITH_REASON and not row.reason:
        found.lost.append(f"{row.id} is {row.state} without a reason")


def _twice(row: RenderRow, found: Broken) -> None:
    """Released once, made once, counted once: whatever was tried how often."""
    with reading() as session:

        def count(what: object, *where: object) -> int:
            return session.scalar(select(func.count()).select_from(what).where(*where)) or 0  # type: ignore[arg-type]

        entries = count(
            LedgerEntryRow,
            LedgerEntryRow.subject == row.id,
            LedgerEntryRow.event == Event.ASSET_RELEASED.value,
        )
        roles = Counter(session.scalars(select(AssetRow.role).where(AssetRow.render_id == row.id)))
        counted = count(AuthorityRenderRow, AuthorityRenderRow.render_id == row.id)
        receipts = Counter(session.scalars(select(ReceiptRow.gate).where(ReceiptRow.essence == row.essence)))
    out = int(row.state in (State.RELEASED, State.RECALLED) and row.published_sha256 is not None)
    if (entries, roles[AssetRole.PUBLISHED.value]) != (out, out):
        found.released_twice.append(
            f"{row.id} is {row.state}: {entries} entries of its release, {dict(roles)}"
        )
    more = {name: number for name, number in {**roles, **receipts, "counted": counted}.items() if number > 1}
    if more:
        found.released_twice.append(f"{row.id} has more than one of {more}")


def _lease(row: RenderRow, found: Broken) -> None:
    with reading() as session:
        clock = database_seconds(session)
    if row.lease_until is not None and row.lease_until > clock:
        found.leases.append(f"{row.id} is {row.state} and held by {row.lease_owner}")


def _doors(greenroom: Installation, row: RenderRow, found: Broken) -> None:
    """The predicate, new links and links that exist: all of them say yes to an approved, released video alone."""
    may = row.state == State.RELEASED and _approved(row)
    with reading() as session:
        if standing_of(session, row).serves != may:
            found.served_unapproved.append(f"{row.id} is {row.state}, the predicate says {not may}")
    if not list_links(row.id, brand_id=row.brand_id):
        with suppress(NotServed):
            make_link(row.id, brand_id=row.brand_id)
    for link in list_links(row.id, brand_id=row.brand_id)[:1]:
        status, body = greenroom.ask(f"/v/{token_of(link)}/video.mp4")
        served = status == 200 and digest_bytes(body) == row.published_sha256
        if served != may or (status == 200 and not may):
            found.served_unapproved.append(f"{row.id} is {row.state}, its link answers {status}")


def _approved(row: RenderRow) -> bool:
    with reading() as session:
        given = approvals_for(session, row.sealed_sha256 or "", render_id=row.id)
    return any(one.verdict == "approve" for one in given)


def _files(greenroom: Installation, found: Broken) -> None:
    """No file that no row names is served under any name, and the sweep leaves exactly those that rows name."""
    store = blobs()
    with reading() as session:
        named = {
            role: set(session.scalars(select(AssetRow.sha256).where(AssetRow.role == role)))
            for role in _ROLES
        }
    for role in _ROLES:
        for orphan in {name for name, _ in store.names(role)} - named[role]:
            for path in (f"/v/{orphan}", f"/v/{orphan}/video.mp4", f"/renders/{orphan}/video"):
                status, body = greenroom.ask(path)
                if status == 200 and digest_bytes(body) == orphan:
                    found.served_unapproved.append(f"the orphan {orphan[:12]} is served at {path}")
    if greenroom.at_rest():
        try:
            orphans.sweep_orphans(older_than=-60.0, every=0.0)
        except GreenroomError as error:
            found.files.append(f"the orphans could not be swept: {error}")
        for role in _ROLES:
            files = {name for name, _ in store.names(role)}
            if files != named[role]:
                found.files.append(f"{role}: {len(files)} files, {len(named[role])} rows")
