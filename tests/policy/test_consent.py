"""Scope: each limit blocks on its own, what is not stated is not allowed. Every consent here is synthetic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from audit.models import (
    Authority,
    AuthorityDocument,
    AuthorityStatus,
    Consent,
    ProvenanceStatement,
    Scope,
)
from core.models import Verdict
from policy.consent import covers
from policy.models import ScopeDecision, Use

SCRIPT = "a" * 64
SCOPE: dict[str, Any] = {
    "brands": ("brd_a",),
    "campaigns": ("cmp_a",),
    "topics_allowed": ("food", "retail"),
    "topics_barred": ("politics", "alcohol"),
    "script_mode": "template",
    "scripts": (SCRIPT,),
    "personal_fields": ("first_name",),
    "languages": ("en",),
    "territories": ("in", "eu"),
    "channels": ("link",),
    "likeness": ("face", "voice"),
    "not_before": datetime(2026, 1, 1, tzinfo=UTC),
    "not_after": datetime(2027, 1, 1, tzinfo=UTC),
    "max_renders": 10,
}
USE: dict[str, Any] = {
    "brand_id": "brd_a",
    "campaign_id": "cmp_a",
    "persona_id": "per_a",
    "language": "en",
    "territory": "in",
    "channel": "link",
    "topic": "food",
    "at": datetime(2026, 6, 1, tzinfo=UTC),
    "script_mode": "template",
    "script_sha256": SCRIPT,
    "personal_fields": ("first_name",),
    "renders": 1,
}


def authority(kind: Literal["consent", "provenance"] = "consent", **changes: Any) -> Authority:
    state: dict[str, Any] = {
        "status": AuthorityStatus.GRANTED,
        "history": (),
        "superseded_by": None,
        "renders_counted": 0,
    }
    for name in state:
        if name in changes:
            state[name] = changes.pop(name)
    evidence = changes.pop("evidence", {"recorded_statement": "e" * 64})
    document = AuthorityDocument.model_construct(
        id="aut_a",
        record_id="aut_a",
        version=1,
        supersedes=None,
        brand_id="brd_a",
        persona_id="per_a",
        kind=kind,
        scope=Scope(**{**SCOPE, **changes}),
        approval_mode="none",
        consent=Consent(
            subject_kind="adult",
            grantee="Example Grantee Ltd (synthetic test record)",
            notice_sha256="b" * 64,
            notice_language="en",
            notice_version="1",
        )
        if kind == "consent"
        else None,
        provenance=ProvenanceStatement(made_by="tests", made_from="nothing", method="typed")
        if kind == "provenance"
        else None,
        evidence=evidence,
        made_at="2026-01-01T00:00:00.000000Z",
    )
    return Authority.model_construct(document=document, **state)


def decide(use: dict[str, Any] | None = None, **changes: Any) -> ScopeDecision:
    return covers(authority(**changes), Use(**{**USE, **(use or {})}))


def codes(decision: ScopeDecision) -> list[str]:
    return [finding.code for finding in decision.findings]


def test_a_use_inside_every_limit_is_covered() -> None:
    assert decide().verdict is Verdict.PASS
    assert decide().findings == ()


@pytest.mark.parametrize("status", ["suspended", "revoked", "expired"])
def test_an_authority_that_is_not_granted_blocks(status: str) -> None:
    decision = decide(status=AuthorityStatus(status))
    assert codes(decision) == ["authority_not_granted"]
    assert decision.verdict is Verdict.BLOCK


@pytest.mark.parametrize(
    ("use", "code"),
    [
        ({"persona_id": "per_b"}, "persona_not_covered"),
        ({"brand_id": "brd_b"}, "brand_not_covered"),
        ({"campaign_id": "cmp_b"}, "campaign_not_covered"),
        ({"language": "de"}, "language_not_covered"),
        ({"language": "eng"}, "language_not_covered"),
        ({"language": ""}, "language_not_covered"),
        ({"territory": "us"}, "territory_not_covered"),
        ({"territory": "inn"}, "territory_not_covered"),
        ({"territory": ""}, "territory_not_covered"),
        ({"channel": "email"}, "channel_not_covered"),
        ({"channel": ""}, "channel_not_covered"),
        ({"likeness": ("face", "voice", "name")}, "likeness_not_covered"),
        ({"likeness": ()}, "likeness_not_covered"),
        ({"at": datetime(2025, 12, 31, 23, 59, tzinfo=UTC)}, "not_yet_valid"),
        ({"at": datetime(2027, 1, 1, tzinfo=UTC)}, "no_longer_valid"),
        ({"at": datetime(2026, 6, 1)}, "time_unknown"),  # noqa: DTZ001 - a time without a zone is the test
        ({"renders": 11}, "renders_used_up"),
        ({"script_mode": "free"}, "script_mode_not_covered"),
        ({"script_sha256": "f" * 64}, "script_not_covered"),
        ({"script_sha256": ""}, "script_not_covered"),
        ({"personal_fields": ("first_name", "city")}, "field_not_covered"),
        ({"training": True}, "training_not_covered"),
        ({"topic": "politics"}, "topic_barred"),
        ({"topic": "travel"}, "topic_not_covered"),
    ],
)
def test_each_limit_blocks_with_its_own_code(use: dict[str, Any], code: str) -> None:
    decision = decide(use)
    assert code in codes(decision)
    assert decision.verdict is Verdict.BLOCK


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"brands": ()}, "brand_not_covered"),
        ({"campaigns": ()}, "campaign_not_covered"),
        ({"languages": ()}, "language_not_covered"),
        ({"territories": ()}, "territory_not_covered"),
        ({"channels": ()}, "channel_not_covered"),
        ({"likeness": ()}, "likeness_not_covered"),
        ({"topics_allowed": ()}, "topic_not_covered"),
        ({"script_mode": None}, "script_mode_not_stated"),
        ({"scripts": ()}, "script_not_covered"),
        ({"personal_fields": ()}, "field_not_covered"),
        ({"not_before": None}, "start_not_stated"),
        ({"not_after": None}, "end_not_stated"),
        ({"max_renders": None}, "renders_not_stated"),
        ({"max_renders": 0}, "renders_used_up"),
        ({"evidence": {}}, "evidence_missing"),
        ({"superseded_by": "aut_b"}, "authority_superseded"),
        ({"topics_barred": ("*",)}, "topic_barred"),
    ],
)
def test_what_is_not_stated_is_not_allowed(changes: dict[str, Any], code: str) -> None:
    decision = decide(**changes)
    assert code in codes(decision)
    assert decision.verdict is Verdict.BLOCK


def test_an_empty_scope_allows_nothing() -> None:
    empty = authority()
    document = empty.document.model_copy(update={"scope": Scope()})
    decision = covers(empty.model_copy(update={"document": document}), Use(**USE))
    assert decision.verdict is Verdict.BLOCK
    assert len(set(codes(decision))) >= 11


def test_the_last_render_is_covered_and_the_next_is_not() -> None:
    assert decide(renders_counted=9).verdict is Verdict.PASS
    assert codes(decide(renders_counted=10)) == ["renders_used_up"]
    assert decide({"renders": 0}, renders_counted=10).verdict is Verdict.PASS
    assert decide(renders_counted=10**9, max_renders="unlimited").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("allowed", "asked", "covered"),
    [
        ("exact", "exact", True),
        ("exact", "template", False),
        ("exact", "free", False),
        ("template", "exact", True),
        ("template", "template", True),
        ("template", "free", False),
        ("free", "exact", True),
        ("free", "template", True),
        ("free", "free", True),
    ],
)
def test_script_modes(allowed: str, asked: str, covered: bool) -> None:
    decision = decide({"script_mode": asked}, script_mode=allowed)
    assert (decision.verdict is Verdict.PASS) is covered


def test_an_exact_script_is_never_allowed_by_a_wildcard() -> None:
    assert codes(decide({"script_mode": "exact"}, script_mode="exact", scripts=("*",))) == [
        "script_not_covered"
    ]
    assert decide({"script_sha256": ""}, scripts=("*",)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("use", "changes"),
    [
        ({"language": "en-IN"}, {}),
        ({"language": "EN"}, {}),
        ({"territory": "de"}, {}),
        ({"territory": "IN-KA"}, {}),
        ({"brand_id": "brd_b"}, {"brands": ("*",)}),
        ({"topic": "travel"}, {"topics_allowed": ("*",)}),
        ({"persona_id": None}, {}),
    ],
)
def test_a_wider_limit_covers_the_narrower_use(use: dict[str, Any], changes: dict[str, Any]) -> None:
    assert decide(use, **changes).verdict is Verdict.PASS


def test_a_narrower_limit_does_not_cover_the_wider_use() -> None:
    assert codes(decide({"language": "en"}, languages=("en-IN",))) == ["language_not_covered"]
    assert codes(decide({"territory": "eu"}, territories=("de",))) == ["territory_not_covered"]


def test_a_presenter_who_does_not_exist_may_have_no_end() -> None:
    assert decide(kind="provenance", not_after=None, not_before=None, evidence={}).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("script", "verdict", "code"),
    [
        ("Our bread and cheese taste wonderful at breakfast.", Verdict.PASS, None),
        ("A glass of wine with your cheese.", Verdict.REVIEW, "topic_unsure"),
        ("Beer and wine in our brewery.", Verdict.BLOCK, "topic_barred"),
        ("V o t e in the e1ection.", Verdict.BLOCK, "topic_barred"),
        ("Your flight to the beach hotel is booked.", Verdict.REVIEW, "topic_unsure"),
    ],
)
def test_topics_are_matched_by_rules_and_an_unsure_match_goes_to_a_person(
    script: str, verdict: Verdict, code: str | None
) -> None:
    decision = decide({"script": script})
    assert decision.verdict is verdict
    assert codes(decision) == ([code] if code else [])


def test_a_campaign_that_declares_no_topic_and_shows_none_goes_to_a_person() -> None:
    decision = decide({"topic": "", "script": "Hello there."})
    assert codes(decision) == ["topic_unsure"]
    assert decide({"topic": "", "script": "Our bread and cheese."}).verdict is Verdict.PASS


def test_a_barred_topic_that_no_rule_knows_goes_to_a_person() -> None:
    decision = decide({"script": "Our bread and cheese."}, topics_barred=("falconry",))
    assert codes(decision) == ["topic_unsure"]
    assert decision.verdict is Verdict.REVIEW
