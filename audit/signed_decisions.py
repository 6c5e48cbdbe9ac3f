"""What every decision of the person who appears has in common: it is signed with the key of decisions, which workers do
not hold, and its columns are an index of what was signed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from sqlalchemy.orm import Session

from audit import keys
from audit.errors import ForgedApproval
from audit.key_record import retired_by
from audit.ledger.entries import timestamp
from audit.signing import sign_in_use
from core.canonical import canonical_json


class SignedRow(Protocol):
    """A row that keeps a signed document."""

    id: Any
    document: Any
    key_id: Any
    signature: Any
    created_at: Any


Decision = TypeVar("Decision", bound=BaseModel)


def signed(session: Session, type_: str, decision: BaseModel, time: datetime) -> dict[str, str]:
    """The columns ``document``, ``key_id``, ``signature``. Raises KeyProblem: this process may not sign decisions."""
    said = {"type": type_, **decision.model_dump(mode="json"), "time": timestamp(time)}
    document = canonical_json(said)
    signature = sign_in_use(session, keys.APPROVALS, document)
    return {
        "document": document.decode("utf-8"),
        "key_id": signature.key_id,
        "signature": signature.value,
    }


def read(row: SignedRow, type_: str, model: type[Decision], columns: Sequence[str]) -> Decision:
    """What a row says, its signature checked. ``columns``: those that say again what was signed.

    Raises :class:`ForgedApproval`.
    """
    data = row.document.encode("utf-8")
    if not keys.verify(keys.APPROVALS, keys.Signature(row.key_id, row.signature), data):
        raise forged(row, "a decision of the person who appears was not signed here")
    try:
        document = json.loads(data)
        if document.pop("type", None) != type_:
            raise ValueError("another kind of document")
        decision = model.model_validate(document)
    except (ValueError, AttributeError) as error:
        raise forged(row, "a signed decision cannot be read") from error
    same = all(getattr(row, name) == getattr(decision, name) for name in columns)
    if not same or row.created_at != getattr(decision, "time", None):
        raise forged(row, "a decision's columns differ from what was signed")
    return decision


def check_key_in_use(session: Session, row: SignedRow, entry_id: int | None) -> None:
    """A key that was retired signs nothing more. ``entry_id``: of the decision's entry, None where there is none.

    Raises ForgedApproval.
    """
    retired = retired_by(session, row.key_id, keys.APPROVALS)
    if retired is not None and (entry_id is None or entry_id > retired.id):
        raise forged(row, "a decision was signed with a key after it was retired")


def forged(row: SignedRow, what: str) -> ForgedApproval:
    return ForgedApproval(
        what, where=row.id, next_step="run `greenroom ledger verify`; nothing is released on this decision"
    )


def unknown_to_the_ledger(where: str) -> ForgedApproval:
    """The ledger and the rows do not speak of the same decisions."""
    return ForgedApproval(
        "the ledger knows other decisions of the person who appears than the database",
        where=where,
        next_step="run `greenroom ledger verify`; nothing is released on these decisions",
    )
