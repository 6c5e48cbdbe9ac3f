"""What a script sounds like, before a video is made: its words with numbers, dates and units read out, its length, and
its beginning in a voice.

The voice decides how it reads; this says the same in words (a test compares the phonemes), so that somebody who writes
``1/2`` or ``Dr.`` sees what will be heard.
"""

from __future__ import annotations

import io
import re
import wave

import numpy as np

from generate.service import HEAD_SECONDS, TAIL_SECONDS
from generate.voice import load_voice

# The voice's own pace, fitted over fourteen scripts of 3 to 144 letters (the test has some of them): a sentence's pause
# and its slow end are in the second.
SECONDS_A_LETTER = 0.065
SECONDS_A_SENTENCE = 0.38
LONGEST_PREVIEW = 600  # characters: half a minute
_CURRENCIES = {"$": ("dollar", "cent"), "£": ("pound", "pence"), "€": ("euro", "cent")}
_NUMBER = re.compile(r"(?<![\w.,])([$£€])?(-)?(\d+(?:,\d{3})*)(\.\d+)?(st|nd|rd|th)?( ?%)?(?![\w%]|[.,]\d)")
_SENTENCE = re.compile(r"[.!?…]+(?=\s|$)|\n")


def read_aloud(text: str, language: str = "en") -> str:
    """The words that are heard, line by line. Of a language that no voice here reads, the text as it is."""
    if language.split("-", maxsplit=1)[0].lower() != "en":
        return text
    from hibari.g2p.normalize import normalize

    return "\n".join(_NUMBER.sub(_words, normalize(line)) for line in text.splitlines())


def speaks(voice: str, language: str) -> bool:
    """Whether the voice of that name speaks a language. Raises VoiceError for an unknown voice."""
    return language.partition("-")[0].lower() in load_voice(voice).languages


def seconds_of(text: str, language: str = "en") -> float:
    """About how long a video of this script is, in seconds, within a sixth; 0 for one without words."""
    letters = sum(character.isalnum() for character in read_aloud(text, language))
    if not letters:
        return 0.0
    sentences = len([part for part in _SENTENCE.split(text) if any(map(str.isalnum, part))])
    return HEAD_SECONDS + TAIL_SECONDS + letters * SECONDS_A_LETTER + sentences * SECONDS_A_SENTENCE


def preview(script: str, voice: str, language: str = "en") -> bytes:
    """The beginning of a script as a WAV file (16 bits, mono), cut between two words. Raises VoiceError."""
    text = script
    if len(script) > LONGEST_PREVIEW:
        text = script[:LONGEST_PREVIEW].rpartition(" ")[0] or script[:LONGEST_PREVIEW]
    speech = load_voice(voice).speak(text, language=language)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.rate)
        file.writeframes((np.clip(speech.samples, -1, 1) * 32767).astype("<i2").tobytes())
    return out.getvalue()


def _words(found: re.Match[str]) -> str:
    from hibari.g2p import numbers

    sign, minus, whole, decimals, ordinal, percent = found.groups()
    number = int(whole.replace(",", ""))
    if len(str(number)) > 15:
        return found[0]
    if sign and (decimals is None or len(decimals) <= 3):
        said = _money(sign, number, int((decimals or ".0")[1:]))
    elif ordinal:
        said = numbers.ordinal(number)
    elif decimals:
        said = numbers.decimal(f"{number}{decimals}")
    elif len(whole) == 4 and not minus:
        said = numbers.year(number)
    else:
        said = numbers.cardinal(number)
    return f"{'minus ' if minus else ''}{said}{' percent' if percent else ''}"


def _money(sign: str, whole: int, parts: int) -> str:
    from hibari.g2p import numbers

    large, small = _CURRENCIES[sign]
    said = [(whole, f"{large}{'' if whole == 1 else 's'}")]
    if parts:
        said.append((parts, small if parts == 1 or small == "pence" else f"{small}s"))
    if parts and not whole:
        said.pop(0)
    return " and ".join(f"{numbers.cardinal(number)} {unit}" for number, unit in said)
