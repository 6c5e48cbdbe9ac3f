"""What a voice can say, judged by the letters alone: quick enough for every row of a list, before anything is made.

An English voice reads Latin letters. Those of other scripts it leaves out or spells wrongly, and then what is heard is
not what was checked. So a name comes in Latin letters, as it is spoken.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from generate.errors import VoiceError
from generate.templates import ComposedScript

_READS_LATIN = frozenset({"en"})
_UNITS = frozenset("µμΩ")  # read as units: 5 µg, 10 Ω
_PICTURES = (("\u2600", "\u27bf"), ("\U0001f000", "\U0001faff"))  # emoji and their like


def check_sayable(composed: ComposedScript, language: str) -> None:
    """Whether the voices of a language can say a script's letters.

    Raises VoiceError (``voice_unsayable``) with the field that holds the first that they cannot; it is not quoted.
    """
    found = first_unsayable(composed.text, language)
    if found is None:
        return
    place, kind = found
    field = next((span.name for span in composed.fields if span.start <= place < span.end), "")
    raise VoiceError(
        f"the voice reads Latin letters, and cannot say {kind}",
        where=f"field '{field}'" if field else "script",
        next_step="write it in Latin letters as it is spoken, and leave out emoji",
        code="voice_unsayable",
    )


def first_unsayable(text: str, language: str) -> tuple[int, str] | None:
    """(its place, what it is) of the first character that cannot be said; None where there is none, or where the
    voices of that language are not known to read Latin letters alone."""
    if text.isascii() or language.partition("-")[0].lower() not in _READS_LATIN:
        return None
    return next(((place, kind) for place, one in enumerate(text) if (kind := _unsayable(one))), None)


@lru_cache(maxsize=10_000)
def _unsayable(character: str) -> str:
    """What kind of character this is, where it cannot be said; else ""."""
    if any(low <= character <= high for low, high in _PICTURES):
        return "emoji and symbols"
    if unicodedata.category(character) not in ("Lu", "Ll", "Lt", "Lo") or character in _UNITS:
        return ""
    plain = unicodedata.normalize("NFKD", character)
    names = [unicodedata.name(one, "") for one in plain if one.isalpha()]
    if any("LATIN" in name for name in names):
        return ""
    script = names[0].split()[0] if names and names[0] else "these"
    return f"{script if script == 'CJK' else script.capitalize()} letters"
