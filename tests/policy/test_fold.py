"""The folded view shows what a reader sees, and knows where each character came from."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from policy.fold import fold, script_of


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Straße", "strasse"),
        ("ＦＵＬＬ", "full"),
        ("𝐜𝐮𝐫𝐞𝐬", "cures"),
        ("сures", "cures"),  # Cyrillic es
        ("Ꮐo", "go"),  # Cherokee
        ("ģüåràñtêëd", "guaranteed"),
        ("Łódź", "lodz"),
        ("cu\u200dr\u00ades", "cures"),
        ("a\u2003b\u00a0c\td", "a b c d"),
        ("ﬁt", "fit"),
        ("don’t", "don't"),
        ("risk‐free", "risk-free"),
        ("g\u0336o\u0336", "go"),
        ("अनिल", "अनिल"),
        ("", ""),
    ],
)
def test_what_a_reader_sees(text: str, folded: str) -> None:
    assert fold(text).text == folded


@pytest.mark.parametrize(
    ("text", "word", "original"),
    [
        ("Results guar\u200banteed now", "guaranteed", "guar\u200banteed"),
        ("the ﬁt is good", "fit", "ﬁt"),
        ("die Straße dort", "strasse", "Straße"),
        ("a cu\u0301re b", "cure", "cu\u0301re"),
        ("x ｇｏ y", "go", "ｇｏ"),
    ],
)
def test_a_span_points_at_the_original_characters(text: str, word: str, original: str) -> None:
    folded = fold(text)
    at = folded.text.index(word)
    start, end = folded.span(at, at + len(word))
    assert text[start:end] == original


def test_characters_that_show_nothing_are_listed() -> None:
    assert fold("a\u200bb\u202ec\ufeff").hidden == [1, 3, 5]
    assert fold("अनि").hidden == []


def test_every_assigned_character_folds_and_maps_back() -> None:
    """Every plane: folding never raises, and its spans stay inside the text, in order."""
    points = [p for p in range(sys.maxunicode + 1) if unicodedata.category(chr(p)) not in ("Cs", "Cn", "Co")]
    text = "".join(map(chr, points[::7]))
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert folded.starts == sorted(folded.starts)
    assert all(0 <= a < b <= len(text) for a, b in zip(folded.starts, folded.ends, strict=True))


@pytest.mark.parametrize(
    ("character", "script"),
    [("a", "LATIN"), ("ж", "CYRILLIC"), ("漢", "CJK"), ("カ", "CJK"), ("7", ""), ("𝐚", "STYLED")],
)
def test_scripts(character: str, script: str) -> None:
    assert script_of(character) == script
