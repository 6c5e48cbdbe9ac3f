"""Stating an authority as the form does, for references and personas of the kit."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from core.database import now, reading
from pipeline.capture.examining import examine
from pipeline.capture.references import find_reference, receive
from pipeline.capture.stating import propose
from pipeline.capture.tables import OnboardingRow, ProposalRow
from tests.kit import media
from tests.kit.authorities import CONSENT, STATEMENT, full_scope
from tests.kit.world import World

DOCUMENT = b"%PDF-1.7\nAn obviously made-up document of the test kit; nobody signed it.\n%%EOF\n"


def examined(world: World, name: str = "A presenter who does not exist", **more: Any) -> OnboardingRow:
    """A reference that was received and examined; what the engine says is the kit's."""
    clip = world.home / "work" / "kit-onboarding.mp4"
    clip.parent.mkdir(parents=True, exist_ok=True)
    media.write_clip(Path(clip), 3)
    row = receive(clip, brand_id=world.brand_id, actor_id=world.operator, name=name)
    examine(row.id, **more)
    with reading() as session:
        return find_reference(session, row.id, brand_id=world.brand_id)


def stated(world: World, kind: str = "consent", **scope: Any) -> dict[str, Any]:
    """What the form would state: a full scope, from yesterday for a year."""
    usual = {"not_before": now() - timedelta(days=1), "not_after": now() + timedelta(days=365)}
    said: dict[str, Any] = {
        "scope": full_scope(world.brand_id, **usual | scope).model_dump(mode="json"),
        "approval_mode": "none",
    }
    if kind == "consent":
        return said | {"consent": CONSENT.model_dump(mode="json")}
    return said | {"statement": STATEMENT.model_dump(mode="json")}


def proposed(world: World, onboarding: OnboardingRow | None = None, **more: Any) -> ProposalRow:
    """A consent for an examined reference, or a new version for the world's persona, that waits for legal."""
    place: dict[str, Any] = (
        {"onboarding_id": onboarding.id} if onboarding else {"persona_id": world.persona.id}
    )
    kind = "consent" if onboarding else world.authority.document.kind.replace("provenance", "statement")
    usual = {"brand_id": world.brand_id, "actor_id": world.operator, "document": DOCUMENT, **place}
    said = more.pop("said", None) or stated(world, kind)
    return propose(said, **usual | more)
