"""The sample presenter: a reference clip of a person who does not exist, with everything that made it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.perception.models import Phone, Word

_HERE = Path(__file__).parent


def sample_presenter() -> Path:
    """The clip: 1280x720, 25 frames a second, H.264 and AAC. It always exists; no test that needs it skips."""
    return _HERE / "sample.mp4"


def provenance_statement() -> dict[str, Any]:
    """What a provenance statement over this presenter states: sources by digest, script, checks with figures."""
    statement: dict[str, Any] = json.loads((_HERE / "provenance.json").read_text(encoding="utf-8"))
    return statement


def reference_script() -> str:
    """The words that the presenter speaks in the clip."""
    return str(_speech()["text"])


def reference_phones() -> list[Phone]:
    """ARPAbet phones of the clip's sound with their times, from the voice that spoke it."""
    return [Phone(symbol, t0, t1) for symbol, t0, t1 in _speech()["phones"]]


def reference_words() -> list[Word]:
    """Words of the clip's sound with their times."""
    return [Word(text, t0, t1, 1.0) for text, t0, t1 in _speech()["words"]]


@lru_cache(maxsize=1)
def _speech() -> dict[str, Any]:
    speech: dict[str, Any] = json.loads((_HERE / "speech.json").read_text(encoding="utf-8"))
    return speech
