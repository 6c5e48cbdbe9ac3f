"""A brand with its people and one campaign, and renders in any state; no model runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.database import now, transaction
from core.ids import new_id
from core.tables import BrandRow
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from review_ui.tables import AccountRow

SEALED = "ab" * 32
MakeRender = Callable[..., RenderRow]
MakeAccount = Callable[..., AccountRow]


@pytest.fixture
def make_render(home: Path) -> MakeRender:
    """Renders of the brand ``brd_1``; each is 100 seconds long, sealed and in review unless said otherwise."""
    with transaction() as session:
        session.add(BrandRow(id="brd_1", name="Test brand"))
        session.flush()
        session.add(
            PersonaRow(
                id="per_1",
                brand_id="brd_1",
                name="A presenter who does not exist",
                authority_id="aut_none",
                voice="hibari",
                reference_sha256="0" * 64,
                material_sha256="0" * 64,
            )
        )
        session.flush()
        session.add(
            CampaignRow(
                id="cmp_1",
                brand_id="brd_1",
                persona_id="per_1",
                name="Test",
                template="Hello.",
                field_schema={"type": "object", "properties": {}},
                territory="in",
                channel="link",
                topic="food",
                rule_pack="consumer-products",
                label_profile="in",
            )
        )

    def make(**values: Any) -> RenderRow:
        usual: dict[str, Any] = {
            "id": new_id("rnd"),
            "brand_id": "brd_1",
            "campaign_id": "cmp_1",
            "maker_id": "usr_maker",
            "fields": {},
            "state": "in_review",
            "sealed_sha256": SEALED,
            "seconds": 100.0,
        }
        row = RenderRow(**(usual | values))
        with transaction() as session:
            session.add(row)
        return row

    return make


@pytest.fixture
def make_account(make_render: MakeRender) -> MakeAccount:
    """Accounts of that brand; nobody signs in with their passwords."""

    def make(role: str = "reviewer", brand_id: str = "brd_1") -> AccountRow:
        with transaction() as session:
            if session.get(BrandRow, brand_id) is None:
                session.add(BrandRow(id=brand_id, name="Another brand"))
                session.flush()
            row = AccountRow(
                id=new_id("usr"),
                brand_id=brand_id,
                email=f"{new_id('a')}@brand.example",
                role=role,
                password_hash="none",
                created_at=now(),
            )
            session.add(row)
        return row

    return make
