"""The transcript gate on spoken sentences: how many planted words it finds, how many clean renders it flags.

The `report` sentences of ``data/transcript.yaml`` are spoken by the stock voice: once as approved, once with one word,
name or number replaced, half of them with a word left out, a quarter with one too many. The rules and tolerances were
made on the `tune` sentences only. One voice, no codec, no noise: the figures are for renders, not for recordings.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from benchmarks.harness import cache_folder, finish, full, inputs_digest, wilson
from core.gates import load_gate_set
from core.perception.models import Transcript, Word
from core.perception.speech import transcribe
from detect.transcript import Laid, other_words
from detect.words import tokens, tokens_of_words

GOAL = {"caught": ">= 0.98", "false_alarms": "<= 0.02"}
SENTENCES = Path(__file__).with_name("data") / "transcript.yaml"
SLOT = re.compile(r"\{([^|}]+)\|([^}]+)\}")
EXTRA = ["not", "really", "never", "another", "old", "ten"]


@dataclass(frozen=True)
class Case:
    """One spoken sentence: the approved script, what is said instead, and of which kind the defect is."""

    number: int
    kind: str
    script: str
    spoken: str


def run(part: str = "report") -> dict[str, Any]:
    bounds = load_gate_set().gates["transcript"].findings
    flagged: dict[str, list[bool]] = {}
    for case in cases(part):
        sound, heard = _heard(case)
        words = tokens_of_words([word.text for word in heard.words])
        laid = Laid(tokens(case.script), words, heard)
        found = bool(other_words(laid, sound, bounds))
        flagged.setdefault(case.kind, []).append(found)
        if found is (case.kind == "clean"):
            print(f"{case.kind:8} wrong: said {case.spoken!r}, heard {heard.text!r}", file=sys.stderr)
    clean = flagged.pop("clean")
    planted = [found for kind in flagged.values() for found in kind]
    for kind, outcomes in flagged.items():
        print(f"{kind:8} {sum(outcomes)} of {len(outcomes)} caught", file=sys.stderr)
    print(f"clean    {sum(clean)} of {len(clean)} flagged", file=sys.stderr)
    return {
        "caught": round(sum(planted) / len(planted), 4),
        "false_alarms": round(sum(clean) / len(clean), 4),
        "by_kind": {kind: round(sum(found) / len(found), 4) for kind, found in flagged.items()},
        "n": {"clean": len(clean)} | {kind: len(found) for kind, found in flagged.items()},
        "interval": {
            "caught": wilson(sum(planted), len(planted)),
            "false_alarms": wilson(sum(clean), len(clean)),
        },
        "inputs_sha256": inputs_digest([SENTENCES]),
        "voice": "hibari heart",
        "part": part,
    }


def cases(part: str) -> Iterator[Case]:
    """Clean ones first. ``FULL=1`` plants three replacements, an omission and an addition in every sentence."""
    planted: list[Case] = []
    for number, text in enumerate(yaml.safe_load(SENTENCES.read_text("utf-8"))[part]):
        rng = random.Random(f"{part}{number}")
        script = SLOT.sub(r"\1", text)
        yield Case(number, "clean", script, script)
        slots = sorted(rng.sample(range(len(SLOT.findall(text))), 3))
        words = script.split()
        content = [j for j, word in enumerate(words) if len(re.sub(r"\W", "", word)) >= 4 and j > 0]
        for slot in slots if full() else slots[:1]:
            planted.append(Case(number, "replaced", script, _with_slot(text, slot)))
        at = rng.choice(content)
        if full() or number % 2 == 0:
            planted.append(Case(number, "missing", script, " ".join([*words[:at], *words[at + 1 :]])))
        at = rng.choice(content)
        more = rng.choice(EXTRA)
        if full() or number % 4 == 1:
            planted.append(Case(number, "extra", script, " ".join([*words[:at], more, *words[at:]])))
    yield from planted


def _with_slot(text: str, chosen: int) -> str:
    """The sentence with one slot's planted words spoken."""
    count = iter(range(1_000))
    return SLOT.sub(lambda match: match[2] if next(count) == chosen else match[1], text)


def _heard(case: Case) -> tuple[NDArray[np.float32], Transcript]:
    """Spoken and recognised; recognised once, then read from the cache."""
    from hibari import Hibari
    from scipy.signal import resample_poly

    global _voice
    _voice = _voice or Hibari()
    sound = resample_poly(_voice(case.spoken, seed=case.number), 2, 3).astype(np.float32)
    name = hashlib.sha256(f"{case.number}{case.kind}{case.spoken}".encode()).hexdigest()[:16]
    stored = cache_folder("transcript") / f"{name}.json"
    if not stored.exists():
        heard = transcribe(sound)
        words = [(word.text, word.t0, word.t1, word.probability) for word in heard.words]
        stored.write_text(json.dumps({"text": heard.text, "words": words}))
    document = json.loads(stored.read_text())
    return sound, Transcript("en", tuple(Word(*word) for word in document["words"]), document["text"])


_voice: Any = None


if __name__ == "__main__":
    finish(run(), GOAL)
