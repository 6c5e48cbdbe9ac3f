"""What the console, the API and the command line call: brands, campaigns, renders. Each function is one transaction.

Requests for renders (pipeline/intake.py), further tries (pipeline/again.py) and lists of them (pipeline/lists.py) can
be had from here.
"""

from __future__ import annotations

from audit.ledger import Event, append
from core.database import reading, transaction
from core.errors import InputError
from core.ids import new_id
from core.tables import BrandRow
from core.territories import FORM
from generate.templates import check_template
from pipeline.again import make_again, retry
from pipeline.brands import create_brand
from pipeline.campaign_spec import CampaignSpec, label_of
from pipeline.intake import import_video, request_render
from pipeline.lists import find_render, list_campaigns, list_renders, page_of_campaigns
from pipeline.ownership import owned
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

__all__ = [
    "CampaignSpec",
    "create_brand",
    "create_campaign",
    "find_render",
    "get_campaign",
    "get_render",
    "import_video",
    "list_campaigns",
    "list_renders",
    "make_again",
    "page_of_campaigns",
    "request_render",
    "retry",
]


def create_campaign(*, brand_id: str, persona_id: str, spec: CampaignSpec) -> CampaignRow:
    """A campaign of a persona.

    Raises:
        InputError: the template or the field schema is broken, or neither campaign nor brand names a territory.
    """
    check_template(spec.template, spec.fields)
    with transaction() as session:
        brand = owned(session, BrandRow, brand_id, brand_id)
        owned(session, PersonaRow, persona_id, brand_id)
        row = campaign_row(brand, persona_id, spec)
        facts = {"territory": row.territory, "channel": spec.channel, "risk_class": spec.risk_class}
        append(session, Event.CAMPAIGN_CREATED, row.id, facts, rows=[row])
    return row


def campaign_row(brand: BrandRow, persona_id: str, spec: CampaignSpec) -> CampaignRow:
    """The campaign that a spec describes, not stored.

    Raises InputError where neither it nor the brand names a territory.
    """
    territory = spec.territory or brand.territory
    if not territory:
        raise InputError(
            "the campaign names no territory, and the brand has none of its own",
            where="territory",
            next_step=f"write {FORM}",
        )
    return CampaignRow(
        id=new_id("cmp"),
        brand_id=brand.id,
        persona_id=persona_id,
        name=spec.name,
        template=spec.template,
        field_schema=spec.fields,
        territory=territory,
        channel=spec.channel,
        topic=spec.topic,
        language=spec.language,
        risk_class=spec.risk_class,
        rule_pack=brand.rule_pack,
        label_profile=label_of(spec.label_profile, territory).name,
        gate_set="standard",
        release_on_approval=spec.release_on_approval,
    )


def get_render(render_id: str, *, brand_id: str) -> RenderRow:
    """One render of this brand. Raises NotFound for another brand's, as if it did not exist."""
    with reading() as session:
        return owned(session, RenderRow, render_id, brand_id)


def get_campaign(campaign_id: str, *, brand_id: str) -> CampaignRow:
    """One campaign of this brand. Raises NotFound for another brand's."""
    with reading() as session:
        return owned(session, CampaignRow, campaign_id, brand_id)
