"""The tags of a campaign's links (UTM): words that the brand's own analytics find in the address of a landing page.

They are about the campaign and never about a recipient. The token alone says what a link leads to: an address with
other tags, or none, leads there too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import reading, transaction
from core.errors import InputError
from core.ids import new_id
from delivery.tables import CampaignTagsRow
from pipeline.ownership import owned
from pipeline.tables import CampaignRow, RenderRow

NAMES = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
LONGEST = 100


def tags_of(session: Session, campaign_id: str) -> dict[str, str]:
    """The tags that a campaign's links have now, in the usual order; empty where none were set."""
    said = select(CampaignTagsRow.tags).where(CampaignTagsRow.campaign_id == campaign_id)
    last = said.order_by(CampaignTagsRow.created_at.desc(), CampaignTagsRow.id.desc()).limit(1)
    tags = session.scalar(last) or {}
    return {name: str(tags[name]) for name in NAMES if tags.get(name)}


def set_tags(campaign_id: str, tags: Mapping[str, str], *, brand_id: str, actor_id: str) -> dict[str, str]:
    """Give a campaign's links these tags from now on; links that people have keep working.

    Raises:
        InputError: an unknown tag, or a value that is too long or no plain text.
        NotFound: no such campaign of this brand.
    """
    wanted = {name: value.strip() for name, value in tags.items() if value.strip()}
    for name, value in wanted.items():
        if name not in NAMES:
            raise InputError(
                "there is no such tag", where=name[:40], next_step=f"use some of: {', '.join(NAMES)}"
            )
        if len(value) > LONGEST or any(unicodedata.category(one)[0] == "C" for one in value):
            raise InputError(
                f"a tag is plain text of at most {LONGEST} characters", where=name, next_step="shorten it"
            )
    with transaction() as session:
        owned(session, CampaignRow, campaign_id, brand_id)
        row = CampaignTagsRow(
            id=new_id("tag"), brand_id=brand_id, campaign_id=campaign_id, tags=wanted, made_by=actor_id
        )
        append(session, Event.CAMPAIGN_TAGGED, campaign_id, {"actor": actor_id}, rows=[row])
    return {name: wanted[name] for name in NAMES if name in wanted}


def landing(token: str, tags: Mapping[str, str]) -> str:
    """Path and query of a link's landing page."""
    return f"/v/{token}?{urlencode(tags)}" if tags else f"/v/{token}"


def tags_of_render(render_id: str) -> dict[str, str]:
    """The tags of a render's links; empty for a render that is not there."""
    with reading() as session:
        render = session.get(RenderRow, render_id)
        return tags_of(session, render.campaign_id) if render is not None else {}
