"""``greenroom status``: how the installation stands, for people and as one document; it only looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.settings import get_settings
from delivery import drift
from greenroom.cli import main
from pipeline.leases import claim
from tests.kit.logs import logs_kept
from tests.kit.workers import waiting_messages
from tests.kit.world import World


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, Any]:
        with logs_kept():
            code = main(["status", *arguments])
        written = capsys.readouterr().out
        return code, json.loads(written) if "--json" in arguments else written

    return run


def test_where_all_is_well_it_ends_with_zero(world: World, status: Any):
    world.to_review()
    waiting_messages()
    assert world.ledger().good
    code, document = status("--json")
    assert (code, document["good"], document["concerns"], document["faults"]) == (0, True, [], [])
    assert document["renders"]["in_review"]["count"] == 1 and document["renders"]["failed"]["count"] == 0
    assert document["outbox"] == {"count": 0, "oldest_s": 0.0}
    assert document["ledger"]["checkpoint"]["size"] > 5 and document["ledger"]["verified"] is None
    code, text = status()
    assert code == 0 and "in_review" in text and "checkpoint" in text and "LOOK" not in text


def test_what_stands_still_is_said_with_where_to_read_on_and_ends_with_one(world: World, status: Any):
    render = world.render()
    assert claim(render.id) is not None
    world.tick(4000)
    code, document = status("--json")
    assert code == 1 and not document["good"]
    codes = {concern["code"] for concern in document["concerns"]}
    assert {"stage_waits", "outbox_waits", "ledger_pending", "lease_over"} <= codes
    (lease,) = document["leases"]
    assert lease["render_id"] == render.id and lease["left"] < 0
    code, text = status()
    assert code == 1 and "docs/observability.md#messages-are-not-sent" in text


def test_a_part_that_may_not_release_is_a_fault(world: World, status: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_BLOB_URL", "null://")
    get_settings.cache_clear()
    code, document = status("--json")
    assert code == 1 and [fault["code"] for fault in document["faults"]] == ["null_blobs"]


def test_looking_at_nothing_makes_nothing(tmp_path: Path, status: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    code, document = status("--json")
    get_settings.cache_clear()
    assert code == 1 and document["concerns"][0]["code"] == "no_database"
    assert not (tmp_path / "home").exists()


def test_a_database_without_tables_is_said(home: Path, status: Any):
    (home / "greenroom.db").unlink()
    (home / "greenroom.db").touch()
    from core.database import engine

    engine().dispose()
    code, document = status("--json")
    assert code == 1 and {concern["code"] for concern in document["concerns"]} == {"part_unread"}


def test_no_word_of_a_person_is_in_it(world: World, status: Any):
    world.render({"first_name": "Zephyrine", "remark": "Thank you."})
    world.to_review()
    written = json.dumps(status("--json")[1]) + status()[1]
    assert "Zephyrine" not in written and "kit.example" not in written


def test_it_records_a_baseline_on_the_way(
    world: World, status: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(drift, "LEAST", 1)
    world.to_review()
    _, document = status("--json", "--record-baseline", str(tmp_path / "baseline.json"))
    assert document["baseline"]["lip_sync"] == 1 and (tmp_path / "baseline.json").is_file()
