"""Marks, manifests and fingerprints as rows. Every function works inside the caller's transaction."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Literal

from sqlalchemy import exc, select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.canonical import digest_bytes
from core.errors import IntegrityError
from provenance.errors import ProvenanceError
from provenance.models import Credential
from provenance.tables import FingerprintRow, ManifestRow, MarkRow

if TYPE_CHECKING:
    from provenance.fingerprint import Fingerprint

MARK_BITS = 40
_TRIES = 8


def allocate_mark(
    session: Session, *, brand_id: str, render_id: str, kind: Literal["shared", "personal"]
) -> int:
    """The mark id of a render (or, shared, of a campaign): random, 40 bits, never 0, the same when asked again.

    Raises:
        ProvenanceError: no free id after eight tries, which at 40 bits means that something is broken.
    """
    existing = select(MarkRow.mark_id).where(MarkRow.render_id == render_id, MarkRow.kind == kind)
    for _ in range(_TRIES):
        found = session.scalar(existing)
        if found is not None:
            return found
        mark_id = secrets.randbelow((1 << MARK_BITS) - 1) + 1
        try:
            with session.begin_nested():
                row = MarkRow(mark_id=mark_id, brand_id=brand_id, render_id=render_id, kind=kind)
                append(
                    session, Event.MARK_ALLOCATED, render_id, {"mark_id": mark_id, "kind": kind}, rows=[row]
                )
        except exc.IntegrityError as error:
            if "FOREIGN KEY" in str(error.orig).upper():
                raise  # an unknown brand, not a taken id
            continue
        return mark_id
    raise ProvenanceError("no free mark id was found", next_step="look at the table `marks`")


def find_mark(session: Session, mark_id: int) -> MarkRow | None:
    """Who a mark was given to; None: it is not one of ours."""
    return session.get(MarkRow, mark_id)


def save_manifest(session: Session, *, brand_id: str, credential: Credential) -> ManifestRow:
    """Note a credential's manifest store; the caller has put the bytes into the blob store. Gives the row."""
    digest = digest_bytes(credential.manifest)
    row = session.get(ManifestRow, credential.id)
    if row is None:
        row = ManifestRow(
            credential_id=credential.id,
            brand_id=brand_id,
            asset_sha256=credential.sha256,
            essence=credential.essence,
            manifest_sha256=digest,
            size=len(credential.manifest),
        )
        session.add(row)
        session.flush()
    elif row.manifest_sha256 != digest:
        raise IntegrityError("another manifest is stored under this credential", where=credential.id)
    return row


def find_manifest(session: Session, credential_id: str) -> ManifestRow | None:
    """The row of a credential; its bytes are the blob ``manifest_sha256``."""
    return session.get(ManifestRow, credential_id)


def manifests_of(session: Session, essence: str) -> list[ManifestRow]:
    """All credentials over one essence, oldest first: sealed, then published."""
    rows = select(ManifestRow).where(ManifestRow.essence == essence).order_by(ManifestRow.created_at)
    return list(session.scalars(rows))


def save_fingerprint(
    session: Session, *, brand_id: str, essence: str, fingerprint: Fingerprint
) -> FingerprintRow:
    """Keep what an essence looks and sounds like. Saving it again changes nothing. Gives the row."""
    row = session.get(FingerprintRow, (essence, brand_id))
    if row is None:
        row = FingerprintRow(essence=essence, brand_id=brand_id, data=fingerprint.to_bytes())
        session.add(row)
        session.flush()
    return row


def load_fingerprint(session: Session, essence: str) -> Fingerprint | None:
    """The stored fingerprint of an essence, whichever brand's; None when there is none."""
    data = session.scalar(select(FingerprintRow.data).where(FingerprintRow.essence == essence).limit(1))
    if data is None:
        return None
    from provenance.fingerprint import Fingerprint

    return Fingerprint.from_bytes(data)
