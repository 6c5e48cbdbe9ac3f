"""What happened to a brand's campaigns and renders, for programs that follow along: the ledger's entries, in its order.

The ledger gives each entry one position, without a gap, once it can no longer be overtaken: who has read up to one has
missed nothing before it. A page looks at a bounded run of positions, whosever they are, and says where to go on.
Decisions of single people are left out: while a video is in review nobody learns of another's.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from audit.events import Event
from audit.tables import LedgerEntryRow
from core.database import reading
from pipeline.errors import BadCursor
from pipeline.tables import CampaignRow, RenderRow

MOST = 200
LOOKED_AT = 1_000  # entries that one page looks at

OF_CAMPAIGNS = frozenset({Event.CAMPAIGN_CREATED})
OF_RENDERS = frozenset(
    {
        Event.RENDER_CREATED,
        Event.VIDEO_IMPORTED,
        Event.ASSET_SEALED,
        Event.REVIEW_OPENED,
        Event.RENDER_APPROVED,
        Event.RENDER_REJECTED,
        Event.RELEASE_ASKED,
        Event.RELEASE_REFUSED,
        Event.ASSET_RELEASED,
        Event.ASSET_RECALLED,
        Event.ASSET_WITHDRAWN,
        Event.RENDER_BLOCKED,
        Event.RENDER_FAILED,
        Event.RENDER_RETRIED,
        Event.LINK_MADE,
        Event.LINK_REVOKED,
    }
)

_LARGEST = 2**62
_WORD = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True)
class Happened:
    """One event. ``reason``: its code, where there is one."""

    id: str
    event: Event
    subject: str
    reason: str | None
    at: datetime


@dataclass(frozen=True)
class EventPage:
    """Some events, the cursor from which to go on, and whether there is more to look at now."""

    events: list[Happened]
    next: str
    more: bool


def events_of(*, brand_id: str, cursor: str = "", limit: int = MOST) -> EventPage:
    """The brand's next events after a cursor, oldest first; from the beginning without one.

    Raises BadCursor for a cursor that this list never gave.
    """
    after = _read(cursor)
    limit = max(1, min(limit, MOST))
    entries = (
        select(LedgerEntryRow)
        .where(LedgerEntryRow.position > after)
        .order_by(LedgerEntryRow.position)
        .limit(LOOKED_AT)
    )
    with reading() as session:
        looked_at = list(session.scalars(entries))
        told = [row for row in looked_at if row.event in OF_CAMPAIGNS or row.event in OF_RENDERS]
        mine: set[str] = set()
        for table, kinds in ((RenderRow, OF_RENDERS), (CampaignRow, OF_CAMPAIGNS)):
            ids = {row.subject for row in told if row.event in kinds}
            named: Any = table
            mine |= set(
                session.scalars(select(named.id).where(named.id.in_(ids), named.brand_id == brand_id))
            )
    found = [row for row in told if row.subject in mine]
    page = found[:limit]
    last = page if len(found) > limit else looked_at
    upto = last[-1].position if last else None
    more = len(found) > limit or len(looked_at) == LOOKED_AT
    return EventPage([_happened(row) for row in page], _text(after if upto is None else upto), more)


def _happened(row: LedgerEntryRow) -> Happened:
    reason = row.facts.get("reason_code")
    return Happened(
        row.entry_id, Event(row.event), row.subject, None if reason is None else str(reason), row.created_at
    )


def _text(position: int) -> str:
    data = json.dumps(["events", position], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _read(text: str) -> int:
    if not text:
        return -1
    try:
        if not _WORD.fullmatch(text):
            raise ValueError(text)
        name, position = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if name != "events" or type(position) is not int or not -1 <= position < _LARGEST:
            raise ValueError(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadCursor(
            "this is no page of this list",
            where="cursor",
            next_step="start again from the beginning, without a cursor",
        ) from error
    return int(position)
