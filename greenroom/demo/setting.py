"""What the demonstration stands on: a brand, two accounts, the sample presenter, a campaign. Made once a home."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from audit.authorities import create_provenance_statement
from audit.models import Authority, ProvenanceStatement, Scope
from core.canonical import digest_file
from core.settings import get_settings
from generate.presenter import provenance_statement, sample_presenter
from pipeline.authority_file import MakeAuthority
from pipeline.onboarding import add_persona
from pipeline.service import CampaignSpec, create_brand, create_campaign
from review_ui.accounts import create_account

TEMPLATE = (
    "Hello {{ first_name }}, this is a short update from Brightleaf. Your first box of tea leaves "
    "{{ city }} on {{ day }}, and it should be with you two days later. {{ remark }}"
)
FIELDS = {
    "type": "object",
    "properties": {
        "first_name": {"type": "string", "format": "name"},
        "city": {"type": "string", "format": "place"},
        "day": {"type": "string", "enum": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]},
        "remark": {"type": "string", "maxLength": 160},
    },
    "required": ["first_name", "city", "day", "remark"],
}


@dataclass(frozen=True)
class DemoAccount:
    """An account of the demonstration; its password is printed, and kept with mode 0600."""

    id: str
    email: str
    role: str
    password: str


@dataclass(frozen=True)
class Setting:
    """Ids that the demonstration's steps share."""

    brand_id: str
    campaign_id: str
    operator: DemoAccount
    reviewer: DemoAccount


def prepare() -> Setting:
    """The setting of this home; made on the first call."""
    kept = get_settings().home / "demo.json"
    if kept.exists():
        stored = json.loads(kept.read_text(encoding="utf-8"))
        return Setting(
            stored["brand_id"],
            stored["campaign_id"],
            DemoAccount(**stored["operator"]),
            DemoAccount(**stored["reviewer"]),
        )
    brand = create_brand("Brightleaf Tea (demonstration)")
    operator = _account(brand.id, "operator")
    reviewer = _account(brand.id, "reviewer")
    persona = add_persona(
        brand_id=brand.id,
        name="The sample presenter",
        reference=sample_presenter(),
        voice="hibari",
        make_authority=_statement(brand.id, operator.id),
    )
    campaign = create_campaign(
        brand_id=brand.id,
        persona_id=persona.id,
        spec=CampaignSpec(
            name="First box",
            template=TEMPLATE,
            fields=FIELDS,
            territory="in",
            channel="link",
            topic="food",
        ),
    )
    setting = Setting(brand.id, campaign.id, operator, reviewer)
    _keep(kept, setting)
    return setting


def _account(brand_id: str, role: str) -> DemoAccount:
    password = "-".join(secrets.token_hex(3) for _ in range(3))
    email = f"{role}@brightleaf.example"
    row = create_account(brand_id=brand_id, email=email, role=role, password=password)
    return DemoAccount(row.id, email, role, password)


def _statement(brand_id: str, actor: str) -> MakeAuthority:
    """The sample presenter exists only as a composite: its authority is a provenance statement."""
    facts = provenance_statement()

    def make(session: Session, persona_id: str) -> Authority:
        return create_provenance_statement(
            session,
            brand_id=brand_id,
            persona_id=persona_id,
            statement=ProvenanceStatement(
                made_by="The Greenroom project",
                made_from=str(facts["statement"])[:2000],
                method="The scripts in generate/presenter; the card beside the clip gives sources and figures.",
                checked_against=json.dumps(facts.get("checks", {}))[:2000],
            ),
            scope=Scope(
                brands=(brand_id,),
                campaigns=("*",),
                topics_allowed=("food", "retail", "home"),
                script_mode="free",
                scripts=("*",),
                personal_fields=("*",),
                languages=("en",),
                territories=("in", "eu"),
                channels=("link",),
                likeness=("face", "voice"),
                max_renders=10_000,
                purpose="Demonstration videos of the sample presenter.",
            ),
            evidence={"reference_clip": digest_file(sample_presenter())},
            actor=actor,
        )

    return make


def _keep(path: Path, setting: Setting) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(setting), file, indent=2)
