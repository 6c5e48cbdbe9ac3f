"""The numbers: stable names, bounded labels, one page a process."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from core import metrics
from core.blobs import ObstoreBlobs
from core.errors import Conflict, IntegrityError, NotFound
from core.settings import get_settings


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_every_name_is_ours_and_says_its_unit():
    names = [family.name for family in metrics.REGISTRY.collect() if not family.name.startswith("process_")]
    assert len(names) > 15 and all(name.startswith("greenroom_") for name in [*names, *metrics.FROM_DATABASE])
    assert not [name for name in names if name.endswith(("_ms", "_minutes"))]


@pytest.mark.parametrize("odd", ["rnd_01M8G5C72KX5A1A5BWHAF8RF28", "Asha", "/v/token", "", "a" * 61, "x y"])
def test_an_id_or_a_text_is_no_label(odd: str):
    assert metrics.label("test", odd) == metrics.OTHER


def test_a_label_has_a_bounded_number_of_values(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(metrics, "_seen", {})
    found = {metrics.label("test", f"value_{number}") for number in range(1000)}
    assert len(found) == metrics.MOST_VALUES + 1 and metrics.OTHER in found
    assert metrics.label("test", "value_0") == "value_0", "a known one stays known"


def test_an_errors_code_is_its_label_and_a_foreign_errors_is_internal():
    assert metrics.code(Conflict("x", code="stale_page")) == "stale_page"
    assert metrics.code(KeyError("Asha")) == "internal"


def test_a_decorated_function_answers_as_before_and_is_counted_by_its_answer():
    counter = Counter("made_up", "x", ["answer"], registry=(registry := CollectorRegistry()))

    @metrics.answers(counter, "served")
    def door(gone: bool) -> str:
        if gone:
            raise NotFound("gone", code="link_gone")
        return "film"

    assert door(False) == "film"
    with pytest.raises(NotFound):
        door(True)
    counts = [
        registry.get_sample_value("made_up_total", {"answer": word}) for word in ("served", "link_gone")
    ]
    assert counts == [1, 1]


def test_a_blob_stores_failures_are_counted_and_what_is_not_there_is_none(tmp_path: Path, home: Path):
    store = ObstoreBlobs(f"file://{tmp_path / 'blobs'}", tmp_path / "cache", 1)
    (tmp_path / "file").write_bytes(b"bytes")
    stored = store.put_file(tmp_path / "file", "sealed")
    before = value("greenroom_blob_errors_total", operation="get_file", code="integrity")
    with pytest.raises(NotFound):
        store.get_file("0" * 64, "sealed")
    stored.path.write_bytes(b"other")
    with pytest.raises(IntegrityError):
        store.get_file(stored.sha256, "sealed")
    assert value("greenroom_blob_errors_total", operation="get_file", code="integrity") == before + 1
    assert value("greenroom_blob_errors_total", operation="get_file", code="not_found") == 0


def _free(host: str = "127.0.0.1") -> int:
    with socket.socket() as listening:
        listening.bind((host, 0))
        return int(listening.getsockname()[1])


def test_a_process_offers_its_numbers_at_its_port_and_the_next_process_at_the_next(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    first = _free()
    monkeypatch.setenv("GREENROOM_METRICS_PORT", str(first))
    get_settings.cache_clear()
    metrics._listen.cache_clear()
    mine = metrics.serve("relay")
    metrics._listen.cache_clear()
    second = metrics.serve("relay")  # as another process would
    assert mine is not None and second is not None and first <= mine < second < first + metrics.PORTS
    with urllib.request.urlopen(f"http://127.0.0.1:{mine}/metrics", timeout=5) as answer:
        page = answer.read().decode()
    assert 'greenroom_process{kind="relay"} 1.0' in page and "process_resident_memory_bytes" in page


def test_no_port_is_opened_unless_one_is_set(home: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any) -> None:
        raise AssertionError("a port was opened")

    monkeypatch.setattr(metrics, "start_http_server", refuse)
    metrics._listen.cache_clear()
    assert metrics.serve("worker") is None
