"""How English words sound: ARPAbet phones (no stress) from hibari-tts's lexicon and letter-to-sound model."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

SILENCE = "SIL"

# misaki's alphabet (https://github.com/hexgrad/misaki, EN_PHONES.md) to the 39 phones of the CMU dictionary.
_ARPABET: dict[str, tuple[str, ...]] = {
    "A": ("EY",),
    "I": ("AY",),
    "O": ("OW",),
    "Q": ("OW",),
    "W": ("AW",),
    "Y": ("OY",),
    "a": ("AE",),
    "æ": ("AE",),
    "ɑ": ("AA",),
    "ɒ": ("AA",),
    "ɔ": ("AO",),
    "ə": ("AH",),
    "ᵊ": ("AH",),
    "ɐ": ("AH",),
    "ʌ": ("AH",),
    "ɛ": ("EH",),
    "ɜ": ("ER",),
    "ɚ": ("ER",),
    "i": ("IY",),
    "ɪ": ("IH",),
    "ᵻ": ("IH",),
    "ɨ": ("IH",),
    "u": ("UW",),
    "ʊ": ("UH",),
    "b": ("B",),
    "d": ("D",),
    "f": ("F",),
    "ɡ": ("G",),
    "h": ("HH",),
    "j": ("Y",),
    "k": ("K",),
    "l": ("L",),
    "m": ("M",),
    "n": ("N",),
    "ŋ": ("NG",),
    "p": ("P",),
    "ɹ": ("R",),
    "s": ("S",),
    "ʃ": ("SH",),
    "t": ("T",),
    "ɾ": ("T",),
    "T": ("T",),
    "θ": ("TH",),
    "ð": ("DH",),
    "v": ("V",),
    "w": ("W",),
    "z": ("Z",),
    "ʒ": ("ZH",),
    "ʤ": ("JH",),
    "ʧ": ("CH",),
    "x": ("K",),
    "ʔ": ("T",),
}


def arpabet(misaki: str) -> list[str]:
    """ARPAbet phones of a string in misaki's alphabet; stress, length and punctuation are dropped.

    ``ɜɹ`` is one phone, ER; a schwa before ``ɹ`` too.
    """
    phones: list[str] = []
    before = " "
    for symbol in misaki:
        if symbol == "ɹ" and before in "əɜᵊ":
            phones[-1] = "ER"  # the r melts into the vowel
        else:
            phones.extend(_ARPABET.get(symbol, ()))
        before = symbol
    return phones


@lru_cache(maxsize=20_000)
def pronounce(text: str) -> tuple[str, ...]:
    """Phones of a word or of a few words, numbers included. Empty where nothing of it can be spoken.

    Deterministic. British spelling is read as American.
    """
    return tuple(arpabet(_g2p()(text[:500])))


@lru_cache(maxsize=1)
def _g2p() -> Any:
    from core.weights import weight_file

    weight_file("hibari-g2p-us")  # the digest decides; the package then reads the same installed file
    from hibari.g2p import G2P

    return G2P()


@lru_cache(maxsize=20_000)
def is_common_word(word: str) -> bool:
    """Whether a lower-case English word is in the lexicon in lower case, also without -s, -es, -ed or -ing."""
    known = _common()
    if word in known:
        return True
    stems = [word.removesuffix(end) for end in ("s", "es", "ed", "d", "ing") if word.endswith(end)]
    return any(len(stem) > 2 and (stem in known or stem + "e" in known) for stem in stems)


def is_known_word(word: str) -> bool:
    """Whether an English word or name is in the lexicon, in small letters or with a capital."""
    lexicon = _g2p().lexicon
    plain = word.split("'", maxsplit=1)[0]
    return any(form in part.d for part in (lexicon.golds, lexicon.silvers) for form in (plain, plain.lower()))


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    lexicon = _g2p().lexicon
    return frozenset(
        word for part in (lexicon.golds, lexicon.silvers) for word in part.d if word == word.lower()
    )


_VOWELS = frozenset(
    ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
)
_WEAK = frozenset(("AH", "IH", "HH", "ER"))  # often swallowed, often added
_PAIRS = [
    {"P", "B"},
    {"T", "D"},
    {"K", "G"},
    {"F", "V"},
    {"S", "Z"},
    {"SH", "ZH"},
    {"CH", "JH"},
    {"TH", "DH"},
]
_CLASSES = [
    frozenset(("M", "N", "NG")),
    frozenset(("L", "R", "W", "Y", "ER")),
    frozenset(("P", "T", "K", "B", "D", "G")),
    frozenset(("F", "V", "TH", "DH", "S", "Z", "SH", "ZH", "HH")),
    frozenset(("CH", "JH", "SH", "ZH", "T", "D")),
]


def phone_distance(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    """How differently two phone strings sound: a weighted edit distance over the longer one's length, 0..1.

    Voicing counts .3, another vowel .4, another phone of the same manner .5, a weak vowel or h more or less .4.
    """
    if not a or not b:
        return 0.0 if a == b else 1.0
    row = [0.0]
    for phone in b:
        row.append(row[-1] + _gap(phone))
    for left in a:
        above, row = row, [row[0] + _gap(left)]
        for j, right in enumerate(b):
            row.append(min(above[j] + _swap(left, right), above[j + 1] + _gap(left), row[j] + _gap(right)))
    return min(1.0, row[-1] / max(len(a), len(b)))


def _gap(phone: str) -> float:
    return 0.4 if phone in _WEAK else 1.0


@lru_cache(maxsize=2_000)
def _swap(a: str, b: str) -> float:
    if a == b:
        return 0.0
    if a in _VOWELS and b in _VOWELS:
        return 0.4
    if {a, b} in _PAIRS:
        return 0.3
    return 0.5 if any(a in kind and b in kind for kind in _CLASSES) else 1.0
