"""Identifiers: a readable prefix and 26 characters that sort by time (the ULID layout).

Never used as a cursor: rows commit out of order (see the ledger's sequencer).
"""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base32


def new_id(prefix: str) -> str:
    """A new identifier such as ``rnd_01KAE8ZQ5W...``: 48 bits of milliseconds, 80 random bits."""
    value = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    digits = []
    for _ in range(26):
        value, rest = divmod(value, 32)
        digits.append(_ALPHABET[rest])
    return f"{prefix}_{''.join(reversed(digits))}"
