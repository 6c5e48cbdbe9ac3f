"""Which process needs which key follows from the places that sign, and from who calls them."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.states import STAGES
from tests.deploy import SIGNED_IN, SIGNS
from tests.packages import PACKAGES

ROOT = Path(__file__).parents[2]
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
}


def says(pattern: str) -> dict[str, set[str]]:
    """What a pattern finds, by file."""
    found = {name: set(re.findall(pattern, text)) for name, text in SOURCES.items()}
    return {name: words for name, words in found.items() if words}


def test_every_place_that_signs_is_known() -> None:
    assert says(r"(?:keys\.sign\(|sign_in_use\(session,)\s*keys\.(\w+)") == {
        name: {key.upper()} for name, key in SIGNED_IN.items()
    }


def test_only_what_examines_issues_receipts_and_that_is_a_cpu_workers_stage() -> None:
    assert set(says(r"audit\.receipts import [^\n]*\b(issue|issue_all)\b|receipts\.(issue|issue_all)\(")) == {
        "pipeline/stages/examine.py"
    }
    assert next(stage.kind for stage in STAGES if stage.name == "examine") == "cpu"
    assert {process for process, signed in SIGNS.items() if "receipts" in signed} == {"cpu"}


def test_authorities_change_where_people_act_and_where_their_end_is_written_down() -> None:
    callers = set(says(r"(?<!def )\b(set_status|create_consent|create_provenance_statement)\(\n? *session"))
    assert callers - {"audit/authorities.py"} == {
        "delivery/withdrawal.py",  # `expire`: the relay
        "greenroom/demo/setting.py",
        "pipeline/authority_file.py",  # `greenroom persona` and `authority`, and the web's forms
        "review_ui/authorities.py",  # the web
    }
    assert set(says(r"\b(expire)\(\)|delivery\.withdrawal import [^\n]*\b(expire)\b")) == {
        "greenroom/relay.py"
    }
    assert {process for process, signed in SIGNS.items() if "authorities" in signed} == {"web", "relay"}


def test_decisions_are_made_by_the_web_alone_and_the_ledger_is_ordered_by_the_sequencer_alone() -> None:
    for name, process in (("approvals", "web"), ("ledger", "sequencer")):
        assert {who for who, signed in SIGNS.items() if name in signed} == {process}
    assert SIGNS["io"] == SIGNS["verify"] == set()
