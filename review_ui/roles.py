"""Who may do what: one matrix. A test tries every role against every route.

``view`` sees the brand's rooms, ``make`` asks for videos, ``review`` decides over them, ``release`` lets them out and
recalls them, ``audit`` reads the record and withdraws authorities, ``administer`` is kept for accounts. One's own
account needs no right.
"""

from __future__ import annotations

from core.errors import Forbidden

RIGHTS: dict[str, frozenset[str]] = {
    "operator": frozenset({"view", "make", "release"}),
    "reviewer": frozenset({"view", "review"}),
    "legal": frozenset({"view", "audit", "release"}),
    "admin": frozenset({"view", "make", "review", "release", "audit", "administer"}),
}


def check_role(role: str, right: str) -> None:
    """Raises Forbidden unless the role has the right; an unknown role has none."""
    if right not in RIGHTS.get(role, frozenset()):
        raise Forbidden(
            f"an account with the role '{role}' may not do this",
            where=f"right '{right}'",
            next_step="ask an admin for another role, or sign in with another account",
        )
