"""Signing what is later held against the order of the ledger: decisions, authorities and receipts."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from audit import keys
from audit.errors import RetiredKey
from audit.key_record import retired_by
from audit.keys import Signature


def sign_in_use(session: Session, name: str, data: bytes) -> Signature:
    """Sign with the current key of ``name``, which the ledger must not have taken out of use.

    A rotation is committed before the new key is everywhere. What the old one signed after it would be forged for ever
    to every reader, so nothing is signed meanwhile.

    Raises:
        RetiredKey: this process still signs with a key that was retired.
        KeyNotHere, RemoteSignerProblem: as :func:`audit.keys.sign`.
    """
    signature = keys.sign(name, data)
    check_in_use(session, name, [signature.key_id])
    return signature


def check_in_use(session: Session, name: str, key_ids: Iterable[str]) -> None:
    """None of these keys, with which something was just signed, was taken out of use. Raises RetiredKey."""
    for key_id in sorted(set(key_ids)):
        if retired_by(session, key_id, name) is not None:
            raise RetiredKey(
                f"the key that signs {name} was retired, and the change to the new one did not reach this process",
                where=key_id,
                next_step=f"give the new key out (docs/operations.md), or run `greenroom pki rotate {name}` again",
            )
