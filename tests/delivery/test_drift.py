"""The spread of the gates' scores against a recorded baseline."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram

from core.errors import InputError
from core.metrics import SCORE_BOUNDS
from core.settings import get_settings
from delivery import drift
from delivery.collector import DatabaseCollector
from delivery.drift import distance, load_baseline, record_baseline, shares
from tests.kit.world import World


def scores(count: int, mean: float, seed: int) -> list[float]:
    numbers = random.Random(seed)
    return [min(1.0, max(0.0, numbers.gauss(mean, 0.1))) for _ in range(count)]


def test_the_same_spread_is_near_and_another_is_far():
    baseline = shares(scores(2000, 0.6, 1))
    same = [distance(baseline, shares(scores(200, 0.6, seed))) for seed in range(2, 102)]
    other = [distance(baseline, shares(scores(200, 0.5, seed))) for seed in range(2, 102)]
    assert max(same) < 0.2 < min(other), "0.2 is where the alert begins"


def test_a_wider_spread_with_the_same_middle_is_seen():
    numbers = random.Random(3)
    narrow = [0.5 + numbers.uniform(-0.05, 0.05) for _ in range(500)]
    wide = [numbers.uniform(0, 1) for _ in range(500)]
    assert distance(shares(narrow), shares(wide)) > 0.3


def test_bounds_are_written_as_prometheus_writes_them():
    """The rule matches ``le`` of the histogram with ``le`` of the baseline."""
    registry = CollectorRegistry()
    Histogram("x", "x", buckets=SCORE_BOUNDS, registry=registry).observe(0.5)
    written = {s.labels["le"] for f in registry.collect() for s in f.samples if "le" in s.labels}
    assert set(shares([0.5])) == written - {"+Inf"}


def test_a_baseline_is_recorded_from_receipts_and_offered_by_the_relay(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(drift, "LEAST", 2)
    for _ in range(2):
        world.to_review()
    path = tmp_path / "baseline.json"
    counts = record_baseline(path)
    assert counts["lip_sync"] == 2 and load_baseline() == {}, "none is set"
    monkeypatch.setenv("GREENROOM_METRICS_BASELINE", str(path))
    get_settings.cache_clear()
    assert load_baseline()["lip_sync"]["1.0"] == 1.0
    numbers = {s.name for f in DatabaseCollector().collect() for s in f.samples}
    assert "greenroom_gate_score_baseline" in numbers


def test_too_few_scores_are_no_baseline(world: World, tmp_path: Path):
    world.to_review()
    with pytest.raises(InputError, match="no gate has measured 50"):
        record_baseline(tmp_path / "baseline.json")
    assert not (tmp_path / "baseline.json").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"gates": 3}', '{"gates": {"a": {"0.5": "x"}}}', None])
def test_a_broken_baseline_is_said_and_costs_no_other_number(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
):
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("GREENROOM_METRICS_BASELINE", str(path))
    get_settings.cache_clear()
    with pytest.raises(InputError, match="cannot be read"):
        load_baseline()
    found = {(s.name, *s.labels.values()) for f in DatabaseCollector().collect() for s in f.samples}
    assert ("greenroom_collector_failed", "baseline") in found and ("greenroom_outbox_messages",) in found
