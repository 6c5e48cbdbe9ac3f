"""Properties over any text: no crash, honest spans, and a disguise never makes a breach pass."""

from __future__ import annotations

import unicodedata

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.models import Verdict
from policy.fold import fold
from policy.service import check_text
from tests.policy.lists import Field

FEW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)

# Look-alikes by eye, not read from the table that the code uses.
LOOK_ALIKES = {
    "a": "аɑ@4",
    "c": "сϲ",
    "e": "еé3",
    "g": "ɡ9",
    "i": "іí1!",
    "n": "ո",
    "o": "оο0",
    "s": "ѕ5$",
    "t": "7",
    "u": "υü",
    "r": "г",
}
BREACHES = [
    "results guaranteed",
    "clinically proven",
    "cures migraine",
    "the best in the world",
    "completely safe",
]


@FEW
@given(st.text(max_size=300))
def test_any_text_gets_a_report_with_honest_spans(text: str) -> None:
    report = check_text(text, pack="consumer-products", territory="in")
    for finding in report.findings:
        for span in finding.spans:
            assert span.start is not None
            assert span.end is not None
            assert 0 <= span.start < span.end <= len(text)
            assert span.text == text[span.start : span.end]
    worst = {finding.severity for finding in report.findings}
    expected = Verdict.BLOCK if "block" in worst else Verdict.REVIEW if "review" in worst else Verdict.PASS
    assert report.verdict is expected


@FEW
@given(st.text(min_size=1, max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_any_field_value_gets_a_report(value: str, before: str, after: str) -> None:
    fields = [Field("first_name", len(before), len(before) + len(value))]
    check_text(before + value + after, pack="consumer-products", territory="eu", fields=fields)


@FEW
@given(st.text(max_size=200))
def test_folding_is_stable_and_keeps_its_way_back(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert folded.starts == sorted(folded.starts)
    assert fold(folded.text).text == folded.text


@st.composite
def disguised(draw: st.DrawFn) -> str:
    """A breach in which every letter may be cased, replaced by a look-alike, marked, or followed by nothing."""
    out = []
    for character in draw(st.sampled_from(BREACHES)):
        choice = draw(st.sampled_from(["same", "same", "upper", "alike", "wide", "mark", "hidden"]))
        if choice == "upper":
            out.append(character.upper())
        elif choice == "alike" and character in LOOK_ALIKES:
            out.append(draw(st.sampled_from(LOOK_ALIKES[character])))
        elif choice == "wide" and character.isalpha():
            out.append(chr(ord(character) + 0xFEE0))
        elif choice == "mark" and character.isalpha():
            out.append(character + draw(st.sampled_from("\u0301\u0308\u0336\u0327")))
        elif choice == "hidden":
            out.append(character + draw(st.sampled_from("\u200b\u200d\u00ad\u2060\ufe0f")))
        else:
            out.append(character)
    return "".join(out)


@FEW
@given(disguised())
def test_a_disguise_never_makes_a_breach_pass(text: str) -> None:
    report = check_text(f"Hello Ann, {text} today.", pack="consumer-products", territory="us")
    assert report.verdict is not Verdict.PASS


@FEW
@given(disguised())
def test_a_disguise_is_read_through_not_only_noticed(text: str) -> None:
    """The rule itself fires, not only the alarm about strange characters."""
    report = check_text(text, pack="consumer-products", territory="us")
    characters = {"mixed_scripts", "hidden_character", "direction_control", "piled_marks"}
    assert {finding.code for finding in report.findings} - characters, unicodedata.normalize("NFC", text)
