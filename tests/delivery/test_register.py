"""The register: every video that was released in a period, once, with what became of it; no formula, no recipient."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from core.errors import InputError
from delivery import register
from delivery.register import COLUMNS, as_csv, as_json, rows
from pipeline.service import create_brand
from tests.kit.world import World

TODAY = datetime.now(UTC).date()


def read_csv(world: World, since: date | None = None, until: date | None = None) -> list[dict[str, str]]:
    text = "".join(as_csv(rows(world.brand_id, since, until)))
    assert text.startswith("\ufeff") and text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def read_json(world: World) -> dict[str, Any]:
    pieces = as_json(rows(world.brand_id, None, None), brand=world.brand_id, since=None, until=TODAY)
    found: dict[str, Any] = json.loads("".join(pieces))
    return found


def test_what_was_released_is_in_it_with_what_became_of_it(world: World):
    first, second = world.released(), world.released()
    world.approved()
    world.recall(second)
    found = read_csv(world)
    assert [(row["render_id"], row["state"], row["taken_back_how"]) for row in found] == [
        (first.id, "released", ""),
        (second.id, "recalled", "recalled"),
    ]
    assert found[0]["published_sha256"] == first.published_sha256 and found[1]["taken_back_at"]
    document = read_json(world)
    assert (document["count"], document["until"], list(document["videos"][0])) == (
        2,
        str(TODAY),
        list(COLUMNS),
    )
    assert [row["seconds"] for row in document["videos"]] == [first.seconds, second.seconds]


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_it_is_read_in_chunks_and_loses_none(world: World, monkeypatch: pytest.MonkeyPatch, chunk: int):
    monkeypatch.setattr(register, "CHUNK", chunk)
    released = [world.released().id for _ in range(3)]
    assert [row["render_id"] for row in read_csv(world)] == released


def test_its_days_are_whole_and_both_included(world: World):
    world.released()
    day = timedelta(days=1)
    assert len(read_csv(world, TODAY, TODAY)) == 1
    assert read_csv(world, TODAY + day) == read_csv(world, None, TODAY - day) == []
    with pytest.raises(InputError):
        rows(world.brand_id, TODAY, TODAY - day)


@pytest.mark.only("sqlite")
def test_another_brand_has_a_register_of_its_own(world: World):
    world.released()
    assert list(rows(create_brand("Another brand").id, None, None)) == []


@pytest.mark.only("sqlite")
def test_it_names_nobody_who_was_addressed(world: World):
    world.released(fields={"first_name": "Zephyrine", "remark": "Thank you."})
    assert "ephyrine" not in str(read_csv(world)) + str(read_json(world))


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "=\"a\",'b'\nc", "＝1", '=cmd|" /C calc"!A0', "\t=1"],
)
def test_no_cell_is_a_formula_and_each_reads_back(world: World, name: str):
    world.released(campaign=world.campaign(name=name))
    (row,) = read_csv(world)
    assert row["campaign"] == f"'{name}"
    assert read_json(world)["videos"][0]["campaign"] == name  # in JSON it is no formula


@pytest.mark.only("sqlite")
def test_an_empty_register_is_one(world: World):
    assert read_csv(world) == [] and read_json(world)["count"] == 0
