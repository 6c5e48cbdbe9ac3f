"""Every event of the ledger has its words, and the ledger's own names of people are told apart from them."""

from __future__ import annotations

import re

import pytest

from audit.events import Event
from audit.ledger.facts import FIELDS
from audit.words import WORDS, actor_of, said


def test_every_event_has_words():
    assert set(WORDS) == set(Event)


def test_the_words_name_facts_that_there_are():
    assert {name for words in WORDS.values() for name in re.findall(r"{(\w+)}", words)} <= set(FIELDS)


@pytest.mark.parametrize(
    ("event", "facts", "words"),
    [
        (Event.RELEASE_REFUSED, {"reason_code": "legal_hold"}, "its release was refused: legal hold"),
        (Event.APPROVAL_RECORDED, {"verdict": "approve"}, "a reviewer decided: approve (not stated)"),
        (Event.RECORD_VIEWED, {"kind": "search_people"}, "somebody looked at the search over people"),
        (Event.RECORD_EXPORTED, {"kind": "of_another_version"}, "somebody took out of another version"),
        ("of:another:version", {}, "of:another:version"),
    ],
)
def test_what_an_entry_says_in_words(event: str, facts: dict[str, str], words: str):
    assert said(event, facts) == words


def test_who_did_it():
    assert actor_of({"maker_id": "usr_1", "actor": "usr_2"}) == "usr_2"
    assert (actor_of({"reviewer_id": "usr_3"}), actor_of({})) == ("usr_3", "")
