"""Findings about the characters themselves: hidden ones, direction controls, mixed scripts, piled marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal

from core.models import Finding, Span
from policy.fold import DIRECTION_CONTROLS, JOINERS, Folded, script_of

_WORD = re.compile(r"\S+")
_CITATION = "Unicode Technical Standard 39, Unicode Security Mechanisms"
_MAX_MARKS = 3  # combining marks on one letter; Vietnamese and Hebrew need up to three


def character_findings(text: str, folded: Folded, fields: Sequence[tuple[str, int, int]]) -> list[Finding]:
    """What no voice needs and only a disguise does. Emoji joiners and those inside Indic words are left alone."""
    findings: list[Finding] = []
    if text.isascii() and not folded.hidden:
        return findings
    for index in folded.hidden:
        character = text[index]
        in_field = any(a <= index < b for _, a, b in fields)
        if character in DIRECTION_CONTROLS:
            findings.append(
                _finding(
                    "direction_control",
                    "block" if in_field else "review",
                    "A control that turns the reading direction hides what is written.",
                    start=index,
                    end=index + 1,
                    text=text,
                )
            )
        elif not (character in JOINERS and joins_properly(text, index)):
            findings.append(
                _finding(
                    "hidden_character",
                    "block" if in_field else "review",
                    "A character that shows nothing stands inside the text.",
                    start=index,
                    end=index + 1,
                    text=text,
                )
            )
    for word in _WORD.finditer(text):
        if word.group().isascii():
            continue
        for start, end in _mixed(word.group()):
            findings.append(
                _finding(
                    "mixed_scripts",
                    "review",
                    "A word mixes letters of several scripts, or ornamental letters.",
                    start=word.start() + start,
                    end=word.start() + end,
                    text=text,
                )
            )
        if _piled(word.group()):
            findings.append(
                _finding(
                    "piled_marks",
                    "review",
                    "Marks are piled on a letter.",
                    start=word.start(),
                    end=word.end(),
                    text=text,
                )
            )
    return findings


def hides_something(text: str) -> bool:
    """Whether a name holds a control, a direction mark, or what shows nothing and joins nothing."""
    return any(
        unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
        and not (character in JOINERS and joins_properly(text, index))
        for index, character in enumerate(text)
    )


def joins_properly(text: str, index: int) -> bool:
    """A joiner between letters that need it (not Latin, Greek or Cyrillic), or inside an emoji."""
    around = [text[i] for i in (index - 1, index + 1) if 0 <= i < len(text)]
    plain = ("LATIN", "GREEK", "CYRILLIC")
    return len(around) == 2 and not any(
        script_of(c) in plain or c.isdigit() or c.isspace() or c in "\u200c\u200d" for c in around
    )


def _mixed(word: str) -> Iterator[tuple[int, int]]:
    """Parts between hyphens that mix scripts or use ornaments."""
    for part in re.finditer(r"[^-/.,'’]+", word):
        scripts = {script_of(character) for character in part.group()} - {""}
        if len(scripts) > 1 or "STYLED" in scripts or _ornamental(part.group()):
            yield part.start(), part.end()


def _ornamental(word: str) -> bool:
    """Circled letters, small capitals and superscripts are symbols or marks to Unicode, letters to a reader."""
    ornaments = sum(
        1
        for character in word
        if not character.isascii()
        and unicodedata.category(character) in ("So", "Lm", "Lo", "No")
        and unicodedata.normalize("NFKD", character).isascii()
        and unicodedata.normalize("NFKD", character).isalpha()
    )
    return ornaments >= 2


def _piled(word: str) -> bool:
    run = 0
    for character in unicodedata.normalize("NFD", word):
        run = run + 1 if unicodedata.combining(character) else 0
        if run > _MAX_MARKS:
            return True
    return False


def _finding(
    code: str, severity: Literal["review", "block"], message: str, *, start: int, end: int, text: str
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        message=message,
        spans=(Span(source="script", start=start, end=end, text=text[start:end]),),
        hint="Type the text again in plain letters.",
        citation=_CITATION,
        rule=f"greenroom:{code}",
    )
