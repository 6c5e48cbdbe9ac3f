"""A brand's own words on the pages around its videos."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import reading, transaction
from core.ids import new_id
from delivery.tables import BrandPageRow
from delivery.written import as_written

MOST_WORDS = 500


def words_of(brand_id: str) -> str:
    """What the brand says there; "" where it says nothing."""
    with reading() as session:
        return last_words(session, brand_id)


def last_words(session: Session, brand_id: str) -> str:
    """As :func:`words_of`, in the caller's transaction."""
    said = select(BrandPageRow.words).where(BrandPageRow.brand_id == brand_id)
    last = said.order_by(BrandPageRow.created_at.desc(), BrandPageRow.id.desc()).limit(1)
    return session.scalar(last) or ""


def set_words(brand_id: str, words: str, *, actor_id: str) -> None:
    """Say something else from now on. Raises InputError for more than ``MOST_WORDS`` characters."""
    said = as_written(words, most=MOST_WORDS, where="words")
    with transaction() as session:
        row = BrandPageRow(id=new_id("bpg"), brand_id=brand_id, words=said, made_by=actor_id)
        append(session, Event.BRAND_CHANGED, brand_id, {"kind": "words", "actor": actor_id}, rows=[row])
