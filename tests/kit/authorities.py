"""Synthetic authorities and personas: obviously made up, nobody of these names exists or gave any consent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from audit.authorities import create_consent, create_provenance_statement
from audit.models import Authority, Consent, ProvenanceStatement, Scope
from core.database import now
from pipeline.onboarding import add_persona
from pipeline.tables import PersonaRow
from tests.kit import media

CONSENT = Consent(
    subject_kind="adult",
    grantee="Example Grantee Ltd (synthetic test record)",
    notice_sha256="ab" * 32,
    notice_language="en",
    notice_version="1",
)
STATEMENT = ProvenanceStatement(made_by="the test kit", made_from="nothing", method="typed by hand")


def make_persona(home: Path, brand_id: str, actor: str, kind: str, scope: Mapping[str, Any]) -> PersonaRow:
    reference = home / "work" / "kit-reference.mp4"
    reference.parent.mkdir(parents=True, exist_ok=True)
    media.write_clip(reference, 0)

    def make(session: Session, persona_id: str) -> Authority:
        return make_authority(session, brand_id, persona_id, kind, full_scope(brand_id, **scope), actor=actor)

    try:
        return add_persona(
            brand_id=brand_id,
            name="A presenter who does not exist",
            reference=reference,
            voice="hibari",
            make_authority=make,
        )
    finally:
        reference.unlink()


def full_scope(brand_id: str, **changes: Any) -> Scope:
    """A scope that states every limit, and covers the usual campaign."""
    values: dict[str, Any] = {
        "brands": (brand_id,),
        "campaigns": ("*",),
        "topics_allowed": ("*",),
        "script_mode": "free",
        "scripts": ("*",),
        "personal_fields": ("*",),
        "languages": ("en",),
        "territories": ("in", "eu"),
        "channels": ("link",),
        "likeness": ("face", "voice"),
        "not_before": now() - timedelta(days=1),
        "not_after": now() + timedelta(days=365),
        "max_renders": 1_000_000,
        "purpose": "A test with a presenter who does not exist.",
    }
    return Scope(**(values | changes))


def make_authority(
    session: Session, brand_id: str, persona_id: str, kind: str, scope: Scope, *, actor: str, **more: Any
) -> Authority:
    shared: dict[str, Any] = {
        "brand_id": brand_id,
        "persona_id": persona_id,
        "scope": scope,
        "actor": actor,
        **more,
    }
    if kind == "consent":
        return create_consent(session, consent=CONSENT, evidence={"recorded_statement": "cd" * 32}, **shared)
    return create_provenance_statement(session, statement=STATEMENT, **shared)
