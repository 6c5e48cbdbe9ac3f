"""What the console, the API and the command line call: brands, campaigns, renders, imports.

Each function is one transaction. Nothing here runs a stage: a new render is a row and a message.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError as DuplicateRow
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.blobs import blobs
from core.database import now, reading, transaction
from core.errors import Conflict, NotFound
from core.ids import new_id
from core.labels import load_label_profile
from core.media.probe import probe, refuse_rivals
from core.tables import BrandRow
from generate.fields import check_fields
from generate.templates import check_template
from pipeline import outbox
from pipeline.states import State, check_move
from pipeline.tables import CampaignRow, PersonaRow, RenderRow


def create_brand(name: str, *, rule_pack: str = "consumer-products") -> BrandRow:
    """A customer."""
    row = BrandRow(id=new_id("brd"), name=name, rule_pack=rule_pack)
    with transaction() as session:
        session.add(row)
        append(session, Event.BRAND_CREATED, row.id, {})
    return row


class CampaignSpec(BaseModel):
    """What a campaign file says. The label profile is the territory's unless another is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=200)
    template: str
    fields: dict[str, Any] = Field(description="JSON Schema of the template's fields.")
    territory: str = Field(max_length=20)
    channel: str = Field(max_length=40)
    topic: str = Field(max_length=100)
    language: str = "en"
    risk_class: Literal["standard", "high"] = "standard"
    label_profile: str | None = None
    release_on_approval: bool = True


def create_campaign(*, brand_id: str, persona_id: str, spec: CampaignSpec) -> CampaignRow:
    """A campaign of a persona.

    Raises:
        InputError: the template or the field schema is broken, or the territory has no label profile.
    """
    check_template(spec.template, spec.fields)
    profile = load_label_profile(spec.label_profile or spec.territory)
    with transaction() as session:
        brand = _owned(session, BrandRow, brand_id, brand_id)
        _owned(session, PersonaRow, persona_id, brand_id)
        row = CampaignRow(
            id=new_id("cmp"),
            brand_id=brand_id,
            persona_id=persona_id,
            name=spec.name,
            template=spec.template,
            field_schema=spec.fields,
            territory=spec.territory,
            channel=spec.channel,
            topic=spec.topic,
            language=spec.language,
            risk_class=spec.risk_class,
            rule_pack=brand.rule_pack,
            label_profile=profile.name,
            gate_set="standard",
            release_on_approval=spec.release_on_approval,
        )
        session.add(row)
        append(
            session, Event.CAMPAIGN_CREATED, row.id, {"territory": spec.territory, "channel": spec.channel}
        )
    return row


def request_render(
    campaign_id: str,
    fields: dict[str, Any],
    *,
    brand_id: str,
    maker_id: str,
    supersedes: str | None = None,
    request_key: str | None = None,
) -> RenderRow:
    """Ask for one personalised video. The same ``request_key`` again answers with the first render.

    Raises:
        InputError: a field is missing, unknown or not what the schema allows; nothing was stored.
    """
    with reading() as session:
        campaign = _owned(session, CampaignRow, campaign_id, brand_id)
    check_fields(campaign.field_schema, fields)
    row = RenderRow(
        id=new_id("rnd"),
        brand_id=brand_id,
        campaign_id=campaign_id,
        maker_id=maker_id,
        supersedes=supersedes,
        request_key=request_key,
        origin="made",
        fields=fields,
    )
    return _store(row)


def import_video(
    video: Path,
    campaign_id: str,
    *,
    brand_id: str,
    maker_id: str,
    script: str | None = None,
    request_key: str | None = None,
) -> RenderRow:
    """A finished video made elsewhere enters and passes the same gates.

    Args:
        script: what the presenter is meant to say; None skips the transcript's comparison, and is flagged.

    Raises:
        MediaError: the file cannot be read, breaks a limit, or holds several pictures or sounds; nothing was stored.
    """
    refuse_rivals(probe(video), video)
    with reading() as session:
        _owned(session, CampaignRow, campaign_id, brand_id)
    stored = blobs().put_file(video, "source")
    row = RenderRow(
        id=new_id("rnd"),
        brand_id=brand_id,
        campaign_id=campaign_id,
        maker_id=maker_id,
        request_key=request_key,
        origin="import",
        fields={},
        script=script,
        source_sha256=stored.sha256,
    )
    return _store(row)


def _store(row: RenderRow) -> RenderRow:
    try:
        with transaction() as session:
            session.add(row)
            session.flush()
            event = Event.VIDEO_IMPORTED if row.origin == "import" else Event.RENDER_CREATED
            append(session, event, row.id, {"campaign_id": row.campaign_id, "maker_id": row.maker_id})
            outbox.hint(session, row.id, State.DRAFT)
        return row
    except DuplicateRow:
        with reading() as session:
            first = session.scalar(
                select(RenderRow).where(
                    RenderRow.brand_id == row.brand_id, RenderRow.request_key == row.request_key
                )
            )
        if first is None or row.request_key is None:
            raise
        return first


def retry(render_id: str, *, brand_id: str) -> RenderRow:
    """Send a failed render back to the stage that failed."""
    with transaction() as session:
        row = _owned(session, RenderRow, render_id, brand_id)
        if row.state != State.FAILED or not row.reason:
            raise Conflict("only a failed render can be retried", where=render_id, next_step="reload it")
        back = State(row.reason["retry"])
        check_move(State.FAILED, back, where=render_id)
        row.state, row.reason, row.attempts, row.changed_at = back, None, 0, now()
        append(session, Event.RENDER_RETRIED, row.id, {"state": back.value})
        outbox.hint(session, row.id, back)
        return row


def get_render(render_id: str, *, brand_id: str) -> RenderRow:
    """One render of this brand. Raises NotFound for another brand's, as if it did not exist."""
    with reading() as session:
        return _owned(session, RenderRow, render_id, brand_id)


def list_renders(*, brand_id: str, states: tuple[State, ...] = (), limit: int = 100) -> list[RenderRow]:
    """Renders of a brand, oldest first."""
    statement = select(RenderRow).where(RenderRow.brand_id == brand_id)
    if states:
        statement = statement.where(RenderRow.state.in_(states))
    with reading() as session:
        return list(session.scalars(statement.order_by(RenderRow.created_at).limit(min(limit, 1000))))


def get_campaign(campaign_id: str, *, brand_id: str) -> CampaignRow:
    """One campaign of this brand. Raises NotFound for another brand's."""
    with reading() as session:
        return _owned(session, CampaignRow, campaign_id, brand_id)


def list_campaigns(*, brand_id: str) -> list[CampaignRow]:
    """Campaigns of a brand, newest first."""
    with reading() as session:
        return list(
            session.scalars(
                select(CampaignRow)
                .where(CampaignRow.brand_id == brand_id)
                .order_by(CampaignRow.created_at.desc())
            )
        )


Row = TypeVar("Row", BrandRow, PersonaRow, CampaignRow, RenderRow)


def _owned(session: Session, table: type[Row], key: str, brand_id: str) -> Row:
    """A row of this brand; another brand's looks as if it did not exist."""
    row = session.get(table, key)
    owner = None if row is None else (row.id if isinstance(row, BrandRow) else row.brand_id)
    if row is None or owner != brand_id:
        raise NotFound(
            f"no such {table.__tablename__.removesuffix('s')}", where=key, next_step="check the id"
        )
    return row
