"""Who may not be sent anything: asked for each recipient before a video is made, in a trial and at intake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from core.errors import Conflict


class Suppressed(Conflict):
    """The recipient stands on the brand's suppression list; nothing was made."""

    code = "suppressed"


def suppressed(session: Session, brand_id: str, recipients: Sequence[Mapping[str, Any]]) -> set[int]:
    """Which of these recipients, by their place in the sequence, the brand may not send anything to.

    No brand has a list yet, so nobody is on one.
    """
    return set()


def refusal(where: str) -> Suppressed:
    """What to say of a suppressed recipient; ``where`` names the row and nobody."""
    return Suppressed(
        "this recipient is on the suppression list",
        where=where,
        next_step="leave the recipient out, or take them off the list",
    )
