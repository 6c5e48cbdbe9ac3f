"""Who may do what: one matrix. A test tries every role against every route.

``view`` sees the brand's rooms, ``make`` asks for videos, ``review`` decides over them, ``settle`` decides what a
reviewer handed on, ``release`` lets them out and recalls them, ``audit`` reads the record, places holds and
withdraws authorities, ``papers`` reads consents as they were given, ``administer`` makes brands and invites people,
``appear`` sees what was made of one's own persona, decides over it where the authority asks, and withdraws that. One's
own account needs no right.
"""

from __future__ import annotations

from typing import NamedTuple

from core.errors import Forbidden


class Role(NamedTuple):
    """A role as people read it, and its rights."""

    title: str
    does: str
    rights: frozenset[str]


ROLES: dict[str, Role] = {
    "admin": Role(
        "administrator",
        "makes brands, invites people, and may do what everybody else may, but for reading consents as they were given",
        frozenset({"view", "make", "review", "settle", "release", "audit", "administer"}),
    ),
    "operator": Role(
        "operator",
        "makes campaigns, asks for videos, brings finished ones in, releases what was approved",
        frozenset({"view", "make", "release"}),
    ),
    "reviewer": Role("reviewer", "looks at videos and decides over them", frozenset({"view", "review"})),
    "senior_reviewer": Role(
        "senior reviewer",
        "decides as a reviewer does, and over what reviewers hand on",
        frozenset({"view", "review", "settle"}),
    ),
    "legal": Role(
        "legal",
        "reads the record with consents as given, places holds, suspends and withdraws authorities, recalls videos",
        frozenset({"view", "release", "audit", "papers"}),
    ),
    "persona": Role(
        "persona",
        "appears in videos, sees what was made of them, and decides over them where the authority says so",
        frozenset({"appear"}),
    ),
}

RIGHTS: dict[str, frozenset[str]] = {name: role.rights for name, role in ROLES.items()}

SENIOR = frozenset(name for name, rights in RIGHTS.items() if rights & {"settle", "administer"})
"""The roles that decide over what reviewers hand on."""


def home_of(role: str) -> str:
    """Where somebody of this role begins: the queue, what was made of them, or else their account."""
    rights = RIGHTS.get(role, frozenset())
    return "/" if "view" in rights else "/me" if "appear" in rights else "/account"


def check_role(role: str, right: str) -> None:
    """Raises Forbidden unless the role has the right; an unknown role has none."""
    if right not in RIGHTS.get(role, frozenset()):
        raise Forbidden(
            f"an account with the role '{role}' may not do this",
            where=f"right '{right}'",
            next_step="ask an administrator for another role, or sign in with another account",
        )
