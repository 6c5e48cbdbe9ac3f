"""Fixtures of the web's tests: a brand, accounts, a client that is signed in, and no rates left from other tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from audit.authorities import create_provenance_statement
from audit.ledger import Event, append
from audit.models import ProvenanceStatement, Scope
from core.database import transaction
from core.ids import new_id
from core.tables import BrandRow
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from review_ui.accounts import create_account
from review_ui.app import make_app
from review_ui.rates import forget_all
from review_ui.security import COOKIE
from review_ui.sessions import sign_in
from review_ui.tables import AccountRow
from tests.kit.fixtures import real_world, world  # noqa: F401
from tests.review_ui.authenticator import ORIGIN

PASSWORD = "a rather long password"
SEALED = "ab" * 32

MakeAccount = Callable[..., AccountRow]
MakeRender = Callable[..., RenderRow]


@pytest.fixture(autouse=True)
def _nobody_has_tried_before() -> None:
    forget_all()


@pytest.fixture
def brand(home: Path) -> str:
    with transaction() as session:
        append(session, Event.BRAND_CREATED, "brd_1", rows=[BrandRow(id="brd_1", name="Brand")])
    return "brd_1"


@pytest.fixture
def new_account(brand: str) -> Callable[..., AccountRow]:
    """``new_account("ann", role="reviewer")``: ann@brand.example with the usual password."""

    def make(name: str = "ann", role: str = "reviewer") -> AccountRow:
        email = f"{name}@brand.example"
        return create_account(brand_id=brand, email=email, role=role, password=PASSWORD)

    return make


@pytest.fixture
def account(new_account: Callable[..., AccountRow]) -> AccountRow:
    """Ann, a reviewer."""
    return new_account()


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    """A stranger's browser."""
    with TestClient(make_app(), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


@pytest.fixture
def signed(client: TestClient) -> Callable[[AccountRow], str]:
    """Sign this account in on the client; the form token of its session."""

    def enter(account: AccountRow) -> str:
        from review_ui.sessions import signed_in

        token, _ = sign_in(account.email, PASSWORD)
        client.cookies.clear()
        client.cookies.set(COOKIE, token)
        found = signed_in(token)
        assert found is not None
        return found[1].csrf

    return enter


def _recorded(session: Session, event: Event, row: Any) -> None:
    append(session, event, row.id, rows=[row])


@pytest.fixture
def make_render(brand: str) -> MakeRender:
    """Renders of the brand, under the authority of a presenter who does not exist. No model runs.

    Each is 100 seconds long, sealed and in review unless said otherwise.
    """
    with transaction() as session:
        authority = create_provenance_statement(
            session,
            brand_id=brand,
            persona_id="per_1",
            statement=ProvenanceStatement(made_by="A project", made_from="Nobody", method="Drawn."),
            scope=Scope(
                brands=(brand,),
                campaigns=("*",),
                topics_allowed=("food",),
                script_mode="free",
                scripts=("*",),
                languages=("en",),
                territories=("in",),
                channels=("link",),
                likeness=("face", "voice"),
                max_renders=100,
            ),
            actor="usr_maker",
        )
        _recorded(
            session,
            Event.PERSONA_CREATED,
            PersonaRow(
                id="per_1",
                brand_id=brand,
                name="A presenter who does not exist",
                authority_id=authority.id,
                voice="hibari",
                reference_sha256="0" * 64,
                material_sha256="0" * 64,
            ),
        )
        _recorded(
            session,
            Event.CAMPAIGN_CREATED,
            CampaignRow(
                id="cmp_1",
                brand_id=brand,
                persona_id="per_1",
                name="Test",
                template="Hello.",
                field_schema={"type": "object", "properties": {}},
                territory="in",
                channel="link",
                topic="food",
                rule_pack="consumer-products",
                label_profile="in",
            ),
        )

    def make(**values: Any) -> RenderRow:
        usual: dict[str, Any] = {
            "id": new_id("rnd"),
            "brand_id": brand,
            "campaign_id": "cmp_1",
            "maker_id": "usr_maker",
            "fields": {},
            "state": "in_review",
            "sealed_sha256": SEALED,
            "essence": "cd" * 32,
            "seconds": 100.0,
        }
        row = RenderRow(**(usual | values))
        with transaction() as session:
            _recorded(session, Event.RENDER_CREATED, row)
        return row

    return make
