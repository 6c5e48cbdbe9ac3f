"""Words of a text as they are spoken, so that what is written and what is heard can be laid side by side.

``$12.50``, ``twelve dollars and fifty cents`` and ``12 dollars 50`` are the same speech, ``we'll`` and ``we will`` too.
A token keeps its place in the original text and every way in which it may be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from num2words import num2words

from core.perception.phones import is_common_word, is_known_word

Spoken = tuple[str, ...]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


MONTHS = _set("january february march april may june july august september october november december")
DAYS = _set("monday tuesday wednesday thursday friday saturday sunday")
MONEY = {
    "$": ("dollars", "cents"),
    "€": ("euros", "cents"),
    "£": ("pounds", "pence"),
    "₹": ("rupees", "paise"),
}
SINGULAR = {"dollars": "dollar", "euros": "euro", "pounds": "pound", "rupees": "rupee"}
ABBREVIATIONS = {
    "mr": "mister",
    "mrs": "missus",
    "dr": "doctor",
    "prof": "professor",
    "vs": "versus",
    "etc": "etcetera",
    "approx": "approximately",
    "km": "kilometers",
    "kg": "kilograms",
    "cm": "centimeters",
    "mm": "millimeters",
    "mg": "milligrams",
    "ml": "milliliters",
    "lb": "pounds",
    "lbs": "pounds",
    "hr": "hours",
    "hrs": "hours",
    "min": "minutes",
    "ok": "okay",
    "&": "and",
    "+": "plus",
    "@": "at",
    "%": "percent",
    "=": "equals",
}
ALSO = {"our": "are", "than": "then", "and": "an"}  # as heard in running speech
SUFFIXES = {"'ll": "will", "'re": "are", "'ve": "have", "'m": "am", "'d": "would"}
IS_AFTER = _set("it he she that what there here who where how when this everything everyone")
NUMBER_WORDS = _set(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million "
    "billion point half third quarter first second fourth fifth sixth seventh eighth ninth tenth double dozen"
)
NEGATIONS = _set("not no never none nothing nobody neither nor without cannot")
_CHUNK = re.compile(r"[^\s\-–—/…]+")
_MONEY = re.compile(r"^([$€£₹])(\d[\d,]*)(?:\.(\d{1,2}))?(k|m|bn)?$")
_CLOCK = re.compile(r"^(\d{1,2})[:.](\d{2})$")
_NUMBER = re.compile(r"^\d{1,3}(?:,\d{3})+(?:\.\d+)?$|^\d+(?:\.\d+)?$")
_ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th)$")
_MIXED = re.compile(r"^(\d[\d.,]*)([a-z]+)$")


@dataclass(frozen=True)
class Token:
    """One written chunk.

    Attributes:
        text: as written, without outer punctuation.
        start, end: character offsets into the text it came from.
        index: number of the word that it came from, where the text is a list of words.
        readings: ways to speak it, the most usual first; each a tuple of plain words. Never empty.
        name: written like a name: a capital where a common word would have none.
    """

    text: str
    start: int
    end: int
    index: int
    readings: tuple[Spoken, ...]
    name: bool

    @property
    def rare(self) -> bool:
        """A name outside the lexicon: a recogniser spells it as it likes."""
        return self.name and not is_known_word(self.text)

    @property
    def words(self) -> Spoken:
        return self.readings[0]


def tokens(text: str) -> list[Token]:
    """The tokens of a text; ``index`` counts chunks."""
    return list(_tokens([(text, 0)]))


def tokens_of_words(words: Sequence[str]) -> list[Token]:
    """The tokens of heard words; ``index`` is the word's place in the list, offsets count in the words' joined text."""
    parts, offset = [], 0
    for word in words:
        parts.append((word, offset))
        offset += len(word) + 1
    return list(_tokens(parts))


def readings_of(group: Sequence[Token], limit: int = 64) -> set[Spoken]:
    """Every way to speak some tokens in a row (at most ``limit``), numbers joined as one would say them."""
    out: set[Spoken] = set()
    for count, choice in enumerate(product(*(token.readings for token in group))):
        if count >= limit:
            break
        out.add(_without_and(tuple(word for reading in choice for word in reading)))
    return out


def _tokens(parts: Sequence[tuple[str, int]]) -> Iterator[Token]:
    chunks: list[tuple[str, int, int]] = []  # text, start, index
    for number, (part, offset) in enumerate(parts):
        for match in _CHUNK.finditer(part):
            index = number if len(parts) > 1 else len(chunks)
            chunks.append((match.group(), offset + match.start(), index))
    sentence_start = True
    for i, (chunk, start, index) in enumerate(chunks):
        bare = chunk.strip(".,;:!?\"'()[]{}“”‘’«»*_")
        if bare or chunk in ABBREVIATIONS:
            bare = bare or chunk
            begin = start + chunk.index(bare)
            before = chunks[i - 1][0].lower().strip(".,;:!?") if i else ""
            after = chunks[i + 1][0].strip(".,;:!?") if i + 1 < len(chunks) else ""
            readings = _readings(bare.lower().replace("’", "'"), before, after)
            if readings:
                yield Token(bare, begin, begin + len(bare), index, readings, _is_name(bare, sentence_start))
        sentence_start = chunk.endswith((".", "!", "?", ":", "…"))


def _is_name(text: str, sentence_start: bool) -> bool:
    if (
        not text[:1].isupper()
        or text.lower().removesuffix("s") in MONTHS | DAYS
        or text in ("I", "I'm", "I'll", "I've", "I'd")
    ):
        return False
    return not (sentence_start and _is_common(text.lower()))


@lru_cache(maxsize=10_000)
def _is_common(word: str) -> bool:
    """Whether a lower-case word is in the pronouncing lexicon as a common word (names stand there in capitals)."""
    return is_common_word(word.split("'", maxsplit=1)[0])


def _readings(word: str, before: str, after: str) -> tuple[Spoken, ...]:  # noqa: PLR0911  (a list of forms)
    if len(word) > 40:  # no word and no number that anybody speaks
        return (_plain_word(word[:40]),)
    plain = word.replace(".", "")
    if plain in ("am", "pm") and (word != "am" or before[-1:].isdigit() or before in NUMBER_WORDS):
        return ((plain,),)
    if plain in ("o'clock", "oclock"):
        return ((),) if before else (("o'clock",),)
    if plain == "st":
        return (("saint",), ("street",)) if after[:1].isupper() else (("street",), ("saint",))
    if word in ("no", "nr") and after[:1].isdigit():
        return (("number",),)
    if plain in ABBREVIATIONS:
        return ((ABBREVIATIONS[plain],),)
    if word.endswith("%") and _NUMBER.match(word[:-1]):
        return tuple((*reading, "percent") for reading in _number(word[:-1], before, after))
    if money := _MONEY.match(word):
        return _money(*money.groups())
    if clock := _CLOCK.match(word):
        return _clock(word, int(clock[1]), int(clock[2]))
    if ordinal := _ORDINAL.match(word):
        return (_say(int(ordinal[1]), "ordinal"),) if int(ordinal[1]) < 10**9 else ((word,),)
    if _NUMBER.match(word):
        return _number(word, before, after)
    if (mixed := _MIXED.match(word)) and _NUMBER.match(mixed[1]):
        unit = ABBREVIATIONS.get(mixed[2], mixed[2])
        return tuple((*reading, unit) for reading in _number(mixed[1], before, after))
    usual = _plain_word(word)
    return (usual, (ALSO[word],)) if word in ALSO else (usual,) if usual else ()


def _plain_word(word: str) -> Spoken:
    special = {
        "can't": ("can", "not"),
        "cannot": ("can", "not"),
        "won't": ("will", "not"),
        "let's": ("let", "us"),
    }
    if word in special:
        return special[word]
    if word.endswith("n't"):
        return (word[:-3], "not")
    for suffix, full in SUFFIXES.items():
        if word.endswith(suffix) and len(word) > len(suffix):
            return (word.removesuffix(suffix), full)
    if word.endswith("'s") and word[:-2] in IS_AFTER:
        return (word[:-2], "is")
    letters = re.sub(r"[^\w]", "", word)
    return (letters,) if letters else ()


def _money(sign: str, whole: str, part: str | None, scale: str | None) -> tuple[Spoken, ...]:
    unit, small = MONEY[sign]
    number = int(whole.replace(",", ""))
    factor = {"k": "thousand", "m": "million", "bn": "billion"}.get(scale or "", "")
    if number >= 10**12:
        return ((whole,),)
    big = _say(number)
    if factor:
        point = ("point", *(_say(int(digit))[0] for digit in part)) if part else ()
        return ((*big, *point, factor, unit),)
    if number == 1 and not part:
        return ((*big, SINGULAR.get(unit, unit)),)
    name = SINGULAR.get(unit, unit) if number == 1 else unit
    if not part or int(part) == 0:
        return ((*big, name),)
    cents = _say(int(part.ljust(2, "0")))
    return ((*big, name, *cents, small), (*big, *cents), (*big, name, *cents))


def _clock(word: str, hours: int, minutes: int) -> tuple[Spoken, ...]:
    digits: list[Spoken] = []
    if hours < 25 and minutes < 60:
        if minutes == 0:
            digits.append(_say(hours))
            digits.append((*_say(hours), "hundred"))
        elif minutes < 10:
            digits.append((*_say(hours), "oh", *_say(minutes)))
            digits.append((*_say(hours), *_say(minutes)))
        else:
            digits.append((*_say(hours), *_say(minutes)))
    decimal = _decimal(word.replace(":", "."))
    return (decimal, *digits) if "." in word else (*digits, decimal)


def _number(word: str, before: str, after: str) -> tuple[Spoken, ...]:
    bare = word.replace(",", "")
    if "." in bare:
        return (_decimal(bare),)
    value = int(bare)
    if len(bare) > 12:
        return (tuple(_say(int(digit))[0] for digit in bare),)
    usual = _say(value)
    out = [usual]
    if "," not in word:
        if 1100 <= value <= 2099:
            year = tuple(num2words(value, to="year").replace("-", " ").split())
            out = [_without_and(year), usual]
        if len(bare) > 1 and (len(bare) < 9):
            out.append(tuple(_say(int(digit))[0] for digit in bare))
            out.append(tuple("oh" if digit == "0" else _say(int(digit))[0] for digit in bare))
        if len(bare) == 3 and bare[1:] != "00":  # room four twelve
            out.append((*_say(int(bare[0])), *_say(int(bare[1:]))))
        if bare.startswith("0") and len(bare) > 1:
            out = out[1:]
        if 1 <= value <= 31 and (before in MONTHS or after.lower() in ("of", *MONTHS)):
            out.append(_say(value, "ordinal"))
    return tuple(dict.fromkeys(out))


def _decimal(text: str) -> Spoken:
    whole, _, part = text.replace(",", "").partition(".")
    return (*_say(int(whole or 0)), "point", *(_say(int(digit))[0] for digit in part))


@lru_cache(maxsize=5_000)
def _say(number: int, to: str = "cardinal") -> Spoken:
    return _without_and(tuple(re.sub(r"[-,]", " ", num2words(number, to=to)).split()))


def _without_and(words: Spoken) -> Spoken:
    return tuple(words[i] for i in without_and(words))


def without_and(words: Sequence[str]) -> list[int]:
    """Indices of the words but for each "and" that one may say or leave inside a number or a price."""
    before = ("hundred", "thousand", *SINGULAR, *SINGULAR.values())
    return [
        i
        for i, word in enumerate(words)
        if not (
            word == "and"
            and 0 < i < len(words) - 1
            and words[i - 1] in before
            and words[i + 1] in NUMBER_WORDS
        )
    ]
