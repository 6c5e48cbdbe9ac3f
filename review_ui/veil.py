"""Whether a brand's videos are blurred and muted in the console until somebody plays them.

An administrator says so for a brand; a brand that nobody spoke for does as the installation's setting says.
"""

from __future__ import annotations

from sqlalchemy import select

from audit.ledger import Event, append
from core.database import reading, transaction
from core.ids import new_id
from core.settings import get_settings
from review_ui.tables import BrandVeilRow


def is_veiled(brand_id: str) -> bool:
    """As it is now."""
    said = select(BrandVeilRow.veiled).where(BrandVeilRow.brand_id == brand_id)
    with reading() as session:
        last = session.scalar(said.order_by(BrandVeilRow.created_at.desc(), BrandVeilRow.id.desc()).limit(1))
    return get_settings().web.veil if last is None else last


def set_veil(brand_id: str, *, veiled: bool, actor_id: str) -> None:
    """Veil a brand's videos from now on, or do not. What was said before stays in the ledger."""
    with transaction() as session:
        row = BrandVeilRow(id=new_id("bvl"), brand_id=brand_id, veiled=veiled, made_by=actor_id)
        append(session, Event.BRAND_CHANGED, brand_id, {"kind": "veil", "actor": actor_id}, rows=[row])
