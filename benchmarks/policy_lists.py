"""How many evasions the rule packs stop, and how many ordinary names and sentences.

The attack list was written before any rule; a third of its families, chosen by hash, was held back while the
rules were written and is reported apart. The benign lists were not: exceptions were made while reading them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.harness import finish, inputs_digest, wilson
from core.models import Verdict
from policy.service import check_text
from tests.policy import lists

GOAL = {"attack_caught": ">= 0.99", "heldback_attack_caught": ">= 0.95", "benign_stopped": "<= 0.005"}
PACK = "consumer-products"
TERRITORIES = ("in", "eu", "us")
FACTS = {"visible_label": True}


def run() -> dict[str, Any]:
    """Check every line in the US pack (attacks: the fewest local rules) and benign text in all three."""
    families = lists.attacks()
    held = lists.held_back(list(families))
    caught = {
        family: (sum(_stopped(script, "us") for script in scripts), len(scripts))
        for family, scripts in families.items()
    }
    known = [caught[family] for family in families if family not in held]
    heldback = [caught[family] for family in families if family in held]
    # A name is stopped if the greeting that holds it is, alone as given or as family name.
    names = sorted({name for pair in lists.names() for name in pair})
    stopped = [name for name in names if any(_stopped(script, "us") for script in _greetings(name))]
    pairs = [pair for pair in lists.names() if _stopped(_greeting(*pair), "us")]
    sentences = [
        text
        for text in lists.sentences()
        if any(_stopped(lists.Script(text, ()), territory) for territory in TERRITORIES)
    ]
    benign, benign_stopped = len(names) + len(lists.sentences()), len(stopped) + len(sentences)
    for family, (hits, count) in sorted(caught.items()):
        mark = " (held back)" if family in held else ""
        print(f"{family:22} {hits:3} of {count}{mark}", file=sys.stderr)
    print(f"stopped names: {stopped}; pairs: {pairs}; sentences: {sentences}", file=sys.stderr)
    hits, count = _sum(known)
    held_hits, held_count = _sum(heldback)
    return {
        "attack_caught": round(hits / count, 4),
        "heldback_attack_caught": round(held_hits / held_count, 4),
        "benign_stopped": round(benign_stopped / benign, 4),
        "by_family": {family: round(a / b, 3) for family, (a, b) in caught.items()},
        "held_back": sorted(held),
        "n": {
            "attacks": count,
            "heldback": held_count,
            "names": len(names),
            "sentences": len(lists.sentences()),
        },
        "interval": {
            "attack_caught": wilson(hits, count),
            "heldback_attack_caught": wilson(held_hits, held_count),
            "benign_stopped": wilson(benign_stopped, benign),
        },
        "inputs_sha256": inputs_digest(sorted(Path(lists.DATA).iterdir())),
    }


def _stopped(script: lists.Script, territory: str) -> bool:
    report = check_text(script.text, pack=PACK, territory=territory, fields=script.fields, facts=FACTS)
    return report.verdict is not Verdict.PASS


def _greeting(given: str, family: str) -> lists.Script:
    return lists.composed(f"Hello ⟦first_name={given}⟧ ⟦last_name={family}⟧, thank you for your order.")


def _greetings(name: str) -> list[lists.Script]:
    return [
        lists.composed(f"Hello ⟦first_name={name}⟧, thank you for your order."),
        lists.composed(f"Dear ⟦last_name={name}⟧ family, your parcel is here."),
    ]


def _sum(counts: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(hits for hits, _ in counts), sum(count for _, count in counts)


if __name__ == "__main__":
    finish(run(), GOAL)
