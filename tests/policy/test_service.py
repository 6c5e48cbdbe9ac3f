"""Checking a composed text: verdicts, spans into the original, and nothing passes by accident."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import InputError
from core.models import Finding, Verdict
from policy.errors import PackError
from policy.models import PolicyReport
from policy.service import MAX_FINDINGS, check_text
from tests.policy.lists import Field, composed


def check(text: str, **changes: Any) -> PolicyReport:
    values: dict[str, Any] = {"pack": "consumer-products", "territory": "in"}
    return check_text(text, **{**values, **changes})


def codes(report: PolicyReport) -> list[str]:
    return [finding.code for finding in report.findings]


def marked(text: str, finding: Finding) -> str:
    (span,) = finding.spans
    assert span.start is not None
    assert span.end is not None
    assert span.text == text[span.start : span.end]
    return span.text


def test_a_plain_script_passes_and_names_its_packs() -> None:
    report = check("Hello Ann, your new kettle arrives on Tuesday.")
    assert report.verdict is Verdict.PASS
    assert report.findings == ()
    assert list(report.packs) == ["base", "consumer-products", "in"]
    assert all(len(value.split("@")[1]) == 64 for value in report.packs.values())


def test_a_breach_is_blocked_with_its_words_rule_hint_and_citation() -> None:
    text = "Dear Ann, this tea cures diabetes."
    report = check(text)
    assert report.verdict is Verdict.BLOCK
    (finding,) = [finding for finding in report.findings if finding.code == "cure_claim"][:1]
    assert marked(text, finding) in ("cures diabetes", "cures")
    assert finding.rule == "consumer-products@1:cure_claim"
    assert "UCPD annex I" in finding.citation
    assert finding.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Results ｇｕａｒａｎｔｅｅｄ today.", "ｇｕａｒａｎｔｅｅｄ"),
        ("😀😀 Results guar\u200banteed today.", "guar\u200banteed"),
        ("It is g u a r a n t e e d.", "g u a r a n t e e d"),
        ("Straße: gu4r4nt33d results.", "gu4r4nt33d"),
    ],
)
def test_spans_point_at_the_original_characters(text: str, words: str) -> None:
    (finding,) = [finding for finding in check(text).findings if finding.code == "absolute_guarantee"]
    assert marked(text, finding) == words


def test_a_span_inside_a_field_says_so() -> None:
    script = composed("Hello ⟦first_name=Fuck⟧, welcome.")
    (finding,) = [f for f in check(script.text, fields=script.fields).findings if f.code == "profanity"]
    assert finding.spans[0].source == "field"
    (outside,) = [f for f in check("What the fuck?").findings if f.code == "profanity"]
    assert outside.spans[0].source == "script"


def test_the_composed_sentence_is_checked_not_only_the_field() -> None:
    script = composed("We are the ⟦city=best in the⟧ world.")
    assert "superlative" in codes(check(script.text, fields=script.fields))
    joined = composed("Hello ⟦first_name=Bull⟧ ⟦last_name=Shit⟧, welcome.")
    found = [f for f in check(joined.text, fields=joined.fields).findings if f.code == "profanity"]
    assert marked(joined.text, found[0]) in ("Bull Shit", "Shit")


def test_what_only_sounds_like_a_strong_word_is_for_a_person() -> None:
    script = composed("Hello ⟦first_name=Shyt⟧, welcome.")
    report = check(script.text, fields=script.fields)
    assert report.verdict is Verdict.REVIEW


@pytest.mark.parametrize("language", ["hi", "de", "xx", ""])
def test_an_unsupported_language_goes_to_review(language: str) -> None:
    report = check("Hello.", language=language)
    assert codes(report) == ["language_unsupported"]
    assert report.verdict is Verdict.REVIEW


def test_a_regional_form_of_a_supported_language_is_supported() -> None:
    assert check("Hello.", language="en-IN").verdict is Verdict.PASS


@pytest.mark.parametrize("territory", ["zz", "", "moon"])
def test_a_territory_without_a_pack_goes_to_review(territory: str) -> None:
    assert codes(check("Hello.", territory=territory)) == ["territory_without_pack"]


@pytest.mark.parametrize("text", ["", " ", "\u3164", "\n\t"])
def test_an_empty_text_never_passes(text: str) -> None:
    assert check(text).verdict is not Verdict.PASS


def test_an_unknown_pack_is_an_error() -> None:
    with pytest.raises(PackError, match="no such rule pack"):
        check("Hello.", pack="luxury-yachts")


@pytest.mark.parametrize(
    "fields",
    [
        [Field("a", 0, 99)],
        [Field("a", -1, 2)],
        [Field("a", 3, 2)],
        [Field("a", 0, 3), Field("b", 2, 4)],
        [Field(f"f{i}", 0, 0) for i in range(201)],
    ],
)
def test_spans_that_do_not_fit_the_text_are_an_error(fields: list[Field]) -> None:
    with pytest.raises(InputError):
        check("Hello.", fields=fields)


def test_a_claim_with_evidence_on_file_is_allowed() -> None:
    text = "Clinically proven comfort."
    assert check(text).verdict is Verdict.BLOCK
    assert check(text, facts={"substantiated": ["clinically_proven"]}).verdict is Verdict.PASS
    assert check(text, facts={"substantiated": "clinically_proven"}).verdict is Verdict.BLOCK


def test_competitors_come_from_the_brands_own_list() -> None:
    facts = {"competitors": ["Example Rival", "Öko-Müller"]}
    assert codes(check("Not like E.x.a.m.p.l.e Rival.", facts=facts)) == ["competitor_mention"]
    assert codes(check("An example. Rival offers exist.", facts=facts)) == []
    assert codes(check("For example, rivals exist.", facts=facts)) == []
    assert codes(check("Not like example-rival at all.", facts=facts)) == ["competitor_mention"]
    assert codes(check("Not like Oko Muller.", facts=facts)) == ["competitor_mention"]
    assert codes(check("Not like Example Rival.")) == []


@pytest.mark.parametrize("territory", ["in", "eu", "us"])
def test_a_missing_visible_label_is_blocked_where_the_law_asks_for_one(territory: str) -> None:
    assert check("Hello.", territory=territory, facts={"visible_label": False}).verdict is Verdict.BLOCK
    assert check("Hello.", territory=territory, facts={"visible_label": True}).verdict is Verdict.PASS


def test_a_disclosure_in_the_text_excuses() -> None:
    assert "us_free_offer" in codes(check("Start your free trial.", territory="us"))
    assert codes(check("Start your free trial. Terms apply.", territory="us")) == []


def test_territory_packs_add_to_the_brands_pack() -> None:
    text = "Our eco-friendly bottle is here."
    assert check(text, territory="eu").verdict is Verdict.BLOCK
    assert check(text, territory="us").verdict is Verdict.REVIEW
    assert check(text, territory="in").verdict is Verdict.PASS


def test_findings_are_in_the_order_of_the_text_and_bounded() -> None:
    report = check("Guaranteed. " * 1000)
    starts = [finding.spans[0].start for finding in report.findings]
    assert len(starts) == MAX_FINDINGS
    assert starts == sorted(starts, key=lambda start: start or 0)
    assert report.verdict is Verdict.BLOCK


@pytest.mark.parametrize(
    "text",
    [
        "\ud800 lone surrogate",
        "\x00 null",
        "مرحبا Hello שלום guaranteed",
        "👩‍👩‍👧‍👦 family",
        "ि orphan vowel sign",
        "a" * 20_000,
        "́" * 5_000,
        "\U0010ffff",
        "🅶🆄🅰🆁🅰🅽🆃🅴🅴🅳",
    ],
)
def test_strange_text_is_read_without_an_error(text: str) -> None:
    report = check(text)
    for finding in report.findings:
        if finding.spans:
            marked(text, finding)


def test_mixed_directions_do_not_hide_a_claim() -> None:
    assert "absolute_guarantee" in codes(check("مرحبا guaranteed שלום"))
