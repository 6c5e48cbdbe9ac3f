"""A small record: one brand, authorities of people who do not exist, receipts, approvals, entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit import allowance, approvals, authorities, receipts
from audit.ledger import Event, append
from audit.models import Authority, Consent, ProvenanceStatement, Scope
from core.database import transaction
from core.ids import new_id
from core.models import Finding, GateDecision, GateResult, Verdict
from core.tables import BrandRow

ESSENCE = "e5" * 32
GATE_SET = "9a" * 32
SEALED = "5e" * 32
SHOWN = "50" * 32

# Obviously made up: nobody of this name gave any consent.
CONSENT = Consent(
    subject_kind="adult",
    grantee="Example Grantee Ltd (synthetic test record)",
    notice_sha256="ab" * 32,
    notice_language="en",
    notice_version="1",
)
STATEMENT = ProvenanceStatement(made_by="the test suite", made_from="nothing", method="typed by hand")


def full_scope(brand_id: str, **changes: Any) -> Scope:
    """A scope that states every limit."""
    values: dict[str, Any] = {
        "brands": (brand_id,),
        "campaigns": ("*",),
        "topics_allowed": ("*",),
        "script_mode": "template",
        "scripts": ("*",),
        "personal_fields": ("first_name",),
        "languages": ("en",),
        "territories": ("in", "eu"),
        "channels": ("link",),
        "likeness": ("face", "voice"),
        "not_before": datetime(2020, 1, 1, tzinfo=UTC),
        "not_after": datetime(2090, 1, 1, tzinfo=UTC),
        "max_renders": 5,
        "purpose": "A test of the record.",
    }
    return Scope(**{**values, **changes})


def decision(gate: str = "technical", verdict: Verdict = Verdict.PASS, score: float = 0.25) -> GateDecision:
    result = GateResult(
        gate=gate,
        version="1",
        score=score,
        unit="share",
        findings=(Finding(code="quiet_sound", severity="note", message="Sound is quiet."),),
        measures={"loudness": -16.5, "unknown": float("nan")},
    )
    return GateDecision(result=result, verdict=verdict, threshold=0.5)


@pytest.fixture
def brand(home: Path) -> str:
    brand_id = new_id("brd")
    with transaction() as session:
        append(session, Event.BRAND_CREATED, brand_id, rows=[BrandRow(id=brand_id, name="Example Brand")])
    return brand_id


@pytest.fixture
def make_authority(brand: str) -> Callable[..., Authority]:
    """Makes a synthetic authority; ``kind="consent"`` or ``"provenance"``."""

    def make(kind: str = "provenance", persona_id: str | None = None, **changes: Any) -> Authority:
        supersedes = changes.pop("supersedes", None)
        approval_mode = changes.pop("approval_mode", "none")
        scope = full_scope(brand, **changes)
        shared: dict[str, Any] = {
            "brand_id": brand,
            "persona_id": persona_id or new_id("per"),
            "scope": scope,
            "actor": "usr_test",
            "supersedes": supersedes,
            "approval_mode": approval_mode,
        }
        with transaction() as session:
            if kind == "consent":
                return authorities.create_consent(
                    session, consent=CONSENT, evidence={"recorded_statement": "cd" * 32}, **shared
                )
            return authorities.create_provenance_statement(session, statement=STATEMENT, **shared)

    return make


@dataclass(frozen=True)
class Record:
    """A record that touches every covered table."""

    brand_id: str
    authority_id: str
    receipt_id: str
    approval_id: str
    entry_ids: list[str]


@pytest.fixture
def record(brand: str, make_authority: Callable[..., Authority]) -> Record:
    first = make_authority("consent")
    authority = make_authority("consent", persona_id=first.document.persona_id, supersedes=first.id)
    with transaction() as session:
        authorities.set_status(session, authority.id, "suspended", "a synthetic reason", "usr_test")
        authorities.set_status(session, authority.id, "granted", "the reason is gone", "usr_test")
        allowance.count_render(session, authority.id, new_id("rnd"))
        receipt = receipts.issue(session, essence=ESSENCE, decision=decision(), gate_set_sha256=GATE_SET)
        approval = approvals.record(
            session,
            render_id=new_id("rnd"),
            sealed_sha256=SEALED,
            reviewer_id="usr_reviewer",
            maker_id="usr_maker",
            verdict="reject",
            essence=ESSENCE,
            shown_sha256=SHOWN,
            reason="the label is too small",
        )
        entries = [append_one(session, i) for i in range(300)]
    return Record(brand, authority.id, receipt.id, approval.id, entries)


def append_one(session: Any, attempt: int = 0) -> str:
    return append(session, Event.STATE_CHANGED, new_id("rnd"), {"state": "draft", "attempt": attempt})
