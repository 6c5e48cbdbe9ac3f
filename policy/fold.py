"""The folded view: what a reader sees, whatever characters were used to write it.

NFKC forms, case, diacritics, invisible characters and look-alikes of other scripts (Unicode TS 39) are
folded away; every folded character remembers where it came from, so that a finding points at the
original text. Leet, stretching and spacing tricks need a vocabulary and are undone in ``policy.words``.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from confusable_homoglyphs import confusables

# Letters that Unicode does not decompose.
_PLAIN = {
    "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h", "ŧ": "t",
    "ŋ": "n", "ƀ": "b", "ɓ": "b", "ɗ": "d", "ƒ": "f", "ɠ": "g", "ɦ": "h", "ɨ": "i", "ƙ": "k", "ƚ": "l",
    "ɲ": "n", "ɔ": "o", "ə": "e", "ɛ": "e", "ɑ": "a", "ɡ": "g", "ʋ": "v", "ƴ": "y", "ƶ": "z", "ᴀ": "a",
}  # fmt: skip
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and symbols that show nothing: act as a space
_QUOTES = {"‘": "'", "’": "'", "ʼ": "'", "ʻ": "'", "ʹ": "'", "`": "'", "´": "'", "′": "'", "＇": "'"}
_DASHES = frozenset("‐‑‒–—―−⁃﹣－")

# Controls that turn the reading direction: never needed in a script that a voice will speak.
DIRECTION_CONTROLS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Joiners that some scripts need inside words; a trick between Latin letters.
JOINERS = frozenset("\u200c\u200d")


@dataclass(frozen=True)
class Folded:
    """A folded text and the way back.

    Attributes:
        text: folded characters.
        starts, ends: for each folded character, the span [start, end) of original characters.
        hidden: original offsets of characters that show nothing.
    """

    text: str
    starts: list[int]
    ends: list[int]
    hidden: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Original span of the folded characters [start, end); ``end`` must be larger than ``start``."""
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """Fold a text character by character: linear in its length."""
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    hidden: list[int] = []
    for index, character in enumerate(text):
        folded = fold_character(character)
        if not folded:
            if not unicodedata.combining(character):
                hidden.append(index)
            if ends:
                ends[-1] = index + 1  # a dropped mark belongs to the letter that carries it
            continue
        for part in folded:
            out.append(part)
            starts.append(index)
            ends.append(index + 1)
    return Folded("".join(out), starts, ends, hidden)


@lru_cache(maxsize=8192)
def fold_character(character: str) -> str:
    """One character as plain lower-case text; empty for one that shows nothing."""
    if character.isascii():
        if character.isprintable():
            return character.lower()
        return " " if character.isspace() else ""
    if character.isspace() or character in _BLANK:
        return " "
    category = unicodedata.category(character)
    if category in ("Cf", "Cc", "Cs", "Co", "Cn") or _is_mark(character):
        return ""
    return "".join(
        _plain(part) for part in unicodedata.normalize("NFKD", character) if not _is_mark(part)
    ).casefold()


def _plain(character: str) -> str:
    """The ASCII look-alike where there is one, else the character in lower case."""
    if character.isascii():
        return character
    if character in _QUOTES:
        return "'"
    if character in _DASHES:
        return "-"
    lowered = character.casefold()
    if lowered in _PLAIN:
        return _PLAIN[lowered]
    table = _look_alikes()
    return table.get(character) or table.get(lowered) or lowered


def _is_mark(character: str) -> bool:
    """Marks that change a letter's look but not which word is read. Indic vowel signs are kept."""
    point = ord(character)
    return (
        0x0300 <= point <= 0x036F
        or 0x1AB0 <= point <= 0x1AFF
        or 0x1DC0 <= point <= 0x1DFF
        or 0x20D0 <= point <= 0x20FF
        or 0xFE00 <= point <= 0xFE0F
        or 0xFE20 <= point <= 0xFE2F
        or 0xE0100 <= point <= 0xE01EF
        or point in (0x180B, 0x180C, 0x180D)
    )


@lru_cache(maxsize=1)
def _look_alikes() -> dict[str, str]:
    """Non-ASCII character to the ASCII letter or digit that it is mistaken for (Unicode's confusables)."""
    table: dict[str, str] = {}
    for character, targets in confusables.confusables_data.items():
        if len(character) != 1 or character.isascii():
            continue
        plain = [t["c"] for t in targets if t["c"].isascii() and t["c"].isalnum() and len(t["c"]) <= 2]
        if plain:
            letters = [target for target in plain if target.isalpha()] or plain
            # Upper case looks like upper case: prefer the look-alike of the same case.
            same = [target for target in letters if target.isupper() == character.isupper()]
            table[character] = (same or letters)[0].lower()
    return table


def script_of(character: str) -> str:
    """A coarse script name of a letter (LATIN, CYRILLIC, CJK, ...), empty for what belongs to none."""
    if character.isascii():
        return "LATIN" if character.isalpha() else ""
    if not character.isalpha():
        return ""
    name = _script_name(character)
    # Japanese and Korean mix these within one word.
    return "CJK" if name in ("HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC") else name


@lru_cache(maxsize=8192)
def _script_name(character: str) -> str:
    words = unicodedata.name(character, "").split()
    if not words:
        return "UNKNOWN"
    if words[0] in ("MODIFIER", "FEMININE", "MASCULINE"):
        return ""
    if words[0] in (
        "FULLWIDTH",
        "HALFWIDTH",
        "MATHEMATICAL",
        "DOUBLE-STRUCK",
        "SCRIPT",
        "BLACK-LETTER",
        "CIRCLED",
    ):
        return "STYLED"  # letters as ornaments: no name is written so
    return words[0]
