"""Personal fields are data: names of any culture pass, everything else is refused."""

from __future__ import annotations

import pytest

from core.models import Verdict
from policy.models import PolicyReport
from policy.service import check_text
from tests.policy.lists import composed


def check(value: str, name: str = "first_name") -> PolicyReport:
    script = composed(f"Hello ⟦{name}={value}⟧, welcome.")
    return check_text(script.text, pack="consumer-products", territory="in", fields=script.fields)


def codes(report: PolicyReport) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize(
    "value",
    [
        "Ann",
        "O’Neill",
        "Jean-Luc",
        "J. R.",
        "María del Carmen",
        "Nguyễn",
        "Анна",
        "王",
        "अनिल",
        "علی‌رضا",
        "Kaʻiulani",
        "தமிழ்ச்செல்வி",
    ],
)
def test_names_pass(value: str) -> None:
    assert check(value).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("<b>Ann</b>", "markup"),
        ("<break time='1s'/>", "markup"),
        ("{{ 7 * 7 }}", "template_syntax"),
        ("${x}", "template_syntax"),
        ("<|im_start|>", "prompt_marker"),
        ("https://x", "contact_in_field"),
        ("shop.example", "contact_in_field"),
        ("ann@mail.example", "contact_in_field"),
        ("+49 30 1234567", "contact_in_field"),
        ("0301234567", "contact_in_field"),
        ("Ann\u202e", "direction_control"),
        ("An\u200bn", "hidden_character"),
    ],
)
def test_what_is_no_name_is_blocked(value: str, code: str) -> None:
    report = check(value)
    assert code in codes(report)
    assert report.verdict is Verdict.BLOCK


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("Ann 2", "field_characters"),
        ("Ann™", "field_characters"),
        ("😀", "field_characters"),
        (" ", "field_empty"),
        ("a b c d e f g", "field_too_many_words"),
        ("Ann with the very best", "field_is_a_sentence"),
        ("Аnn", "mixed_scripts"),  # Cyrillic A
        ("𝐀𝐧𝐧", "mixed_scripts"),
        ("A\u0301\u0302\u0303\u0304nn", "piled_marks"),
    ],
)
def test_what_is_unusual_goes_to_a_person(value: str, code: str) -> None:
    report = check(value)
    assert code in codes(report)
    assert report.verdict is not Verdict.PASS


def test_a_field_of_10000_characters_is_blocked() -> None:
    report = check("a" * 10_000)
    assert "field_too_long" in codes(report)
    assert report.verdict is Verdict.BLOCK


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", "₹1,299.50"),
        ("date", "31.03.2027"),
        ("appointment", "Tuesday, 10:30"),
        ("order_number", "2027-1234567890"),
        ("city", "6th of October City"),
        ("company", "Lee & Sons (1924)"),
        ("product", "Kettle 2000, blue"),
    ],
)
def test_each_kind_of_field_allows_what_it_needs(name: str, value: str) -> None:
    assert check(value, name).verdict is Verdict.PASS


def test_a_field_that_no_rule_names_is_held_to_the_rule_for_the_rest() -> None:
    assert check("a note: nothing special.", "remark").verdict is Verdict.PASS
    assert "field_characters" in codes(check("a | b", "remark"))


def test_the_message_names_the_field_and_the_span_is_the_value() -> None:
    (finding,) = [finding for finding in check("Ann 2").findings if finding.code == "field_characters"]
    assert "first_name" in finding.message
    assert finding.spans[0].source == "field"
    assert finding.spans[0].text == "2"
