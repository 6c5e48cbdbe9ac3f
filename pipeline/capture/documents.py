"""Signed documents behind authorities: kept encrypted, opened for legal alone, deleted when their time is over.

The store holds AES-256-GCM under a key of the master secret, bound to the document's row: bytes that are moved to
another row, or changed, open nothing. The authority names the document by the digest of its bytes as they came.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.events import Event
from audit.ledger import append
from audit.ledger.entries import timestamp
from core.blobs import blobs
from core.canonical import digest_bytes
from core.database import now, reading, take_turn, transaction
from core.errors import GreenroomError, InputError, IntegrityError, NotFound
from core.ids import new_id
from core.models import StoredBlob
from core.secrets import derived_key
from pipeline.capture.tables import DocumentRow
from pipeline.jobs import workspace

log = logging.getLogger("greenroom.pipeline")

MOST_BYTES = 10_000_000
ROLE = "document"
KINDS: dict[bytes, str] = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
"""What a file begins with, and what it is then. Nothing of it is opened here."""
_NONCE = 12


def draft_document(data: bytes, *, brand_id: str, uploaded_by: str, keep_until: datetime) -> DocumentRow:
    """The row of a document whose bytes are stored, encrypted; :func:`keep` lets it be.

    Raises InputError for an empty or too large file, and for one of another kind.
    """
    if not data:
        raise InputError("the document is empty", where="document", next_step="choose the signed document")
    if len(data) > MOST_BYTES:
        raise InputError(
            f"the document is larger than {MOST_BYTES // 1_000_000} MB",
            where="document",
            next_step="scan it in a lower resolution",
        )
    kind = next((words for begins, words in KINDS.items() if data.startswith(begins)), None)
    if kind is None:
        raise InputError(
            "the document is no PDF and no picture",
            where="document",
            next_step="send a PDF, a PNG or a JPEG",
        )
    row = DocumentRow(
        id=new_id("dcm"),
        brand_id=brand_id,
        sha256=digest_bytes(data),
        size=len(data),
        media_type=kind,
        keep_until=keep_until,
        uploaded_by=uploaded_by,
    )
    row.blob_sha256 = _stored(row, data).sha256
    return row


def keep(session: Session, row: DocumentRow) -> None:
    """Let a drafted document be, in the caller's transaction."""
    facts = {"size": row.size, "expires_at": timestamp(row.keep_until), "actor": row.uploaded_by}
    append(session, Event.DOCUMENT_KEPT, row.id, facts, rows=[row])


def read_document(row: DocumentRow) -> bytes:
    """The bytes as they came.

    Raises:
        NotFound: its time was over, and it was deleted.
        IntegrityError: what is stored is not what was kept.
    """
    if row.blob_sha256 is None:
        raise NotFound(
            "this document's time was over, and it was deleted",
            where=row.id,
            next_step="ask whoever signed it",
        )
    sealed = blobs().get_file(row.blob_sha256, ROLE).read_bytes()
    try:
        data = AESGCM(derived_key("documents")).decrypt(sealed[:_NONCE], sealed[_NONCE:], _place(row))
    except (InvalidTag, ValueError) as error:
        raise _broken(row) from error
    if digest_bytes(data) != row.sha256:
        raise _broken(row)
    return data


def open_document(document_id: str, *, brand_id: str, actor_id: str) -> tuple[DocumentRow, bytes]:
    """A document for a person to read; the ledger says who opened it. Raises as :func:`read_document`."""
    with transaction() as session:
        row = session.get(DocumentRow, document_id)
        if row is None or row.brand_id != brand_id:
            raise NotFound("no such document", where=document_id, next_step="check the id")
        append(session, Event.DOCUMENT_OPENED, row.id, {"actor": actor_id})
    return row, read_document(row)


def delete_over(*, limit: int = 100) -> list[str]:
    """Delete the documents whose time is over. Returns their ids; one that cannot be deleted now is tried again."""
    with reading() as session:
        over = session.scalars(
            select(DocumentRow.id)
            .where(DocumentRow.deleted_at.is_(None), DocumentRow.keep_until <= now())
            .order_by(DocumentRow.keep_until)
            .limit(limit)
        ).all()
    return [document_id for document_id in over if _deleted(document_id)]


def _deleted(document_id: str) -> bool:
    try:
        with reading() as session:
            name = session.get_one(DocumentRow, document_id).blob_sha256
        if name is not None:
            blobs().delete(name, ROLE)  # first: what the row says then is true
        with transaction() as session:
            row = take_turn(session, DocumentRow, document_id)
            if row is None or row.blob_sha256 is None:
                return False
            row.blob_sha256, row.deleted_at = None, now()
            append(session, Event.DOCUMENT_DELETED, row.id, {"reason_code": "retention"}, rows=[row])
    except GreenroomError as error:
        log.error("a document could not be deleted: %s %s", document_id, error.code)
        return False
    return True


def _stored(row: DocumentRow, data: bytes) -> StoredBlob:
    nonce = os.urandom(_NONCE)
    sealed = nonce + AESGCM(derived_key("documents")).encrypt(nonce, data, _place(row))
    with workspace() as folder:
        path = folder / "document"
        path.write_bytes(sealed)
        return blobs().put_file(path, ROLE)


def _place(row: DocumentRow) -> bytes:
    """Authenticated with the bytes: they belong to this row of this brand alone."""
    return f"{row.id}:{row.brand_id}:{row.sha256}".encode()


def _broken(row: DocumentRow) -> IntegrityError:
    return IntegrityError(
        "the stored document is not what was kept",
        where=row.id,
        next_step="restore the blob store from its backup; with another master secret it opens nothing",
    )
