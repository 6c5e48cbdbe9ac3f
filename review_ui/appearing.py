"""Whose private page a person is at: the persona that their account belongs to, and the authority over it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.errors import GreenroomError, NotFound
from pipeline.ownership import owned
from pipeline.tables import PersonaRow
from review_ui.accounts import require
from review_ui.authorities import Look, look
from review_ui.memberships import persona_of
from review_ui.security import Visitor


@dataclass(frozen=True)
class Me:
    """Who asks: the persona, and how the authority over it stands; ``problem``: it does not verify."""

    persona: PersonaRow
    look: Look | None
    problem: GreenroomError | None = None

    @property
    def decides(self) -> bool:
        """Whether the authority in force asks this person about each video."""
        standing = self.look.standing if self.look is not None else None
        return standing is not None and standing.valid and standing.authority.approval_mode == "final_cut"

    @property
    def reads(self) -> bool:
        """Whether the authority in force asks this person about each script."""
        standing = self.look.standing if self.look is not None else None
        return standing is not None and standing.valid and standing.authority.approval_mode == "script"


def persona_id_of(visitor: Visitor) -> str:
    """Whose account this is. Raises Forbidden without the right, NotFound for an account that belongs to no persona."""
    require(visitor.account, "appear")
    persona_id = persona_of(visitor.account)
    if persona_id is None:
        raise NotFound(
            "this account belongs to no persona at this brand",
            next_step="ask the brand for an invitation with the role persona",
        )
    return persona_id


def me_of(session: Session, visitor: Visitor, persona_id: str) -> Me:
    """The persona, and how the authority over it stands."""
    persona = owned(session, PersonaRow, persona_id, visitor.account.brand_id)
    try:
        return Me(persona, look(session, persona.authority_id, brand_id=persona.brand_id))
    except GreenroomError as problem:
        return Me(persona, None, problem)
