"""Which personas are one person: they stand on versions of one authority, or were made from the same reference clip.

A legal hold on one of them reaches the others. Two clips and two consents of the same human being look like two people
to us: whoever places a hold names those too.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from audit.tables import AuthorityRow
from pipeline.tables import PersonaRow

SHOWN = 50


def same_person(session: Session, persona_ids: Collection[str]) -> list[str]:
    """The ids of these personas and of all that are the same person at the same brand, sorted; unknown ids stay."""
    found: set[str] = set()
    more = set(persona_ids)
    while more:  # the clip of one may lead to the authority of another
        found |= more
        more = _beside(session, more) - found
    return sorted(found)


def newest_personas(session: Session, persona_ids: Collection[str]) -> list[PersonaRow]:
    """At most ``SHOWN`` of these, newest first."""
    rows = select(PersonaRow).where(PersonaRow.id.in_(persona_ids))
    return list(
        session.scalars(rows.order_by(PersonaRow.created_at.desc(), PersonaRow.id.desc()).limit(SHOWN))
    )


def _beside(session: Session, persona_ids: Collection[str]) -> set[str]:
    rows = session.execute(
        select(PersonaRow.brand_id, PersonaRow.reference_sha256, PersonaRow.authority_id).where(
            PersonaRow.id.in_(persona_ids)
        )
    ).all()
    brands = {row.brand_id for row in rows}
    records = select(AuthorityRow.record_id).where(AuthorityRow.id.in_({row.authority_id for row in rows}))
    versions = select(AuthorityRow.id).where(AuthorityRow.record_id.in_(records))
    of_clip = select(PersonaRow.id, PersonaRow.brand_id).where(
        PersonaRow.brand_id.in_(brands),
        PersonaRow.reference_sha256.in_({row.reference_sha256 for row in rows} - {""}),
    )
    # The brand is compared here: in the database SQLite would walk through all of the brand's personas for it.
    of_record = select(PersonaRow.id, PersonaRow.brand_id).where(PersonaRow.authority_id.in_(versions))
    return {row.id for row in session.execute(union(of_clip, of_record)) if row.brand_id in brands}
