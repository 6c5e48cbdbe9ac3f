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
