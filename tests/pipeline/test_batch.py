"""A batch of recipients: exact, resumable, row by row, in memory that does not grow."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

import pipeline.batch
from audit.allowance import count_renders
from audit.errors import LedgerInconsistent
from audit.events import Event
from audit.tables import AuthorityRenderRow
from core.database import reading, transaction
from core.errors import InputError, NotFound
from pipeline.batch import BatchReport, submit
from pipeline.errors import AuthorityInvalid
from pipeline.recipients import Format, recipients
from pipeline.states import State
from pipeline.tables import RenderRow
from tests.kit.workers import events_of, stored, waiting_messages
from tests.kit.world import ASHA, BREAKS_A_RULE, FIELDS, World

HEADER = b"first_name,remark\n"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.batch, "CHUNK", 4)


def people(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield json.dumps(ASHA | {"remark": f"You are number {number}."}).encode() + b"\n"


def send(w: World, lines: Any, form: Format = "jsonl", **more: Any) -> BatchReport:
    more = {"key": "spring", "brand_id": w.brand_id, "maker_id": w.operator} | more
    return submit(more.pop("campaign", None) or w.campaign().id, lines, form, **more)


def rows_of(key: str) -> list[RenderRow]:
    with reading() as session:
        query = (
            select(RenderRow).where(RenderRow.request_key.like(f"{key}:%")).order_by(RenderRow.request_key)
        )
        return list(session.scalars(query))


def test_each_recipient_becomes_a_render_as_if_it_had_been_asked_for_alone(world: World):
    campaign = world.campaign().id
    alone = world.render(ASHA | {"remark": "You are number 0."}, campaign)
    waiting_messages()
    report = send(world, people(9), campaign=campaign)
    assert (report.rows, report.made, report.refused, report.stopped) == (9, 9, 0, None)
    first = rows_of("spring")[0]
    same = (
        "state",
        "script",
        "script_findings",
        "fields",
        "maker_id",
        "summary",
        "verdict",
        "reason",
        "origin",
        "timings",
    )
    assert [getattr(first, name) for name in same] == [getattr(alone, name) for name in same]
    assert events_of(first.id) == events_of(alone.id) == [Event.RENDER_CREATED, Event.POLICY_CHECKED]
    assert len(waiting_messages()) == 9
    assert world.authority.renders_counted == 10
    assert world.to_review(first.id).state == State.IN_REVIEW
    assert world.ledger().good


def test_a_row_that_breaks_a_rule_is_blocked_and_not_counted(world: World):
    report = send(world, [json.dumps(one).encode() + b"\n" for one in (ASHA, BREAKS_A_RULE, ASHA)])
    assert (report.made, report.blocked) == (2, 1)
    assert world.authority.renders_counted == 2
    assert [row.state for row in rows_of("spring")] == ["scripted", "blocked", "scripted"]
    assert world.ledger().good


def test_a_row_that_may_not_be_asked_for_is_named_and_leaves_nothing_behind(world: World):
    lines = [
        b'{"first_name": "Asha"}\n',
        b"no json\n",
        *people(1),
        b'{"first_name": "{{x}}", "remark": "a"}\n',
    ]
    report = send(world, lines)
    assert (report.made, report.refused) == (1, 3)
    assert [(number, error.code) for number, error in report.errors] == [
        (1, "field_missing"),
        (2, "row_unreadable"),
        (4, "field_markup"),
    ]
    assert [row.request_key for row in rows_of("spring")] == ["spring:3"]


def test_a_batch_that_was_cut_off_is_sent_again_and_makes_nothing_twice(world: World):
    campaign = world.campaign().id

    def cut() -> Iterator[bytes]:
        yield from list(people(10))[:6]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        send(world, cut(), campaign=campaign)
    assert len(rows_of("spring")) == 4, "whole chunks are stored"
    again = send(world, people(10), campaign=campaign)
    assert (again.known, again.made) == (4, 6)
    assert world.authority.renders_counted == 10
    before = stored()
    assert send(world, people(10), campaign=campaign).known == 10
    assert stored() == before


def test_a_batch_may_come_in_parts(world: World):
    campaign, lines = world.campaign().id, list(people(6))
    send(world, lines[:4], campaign=campaign)
    assert send(world, lines[4:], campaign=campaign, first=5).made == 2
    assert send(world, lines, campaign=campaign).known == 6


def test_another_recipient_under_the_same_row_is_refused(world: World):
    campaign, lines = world.campaign().id, list(people(3))
    send(world, lines, campaign=campaign)
    report = send(world, [lines[0], lines[2], lines[1]], campaign=campaign)
    assert (report.known, report.refused) == (1, 2)
    assert {error.code for _, error in report.errors} == {"request_key_reused"}


def test_the_batch_ends_exactly_where_the_allowance_does_and_goes_on_with_a_new_one(world: World):
    world.supersede(max_renders=6)
    campaign = world.campaign().id
    report = send(world, people(12), campaign=campaign)
    assert (report.made, report.rows, report.refused) == (6, 8, 2), "the last chunk was not looked at"
    assert report.stopped is not None and report.stopped.code == "render_limit_reached"
    assert world.authority.renders_counted == 6 == len(rows_of("spring"))
    world.supersede(max_renders=20)
    again = send(world, people(12), campaign=campaign)
    assert (again.known, again.made, again.stopped) == (6, 6, None)
    with reading() as session:
        assert session.scalar(select(func.max(AuthorityRenderRow.ordinal))) == 12
    assert world.ledger().good


def test_counting_many_is_counting_each_once(world: World):
    authority = world.authority
    with transaction() as session:
        assert count_renders(session, authority.id, ["rnd_a", "rnd_b"]) == [1, 2]
        assert count_renders(session, authority.id, ["rnd_b", "rnd_c"]) == [2, 3]


def test_without_an_authority_nothing_is_stored(world: World):
    campaign = world.campaign().id
    world.withdraw()
    before = stored()
    with pytest.raises(AuthorityInvalid):
        send(world, people(3), campaign=campaign)
    assert stored() == before


def test_an_authority_that_ends_between_two_chunks_ends_the_batch(world: World):
    campaign = world.campaign().id

    def lines() -> Iterator[bytes]:
        for number, line in enumerate(people(9)):
            if number == 6:
                world.withdraw()
            yield line

    with pytest.raises(AuthorityInvalid):
        send(world, lines(), campaign=campaign)
    assert len(rows_of("spring")) == 4


def test_a_changed_campaign_lets_nobody_in(world: World):
    campaign = world.campaign().id
    world.as_database_owner("UPDATE campaigns SET risk_class = 'high' WHERE id = ?", campaign)
    with pytest.raises(LedgerInconsistent):
        send(world, people(1), campaign=campaign)


def test_another_brand_has_no_such_campaign(world: World):
    with pytest.raises(NotFound):
        send(world, people(1), brand_id="brd_other")


@pytest.mark.parametrize("key", ["", "a:b", "x" * 81, "../up", "a b"])
def test_a_key_is_a_plain_word(world: World, key: str):
    with pytest.raises(InputError, match="key"):
        send(world, people(1), key=key)


def test_memory_holds_one_chunk(world: World):
    """Lines are read as chunks are stored, and the rows of a stored chunk are let go."""
    read, held = 0, []

    def lines() -> Iterator[bytes]:
        nonlocal read
        for line in people(24):
            read += 1
            yield line

    def look(report: BatchReport) -> None:
        gc.collect()
        held.append(sum(type(one) is RenderRow for one in gc.get_objects()))
        assert read == report.rows

    send(world, lines(), progress=look)
    assert len(held) == 6 and max(held) <= held[0] + 1


# The files


def read(data: bytes, form: Format = "csv", schema: Any = FIELDS) -> list[Any]:
    return [
        one.error.code if one.error else dict(one.fields)
        for one in recipients(data.splitlines(keepends=True), form, schema)
    ]


def test_a_csv_is_read_as_spreadsheets_write_it():
    data = '\ufefffirst_name,remark\r\nAsha,"One, two\r\nthree"\r\n\r\nBen,\r\n'.encode()
    assert read(data) == [{"first_name": "Asha", "remark": "One, two\r\nthree"}, {"first_name": "Ben"}]


def test_a_number_in_a_csv_is_one_where_the_field_is():
    schema = {"properties": {"n": {"type": "integer"}, "x": {"type": "number"}, "s": {"type": "string"}}}
    assert read(b"n,x,s\n12,0.5,12\nno,1e3,\n", schema=schema) == [
        {"n": 12, "x": 0.5, "s": "12"},
        {"n": "no", "x": 1000.0},
    ]


def test_a_row_of_another_length_and_broken_quotes_are_named():
    assert read(HEADER + b"a\nb,c\n") == ["row_unreadable", {"first_name": "b", "remark": "c"}]
    assert read(HEADER + b'a,"b\nc,d\n') == ["row_unreadable"]


def test_a_line_that_is_no_object_is_named():
    assert read(b"[1]\n\n{}\n" + b"[" * 5000 + b"\n", "jsonl") == ["row_unreadable", {}, "row_unreadable"]


@pytest.mark.parametrize(
    "data",
    [b"", b"a,a\n1,2\n", b"a,,b\n", b"\xff\xfe\n", b"a,b\0\n", b"x" * 70_000, b",".join([b"f"] * 60) + b"\n"],
)
def test_a_file_that_is_none_is_refused_as_a_whole(data: bytes):
    with pytest.raises(InputError) as refused:
        read(data)
    assert refused.value.code == "recipients_unusable"
