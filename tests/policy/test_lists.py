"""The attack and benign lists: what must be stopped is, and ordinary names and sentences are not.

The families that were held back while the rules were written are not listed here one by one, so that nobody
tunes on them: benchmarks/policy_lists.py reports them.
"""

from __future__ import annotations

import pytest

from core.models import Verdict
from policy.service import check_text
from tests.policy import lists

FAMILIES = lists.attacks()
KNOWN = sorted(set(FAMILIES) - lists.held_back(list(FAMILIES)))


def stopped(script: lists.Script, territory: str = "us") -> bool:
    report = check_text(script.text, pack="consumer-products", territory=territory, fields=script.fields)
    return report.verdict is not Verdict.PASS


def test_the_lists_are_as_large_as_they_say() -> None:
    assert sum(map(len, FAMILIES.values())) >= 120
    assert lists.distinct_names() >= 400
    assert len(lists.sentences()) >= 60
    assert len(KNOWN) == len(FAMILIES) - len(FAMILIES) // 3


@pytest.mark.parametrize("family", KNOWN)
def test_every_attack_of_a_known_family_is_stopped(family: str) -> None:
    assert [script.text for script in FAMILIES[family] if not stopped(script)] == []


def test_at_most_one_name_in_two_hundred_is_stopped() -> None:
    names = lists.names()
    found = [
        f"{given} {family}"
        for given, family in names
        if stopped(
            lists.composed(f"Hello ⟦first_name={given}⟧ ⟦last_name={family}⟧, thank you for your order.")
        )
    ]
    assert len(found) <= lists.distinct_names() // 200, found


@pytest.mark.parametrize("territory", ["in", "eu", "us"])
def test_no_ordinary_sentence_is_stopped(territory: str) -> None:
    assert [text for text in lists.sentences() if stopped(lists.Script(text, ()), territory)] == []
