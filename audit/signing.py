"""Signing what is later held against the order of the ledger: decisions and authorities."""

from __future__ import annotations

from sqlalchemy.orm import Session

from audit import keys
from audit.errors import KeyProblem
from audit.key_record import retired_by
from audit.keys import Signature


def sign_in_use(session: Session, name: str, data: bytes) -> Signature:
    """Sign with the current key of ``name``, which the ledger must not have taken out of use.

    A rotation is committed before the new key is everywhere. What the old one signed after it would be forged for ever
    to every reader, so nothing is signed meanwhile.

    Raises:
        KeyProblem: this process still signs with a key that was retired.
        KeyNotHere, RemoteSignerProblem: as :func:`audit.keys.sign`.
    """
    signature = keys.sign(name, data)
    if retired_by(session, signature.key_id, name) is not None:
        raise KeyProblem(
            f"the key that signs {name} was retired, and the change to the new one did not reach this process",
            where=signature.key_id,
            next_step=f"give the new key out (docs/operations.md), or run `greenroom pki rotate {name}` again",
        )
    return signature
