"""Rows to work on: a brand, a persona, a campaign, and renders in any state; no model runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.ledger import Event, append
from core.database import transaction
from core.ids import new_id
from core.tables import BrandRow
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from tests.kit.fixtures import real_world, world  # noqa: F401
from tests.servers.both import pytest_generate_tests  # noqa: F401

MakeRender = Callable[..., RenderRow]


@pytest.fixture
def make_render(home: Path) -> MakeRender:
    brand, persona, campaign = new_id("brd"), new_id("per"), new_id("cmp")
    rows = [
        BrandRow(id=brand, name="Test brand"),
        PersonaRow(
            id=persona,
            brand_id=brand,
            name="A presenter who does not exist",
            authority_id="aut_none",
            voice="hibari",
            reference_sha256="0" * 64,
            material_sha256="0" * 64,
        ),
        CampaignRow(
            id=campaign,
            brand_id=brand,
            persona_id=persona,
            name="Test",
            template="Hello.",
            field_schema={"type": "object", "properties": {}},
            territory="in",
            channel="link",
            topic="food",
            rule_pack="consumer-products",
            label_profile="in",
        ),
    ]
    with transaction() as session:
        for event, row in zip(
            (Event.BRAND_CREATED, Event.PERSONA_CREATED, Event.CAMPAIGN_CREATED), rows, strict=True
        ):
            append(session, event, row.id, rows=[row])

    def make(**values: Any) -> RenderRow:
        row = RenderRow(
            **{
                "id": new_id("rnd"),
                "brand_id": brand,
                "campaign_id": campaign,
                "maker_id": "usr_maker",
                "fields": {},
                **values,
            }
        )
        with transaction() as session:
            append(session, Event.RENDER_CREATED, row.id, rows=[row])
        return row

    return make
