"""A campaign's links, one row a recipient: for the system that sends them.

A released video has one row, with a link that goes on or a new one, or the reason why it gets none. Rows are written
while they are read, so a campaign of any size takes no memory; whoever asks again gets the same links. That the list
was taken, and by whom, is on the ledger before its first row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, tuple_

from audit.ledger import Event, append
from core.database import now, reading, transaction
from core.errors import BlobStoreUnavailable, DatabaseBusy, GreenroomError
from delivery.links import new_link, token_of
from delivery.tables import LinkRow
from delivery.tags import landing, tags_of
from pipeline.ownership import owned
from pipeline.standing import standing_of
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow

COLUMNS = ("render", "request_key", "recipient", "link", "expires_at", "why_not")
CHUNK = 50
_LASTS_AT_LEAST = timedelta(hours=1)
_FORMULA = re.compile(r"\s*[=+\-@\t\r|]")
_NUMBER = re.compile(r"[+-]?[0-9][0-9 ]*")


def link_list(campaign_id: str, *, brand_id: str, actor_id: str, site: str) -> Iterator[str]:
    """The list as CSV, some rows at a time.

    Args:
        site: where people open links, such as ``https://greenroom.brand.example``.

    Raises:
        NotFound: no such campaign of this brand; before anything is written.
    """
    with transaction() as session:
        campaign = owned(session, CampaignRow, campaign_id, brand_id)
        append(session, Event.LINKS_EXPORTED, campaign.id, {"actor": actor_id})
        tags = tags_of(session, campaign.id)
    return _rows(campaign, actor_id, site, tags)


def _rows(campaign: CampaignRow, actor_id: str, site: str, tags: dict[str, str]) -> Iterator[str]:
    yield _csv([COLUMNS])
    place: Any = None
    while renders := _released(campaign.id, place):
        place = (renders[-1].created_at, renders[-1].id)
        yield _csv([_row(campaign, render, actor_id, site, tags) for render in renders])


def _released(campaign_id: str, place: Any) -> Sequence[RenderRow]:
    query = select(RenderRow).where(
        RenderRow.campaign_id == campaign_id, RenderRow.state == State.RELEASED.value
    )
    if place is not None:
        query = query.where(tuple_(RenderRow.created_at, RenderRow.id) > tuple_(*place))
    with reading() as session:
        return session.scalars(query.order_by(RenderRow.created_at, RenderRow.id).limit(CHUNK)).all()


def _row(
    campaign: CampaignRow, render: RenderRow, actor_id: str, site: str, tags: dict[str, str]
) -> tuple[str, ...]:
    named = campaign.field_schema.get("recipient")
    recipient = str(render.fields.get(named, "")) if named else ""
    link, until, why = "", "", ""
    try:
        row = _living(render) or new_link(render.id, brand_id=render.brand_id, made_by=actor_id)
        link, until = f"{site}{landing(token_of(row), tags)}", row.expires_at.isoformat()
    except (BlobStoreUnavailable, DatabaseBusy):
        raise  # nobody can say at this moment: a list that breaks off is seen, one with holes is not
    except GreenroomError as error:
        why = error.code
    return render.id, render.request_key or "", recipient, link, until, why


def _living(render: RenderRow) -> LinkRow | None:
    """A link that people may have and that goes on for a while; None where a new one is to be made."""
    with reading() as session:
        standing = standing_of(session, render)
        if standing.away is not None:
            raise standing.away
        if not standing.links:
            return None  # and `new_link` says why
        links = select(LinkRow).where(
            LinkRow.render_id == render.id,
            LinkRow.brand_id == render.brand_id,
            LinkRow.revoked_at.is_(None),
            LinkRow.expires_at > now() + _LASTS_AT_LEAST,
        )
        return session.scalar(links.order_by(LinkRow.expires_at.desc(), LinkRow.id.desc()).limit(1))


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[plain(cell) for cell in row] for row in rows])
    return text.getvalue()


def plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe. Numbers stay."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
