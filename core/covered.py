"""What the ledger covers: every table says of each of its columns whether the ledger commits to it.

A committed column is one that a door, the verifier or somebody's right depends on: who changes it behind
our back is found by ``greenroom ledger verify``. A free one is said to be free, and why. A column without a
decision raises when the table is declared, so that none is forgotten.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Covered:
    """A table whose rows the ledger commits to.

    Attributes:
        committed: names of the columns that count.
        free: the other columns, each with the reason why nothing depends on it.
        immutable: rows are added and never changed or deleted; the session refuses it.
    """

    committed: tuple[str, ...]
    free: Mapping[str, str] = field(default_factory=dict)
    immutable: bool = False


@dataclass(frozen=True)
class Uncovered:
    """A table that the ledger does not speak of, and why none of its columns matters to a door."""

    reason: str


def new_salt() -> str:
    """128 random bits: without them a guess at a personal column cannot be checked against its commitment."""
    return secrets.token_hex(16)
