"""What may be signed with which keys. A signer that signs any bytes is a key that anybody with a token can use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

LARGEST = 1_000_000  # bytes of one document

_CHECKPOINT = re.compile(rb"[^\s+]{1,200}\n(0|[1-9][0-9]{0,18})\n[A-Za-z0-9+/]{43}=\n")
_SIG_STRUCTURE = b"\x84\x6aSignature1"  # CBOR: an array of four, the first the text "Signature1" (RFC 9052)


def receipt(data: bytes) -> str | None:
    """What a gate measured."""
    return "greenroom.receipt.v1" if _object(data).get("type") == "greenroom.receipt.v1" else None


def authority(data: bytes) -> str | None:
    """An authority, or its status."""
    document = _object(data)
    kind = document.get("type")
    if kind == "greenroom.authority_status.v1":
        return str(kind)
    is_authority = kind is None and {"record_id", "version", "persona_id", "scope"} <= document.keys()
    return "authority" if is_authority else None


def approval(data: bytes) -> str | None:
    """A person's decision."""
    return "greenroom.approval.v1" if _object(data).get("type") == "greenroom.approval.v1" else None


def checkpoint(data: bytes) -> str | None:
    """The ledger's tree head: origin, size, root."""
    return "checkpoint" if _CHECKPOINT.fullmatch(data) else None


def claim(data: bytes) -> str | None:
    """What a content credential's signature is over (COSE_Sign1)."""
    return "claim" if data.startswith(_SIG_STRUCTURE) else None


KINDS: dict[str, Callable[[bytes], str | None]] = {
    "receipts": receipt,
    "authorities": authority,
    "approvals": approval,
    "ledger": checkpoint,
    "claims": claim,
}
"""By key ring: what a document is, in a word for the log; None: it is nothing that this ring signs."""


def _object(data: bytes) -> dict[str, object]:
    try:
        value = json.loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
