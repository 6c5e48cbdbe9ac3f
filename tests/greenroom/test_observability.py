"""Alert rules, dashboard, runbook and code name the same things. ``test_alerts.py`` evaluates the rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import delivery.concerns as concerns_module
from core.metrics import FROM_DATABASE, REGISTRY, SKEW

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "observability"
PAGE = ROOT / "docs" / "observability.md"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in RULES] + [
    (panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]
]

_SELECTOR = re.compile(r"\b(greenroom_\w+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
TARGET = {"instance", "job"}  # Prometheus's own


def series() -> dict[str, set[str]]:
    """Every series that a process can offer, with its labels."""
    found: dict[str, set[str]] = {}
    for family in REGISTRY.collect():
        metric = REGISTRY._names_to_collectors.get(family.name)
        labels = set(getattr(metric, "_labelnames", ()))
        if family.type == "counter":
            found[f"{family.name}_total"] = labels
        elif family.type == "histogram":
            found |= {f"{family.name}_bucket": labels | {"le"}}
            found |= {f"{family.name}_{part}": labels for part in ("count", "sum")}
        else:
            found[family.name] = labels
    return found | {name: set(labels) for name, (_, labels) in FROM_DATABASE.items()} | {SKEW[0]: set()}


def anchors() -> set[str]:
    heads = re.findall(r"^#{1,3} (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_every_series_and_label_that_is_asked_for_exists(name: str, expression: str):
    known = series()
    labels: set[str] = set()
    for metric, matchers in _SELECTOR.findall(expression):
        assert metric in known, f"{name} asks for {metric}"
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert asked <= known[metric] | TARGET, f"{name}: {metric} has no label {asked - known[metric]}"
        labels |= known[metric]
    grouped = {label for group in _BY.findall(expression) for label in re.findall(r"\w+", group)}
    assert grouped <= labels | TARGET, f"{name} groups by {grouped - labels}"
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_numbers_of_the_database_are_never_summed_and_counters_always_are(name: str, expression: str):
    """Two relays offer the same numbers of the database; two workers each have their own counters."""
    for found in _SELECTOR.finditer(expression):
        around = re.findall(r"(\w+)(?:\s+by\s*\([^)]*\))?\s*\(", expression[: found.start()])
        aggregation = next(word for word in reversed(around) if word in ("sum", "max", "min", "absent"))
        single = found[1] in FROM_DATABASE or found[1] == SKEW[0]
        assert (aggregation != "sum") == single or (aggregation == "absent" and not single), (name, found[1])


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_every_alert_has_a_severity_a_sentence_and_a_section_in_the_runbook(rule: dict[str, Any]):
    page, _, section = rule["annotations"]["runbook_url"].partition("#")
    assert (ROOT / page) == PAGE and section in anchors(), section
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"]["summary"].endswith(".")
    used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    kept = {label for group in _BY.findall(rule["expr"]) for label in re.findall(r"\w+", group)}
    assert used <= kept | {"kind"}, "a sentence names a label that the expression drops"


def _runbook() -> set[str]:
    text = PAGE.read_text(encoding="utf-8").partition("# Runbook")[2]
    return {
        re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^## (.+)$", text, re.M)
    }


def test_every_section_of_the_runbook_belongs_to_an_alert():
    pointed = {rule["annotations"]["runbook_url"].partition("#")[2] for rule in RULES}
    assert _runbook() == pointed


def test_greenroom_status_points_at_sections_that_are_there():
    source = Path(concerns_module.__file__).read_text(encoding="utf-8")
    named = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source))
    assert len(named) > 7 and named <= _runbook()


def test_the_bounds_of_the_command_line_are_those_of_the_alerts():
    alerts = {rule["alert"]: rule["expr"] for rule in RULES}
    same = {
        "GreenroomOldestWaitsTooLong": concerns_module.STAGE_WAITS,
        "GreenroomMessagesNotSent": concerns_module.OUTBOX_WAITS,
        "GreenroomLedgerStandsStill": concerns_module.LEDGER_WAITS,
        "GreenroomRecallClock": concerns_module.WITHDRAWAL_WAITS,
        "GreenroomLedgerUnverified": concerns_module.VERIFIED_LAST,
        "GreenroomCertificateEnds": concerns_module.CERTIFICATE_LEFT,
        "GreenroomClockSkew": concerns_module.SKEW,
    }
    assert {name: float(alerts[name].split()[-1]) for name in same} == same


def _documented() -> Iterator[str]:
    for name in re.findall(r"`(greenroom_\w+)`", PAGE.read_text(encoding="utf-8")):
        yield name.removesuffix("_total")


def test_every_number_is_documented_and_every_documented_number_exists():
    families = {f.name for f in REGISTRY.collect() if f.name.startswith("greenroom_")} - {SKEW[0]}
    assert set(_documented()) == families | set(FROM_DATABASE) | {SKEW[0]}


def test_panels_do_not_overlap():
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS]
    assert len(set(places)) == len(places) > 15
