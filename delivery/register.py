"""The register of synthetic videos: what a brand let out in a period, and what has become of each. Read in chunks.

It names videos, campaigns and pseudonyms. What a recipient is called is not in it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import select, tuple_

from audit.ledger.entries import timestamp
from core.database import now, reading
from core.errors import InputError
from core.models import AssetRole
from core.tables import AssetRow
from pipeline.search import period
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow

CHUNK = 500  # videos that are read at once

COLUMNS = (
    "render_id", "released_at", "state", "taken_back_at", "taken_back_how", "origin", "campaign_id", "campaign",
    "persona_id", "language", "territory", "channel", "topic", "risk_class", "label_profile", "seconds",
    "published_sha256", "essence",
)  # fmt: skip

# A cell that begins so is a formula to a spreadsheet: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def rows(brand_id: str, since: date | None, until: date | None) -> Iterator[dict[str, Any]]:
    """One row a video that was released in these days (UTC, both included), in the order of their release.

    Attributes of a row are ``COLUMNS``; times are RFC 3339 in UTC, ``seconds`` a number. Raises InputError for days the
    wrong way round.
    """
    if since and until and until < since:
        raise InputError("the last day is before the first", where="until", next_step="swap the two days")
    return _rows(brand_id, since, until)


def _rows(brand_id: str, since: date | None, until: date | None) -> Iterator[dict[str, Any]]:
    first, end = period(since, until)
    query = (
        select(AssetRow, RenderRow, CampaignRow)
        .join(RenderRow, RenderRow.id == AssetRow.render_id)
        .join(CampaignRow, CampaignRow.id == RenderRow.campaign_id)
        .where(AssetRow.brand_id == brand_id, AssetRow.role == AssetRole.PUBLISHED.value)
        .order_by(AssetRow.created_at, AssetRow.sha256)
        .limit(CHUNK)
    )
    if first is not None:
        query = query.where(AssetRow.created_at >= first)
    if end is not None:
        query = query.where(AssetRow.created_at < end)
    last: AssetRow | None = None
    while True:
        after = query
        if last is not None:
            after = query.where(tuple_(AssetRow.created_at, AssetRow.sha256) > (last.created_at, last.sha256))
        with reading() as session:
            found = session.execute(after).all()
        for asset, render, campaign in found:
            yield _row(asset, render, campaign)
        if len(found) < CHUNK:
            return
        last = found[-1][0]


def _row(asset: AssetRow, render: RenderRow, campaign: CampaignRow) -> dict[str, Any]:
    gone = render.state == State.RECALLED
    return {
        "render_id": render.id,
        "released_at": timestamp(asset.created_at),
        "state": render.state,
        "taken_back_at": timestamp(render.changed_at) if gone else None,
        "taken_back_how": (render.reason or {}).get("code") if gone else None,
        "origin": render.origin,
        "campaign_id": campaign.id,
        "campaign": campaign.name,
        "persona_id": campaign.persona_id,
        "language": campaign.language,
        "territory": campaign.territory,
        "channel": campaign.channel,
        "topic": campaign.topic,
        "risk_class": campaign.risk_class,
        "label_profile": campaign.label_profile,
        "seconds": render.seconds,
        "published_sha256": asset.sha256,
        "essence": render.essence,
    }


def as_csv(found: Iterator[dict[str, Any]]) -> Iterator[str]:
    """RFC 4180 with a byte-order mark, a piece for each row. No cell is a formula."""
    line = io.StringIO()
    writer = csv.writer(line)
    line.write("\ufeff")  # else a spreadsheet takes it for Latin-1
    writer.writerow(COLUMNS)
    for row in found:
        yield _taken(line)
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    yield _taken(line)


def _taken(line: io.StringIO) -> str:
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def as_json(
    found: Iterator[dict[str, Any]], *, brand: str, since: date | None, until: date | None
) -> Iterator[str]:
    """One document, a piece for each row: what it is of, ``videos``, and last how many they are.

    A reader that finds no ``count`` has only a part.
    """
    head = {
        "brand": brand,
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
        "made_at": timestamp(now()),
    }
    yield f'{json.dumps(head, ensure_ascii=False)[:-1]}, "videos": ['
    count = 0
    for row in found:
        yield f"{',' if count else ''}\n{json.dumps(row, ensure_ascii=False)}"
        count += 1
    yield f'\n], "count": {count}}}\n'
