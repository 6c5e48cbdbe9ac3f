"""Receipts: a gate's signed verdict over an essence (trust step 8).

A receipt says: this gate, in this version, under this gate set, measured this essence and decided so. It is
stored once and verified each time it is read. It does not say that the gate was right.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import keys
from audit.errors import ForgedReceipt, ReceiptConflict
from audit.events import Event
from audit.ledger.entries import Entry, append_all, committed, timestamp
from audit.models import Receipt
from audit.tables import ReceiptRow
from core.canonical import canonical_json, digest_bytes
from core.covered import new_salt
from core.database import now
from core.ids import new_id
from core.models import GateDecision
from core.settings import get_settings

TYPE = "greenroom.receipt.v1"


def issue(
    session: Session,
    *,
    essence: str,
    decision: GateDecision,
    gate_set_sha256: str,
    brand_id: str = "",
    brief_sha256: str = "",
) -> Receipt:
    """Sign and store a gate's verdict; the stored one when the same gate has already decided the same.

    Args:
        essence: SHA-256 of the essence that was measured.
        brief_sha256: digest of what it was measured against (script, persona), empty where it needed none:
            two imports of one file with two scripts have two transcript receipts.

    Raises:
        ReceiptConflict: stored already with another verdict. A gate is a pure function of its inputs, so
            one of the two runs was not the version that it names.
    """
    return issue_all(
        session,
        essence=essence,
        decisions=[decision],
        gate_set_sha256=gate_set_sha256,
        brand_id=brand_id,
        brief_sha256=brief_sha256,
    )[0]


def issue_all(
    session: Session,
    *,
    essence: str,
    decisions: Sequence[GateDecision],
    gate_set_sha256: str,
    brand_id: str = "",
    brief_sha256: str = "",
) -> list[Receipt]:
    """What :func:`issue` does for one, for all the gates that measured an essence: in a few statements, in their
    order.
    """
    measured = select(ReceiptRow).where(
        ReceiptRow.essence == essence,
        ReceiptRow.gate_set_sha256 == gate_set_sha256,
        ReceiptRow.brief_sha256 == brief_sha256,
        ReceiptRow.brand_id == brand_id,
    )
    stored = {(row.gate, row.gate_version): row for row in session.scalars(measured)}
    rows: list[ReceiptRow] = []
    entries: list[Entry] = []
    for decision in decisions:
        result = decision.result
        row = stored.get((result.gate, result.version))
        if row is None:
            row = _signed(essence, decision, gate_set_sha256, brand_id, brief_sha256)
            session.add(row)
            facts = {
                "essence": essence,
                "gate": result.gate,
                "gate_version": result.version,
                "gate_set_sha256": gate_set_sha256,
                "brief_sha256": brief_sha256 or None,
                "verdict": decision.verdict.value,
            }
            entries.append(Entry(Event.RECEIPT_ISSUED, row.id, facts, committed(row)))
        elif row.verdict != decision.verdict.value:
            raise ReceiptConflict(
                f"the gate said {row.verdict} before and says {decision.verdict.value} now",
                where=result.gate,
                next_step="raise the gate's version whenever what it measures changes",
            )
        rows.append(row)
    append_all(session, entries)
    return [verified(row) for row in rows]


def _signed(
    essence: str, decision: GateDecision, gate_set_sha256: str, brand_id: str, brief_sha256: str
) -> ReceiptRow:
    created_at = now()
    document = canonical_json(
        {
            "type": TYPE,
            "brand_id": brand_id,
            "essence": essence,
            # Through JSON: a NaN measure becomes null, tuples become lists, as they will be read.
            "decision": json.loads(decision.model_dump_json()),
            "gate_set_sha256": gate_set_sha256,
            "brief_sha256": brief_sha256,
            "environment": get_settings().environment,
            "time": timestamp(created_at),
        }
    )
    signature = keys.sign(keys.RECEIPTS, document)
    return ReceiptRow(
        id=new_id("rcp"),
        brand_id=brand_id,
        essence=essence,
        gate=decision.result.gate,
        gate_version=decision.result.version,
        gate_set_sha256=gate_set_sha256,
        brief_sha256=brief_sha256,
        verdict=decision.verdict.value,
        document=document.decode("utf-8"),
        key_id=signature.key_id,
        signature=signature.value,
        created_at=created_at,
        salt=new_salt(),
    )


def receipts_for(
    session: Session,
    essence: str,
    *,
    gate_set_sha256: str | None = None,
    brand_id: str | None = None,
    brief_sha256: str | None = None,
) -> list[Receipt]:
    """Every receipt over an essence, verified, by gate then time. The filters narrow where given.

    Raises :class:`ForgedReceipt` (an IntegrityError) when one of them is not what this installation
    signed, or names another essence.
    """
    query = select(ReceiptRow).where(ReceiptRow.essence == essence)
    if gate_set_sha256 is not None:
        query = query.where(ReceiptRow.gate_set_sha256 == gate_set_sha256)
    if brand_id is not None:
        query = query.where(ReceiptRow.brand_id == brand_id)
    if brief_sha256 is not None:
        query = query.where(ReceiptRow.brief_sha256.in_(["", brief_sha256]))
    rows = session.scalars(query.order_by(ReceiptRow.gate, ReceiptRow.created_at)).all()
    return [verified(row) for row in rows]


def missing_receipts(receipts: Sequence[Receipt], required: Sequence[str]) -> list[str]:
    """The required gates that no receipt of the list speaks for."""
    present = {receipt.gate for receipt in receipts}
    return [gate for gate in required if gate not in present]


def receipt_document(session: Session, receipt_id: str) -> dict[str, Any]:
    """The signed bytes and the signature, for the evidence pack."""
    row = session.get_one(ReceiptRow, receipt_id)
    verified(row)
    return {
        "document": json.loads(row.document),
        "signature": {"algorithm": "ed25519", "key_id": row.key_id, "value": row.signature},
    }


def verified(row: ReceiptRow) -> Receipt:
    """What a row says, its signature checked. Raises :class:`ForgedReceipt`."""
    data = row.document.encode("utf-8")
    if not keys.verify(keys.RECEIPTS, keys.Signature(row.key_id, row.signature), data):
        raise ForgedReceipt("a receipt was not signed here, or was changed", where=row.id)
    try:
        document = json.loads(data)
        decision = GateDecision.model_validate(document["decision"])
        receipt = Receipt(
            id=row.id,
            brand_id=document["brand_id"],
            essence=document["essence"],
            decision=decision,
            gate_set_sha256=document["gate_set_sha256"],
            brief_sha256=document["brief_sha256"],
            environment=document["environment"],
            time=document["time"],
            key_id=row.key_id,
            signature=row.signature,
            sha256=digest_bytes(data),
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise ForgedReceipt("a signed receipt cannot be read", where=row.id) from error
    # The key signs other documents too: the type keeps them apart. The columns are only an index.
    columns = (row.brand_id, row.essence, row.gate, row.gate_version, row.gate_set_sha256, row.brief_sha256)
    signed = (
        receipt.brand_id,
        receipt.essence,
        decision.result.gate,
        decision.result.version,
        receipt.gate_set_sha256,
        receipt.brief_sha256,
    )
    if document.get("type") != TYPE or columns != signed or row.verdict != decision.verdict.value:
        raise ForgedReceipt("a receipt's columns differ from what it signs", where=row.id)
    return receipt
