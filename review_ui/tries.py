"""What the page of a render says of other tries at the same video: what it replaces, what replaced it, and the form for
another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.database import reading
from pipeline.again import successor_of
from pipeline.causes import STOPPED
from pipeline.tables import CampaignRow, RenderRow


@dataclass(frozen=True)
class Tries:
    """Attributes:
    before: the render whose place this one took.
    after: the one that took this one's place.
    may: it stopped, and nothing took its place: it can be made again.
    schema: of the fields of a made video; empty for an import.
    values: what the form shows: what was typed, else what this render was asked for with.
    open: the form was sent, and comes back.
    """

    before: RenderRow | None
    after: RenderRow | None
    may: bool
    schema: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    open: bool = False


def tries_of(row: RenderRow, sent: Mapping[str, str] | None = None) -> Tries:
    with reading() as session:
        before = session.get(RenderRow, row.supersedes) if row.supersedes else None
        after = successor_of(session, row.id)
        campaign = session.get(CampaignRow, row.campaign_id)
    may = row.state in STOPPED and after is None and campaign is not None
    schema = campaign.field_schema if campaign is not None and row.origin == "made" else {}
    asked = {"script": row.script or ""} if row.origin == "import" else row.fields
    return Tries(before, after, may, schema, dict(asked if sent is None else sent), sent is not None)
