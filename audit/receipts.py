"""Receipts: a gate's signed verdict over an essence (trust step 8).

A receipt says: this gate, in this version, under this gate set, measured this essence and decided so. It is
stored once and verified each time it is read: signed by a key of this installation, and before that key was retired,
by the ledger's order. It does not say that the gate was right.
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
from audit.key_record import ended_keys
from audit.ledger.entries import Entry, append_all, committed, timestamp
from audit.models import Receipt
from audit.signing import check_in_use
from audit.tables import LedgerEntryRow, ReceiptRow
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
        RetiredKey: this process still signs with a key that was retired; nothing is stored.
        ForgedReceipt: what is stored already is not what was signed here.
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
    new: list[ReceiptRow] = []
    entries: list[Entry] = []
    for decision in decisions:
        result = decision.result
        row = stored.get((result.gate, result.version))
        if row is None:
            row = _signed(essence, decision, gate_set_sha256, brand_id, brief_sha256)
            new.append(row)
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
    check_in_use(session, keys.RECEIPTS, [row.key_id for row in new])
    check_keys_in_use(session, [row for row in rows if row in stored.values()])
    session.add_all(new)
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
    signed, names another essence, or was signed with a key after it was retired.
    """
    query = select(ReceiptRow).where(ReceiptRow.essence == essence)
    if gate_set_sha256 is not None:
        query = query.where(ReceiptRow.gate_set_sha256 == gate_set_sha256)
    if brand_id is not None:
        query = query.where(ReceiptRow.brand_id == brand_id)
    if brief_sha256 is not None:
        query = query.where(ReceiptRow.brief_sha256.in_(["", brief_sha256]))
    rows = session.scalars(query.order_by(ReceiptRow.gate, ReceiptRow.created_at)).all()
    return all_verified(session, rows)


def missing_receipts(receipts: Sequence[Receipt], required: Sequence[str]) -> list[str]:
    """The required gates that no receipt of the list speaks for."""
    present = {receipt.gate for receipt in receipts}
    return [gate for gate in required if gate not in present]


def receipt_document(session: Session, receipt_id: str) -> dict[str, Any]:
    """The signed bytes and the signature, for the evidence pack."""
    row = session.get_one(ReceiptRow, receipt_id)
    all_verified(session, [row])
    return {
        "document": json.loads(row.document),
        "signature": {"algorithm": "ed25519", "key_id": row.key_id, "value": row.signature},
    }


def all_verified(session: Session, rows: Sequence[ReceiptRow]) -> list[Receipt]:
    """What rows say, in their order, their signatures checked and that their keys were in use. Raises ForgedReceipt."""
    check_keys_in_use(session, rows)
    return [verified(row) for row in rows]


def check_keys_in_use(session: Session, rows: Sequence[ReceiptRow]) -> None:
    """Whoever kept a key that was retired issues no receipt. Raises :class:`ForgedReceipt`.

    A receipt from before counts as the ledger's entry from before tells of it: one that was exchanged since is new.
    """
    if not rows:
        return
    ended = ended_keys(session, keys.RECEIPTS, {row.key_id for row in rows})
    old = {row.id: row for row in rows if row.key_id in ended}
    if not old:
        return
    query = select(LedgerEntryRow.id, LedgerEntryRow.subject, LedgerEntryRow.facts).where(
        LedgerEntryRow.subject.in_(list(old)), LedgerEntryRow.event == Event.RECEIPT_ISSUED.value
    )
    known = {
        entry.subject: entry for entry in sorted(session.execute(query).all(), key=lambda found: found.id)
    }
    for row in old.values():
        entry = known.get(row.id)
        told = entry is not None and entry.facts.get("rows") == committed(row)
        if entry is None or not told or entry.id > ended[row.key_id]:
            raise ForgedReceipt(
                "a receipt was signed with a key after it was retired",
                where=row.id,
                next_step="run `greenroom ledger verify`; nothing is sealed or released on this receipt",
            )


def verified(row: ReceiptRow) -> Receipt:
    """What a row says, its signature checked; not when: see :func:`all_verified`. Raises :class:`ForgedReceipt`."""
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
