"""A list of recipients: tried row by row before anything is made, started by a person, entered by a worker."""

from __future__ import annotations

import csv
import gc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

import pipeline.batch
import pipeline.list_work
import pipeline.trial
from audit.events import Event
from core.blobs import blobs
from core.database import now, reading, transaction
from core.errors import Conflict, InputError, NotFound
from delivery import orphans
from pipeline import suppression
from pipeline.course import CampaignHalted
from pipeline.list_work import forget, on_list, sweep
from pipeline.recipient_lists import (
    FILE_ROLE,
    discard,
    first_verdicts,
    get_list,
    receive,
    start,
    verdicts_path,
    videos_of,
)
from pipeline.shift import Shift, ShiftOver
from pipeline.states import State
from pipeline.steering import cancel, pause, resume
from pipeline.tables import RecipientListRow, RenderRow
from tests.kit.workers import last_entry, stored, waiting_messages, work
from tests.kit.world import World

GOOD = 'first_name,remark\nAsha,Thank you.\nBen,"See you, soon."\n'
MIXED = (
    "first_name;remark\n"
    "Asha;Thank you.\n"
    "Ben;This tea is guaranteed to cure any cold.\n"
    "Cara\n"
    "{{x}};Thank you.\n"
    "Dan;=1+1\n"
    "Eve;This tea is guaranteed to cure any cold.\n"
)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.batch, "CHUNK", 4)


@pytest.fixture
def campaign(world: World) -> str:
    return world.campaign().id


@pytest.fixture
def send(world: World, campaign: str, tmp_path: Path) -> Any:
    def send(text: str | bytes, **more: Any) -> RecipientListRow:
        path = tmp_path / "sent"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        usual = {"brand_id": world.brand_id, "maker_id": world.operator, "name": "spring.csv"}
        return receive(path, more.pop("campaign", campaign), **(usual | more))

    return send


def now_is(world: World, row: RecipientListRow) -> RecipientListRow:
    return get_list(row.id, brand_id=world.brand_id)


def begun(world: World, row: RecipientListRow) -> RecipientListRow:
    return start(row.id, brand_id=world.brand_id, actor=world.operator)


def renders(campaign: str) -> list[RenderRow]:
    with reading() as session:
        found = session.scalars(select(RenderRow).where(RenderRow.campaign_id == campaign))
        return sorted(found, key=lambda row: row.request_key or "")


def people(count: int) -> str:
    return "first_name,remark\n" + "".join(f"Asha,You are number {n}.\n" for n in range(count))


def test_a_trial_says_of_every_row_what_would_become_of_it_and_makes_nothing(
    world: World, campaign: str, send: Any
):
    row = send(MIXED)
    before = stored()
    assert work() == ["recipients.list"]
    assert stored() == before, "nothing is counted, made or recorded"
    row = now_is(world, row)
    assert (row.phase, row.problem) == ("checked", None)
    counts = {kind: count for kind, count in row.trial["counts"].items() if count}
    assert counts == {"ready": 1, "blocked": 2, "refused": 3} and videos_of(row) == 1
    told = {
        (one["kind"], one["code"], one["field"]): (one["rows"], one["first"]) for one in row.trial["causes"]
    }
    assert told["refused", "row_unreadable", ""] == (1, [3])
    assert told["refused", "field_markup", "first_name"] == (1, [4])
    assert told["refused", "cell_formula", ""] == (1, [5])
    rules = [one for one in row.trial["causes"] if one["kind"] == "blocked"]
    for rule in rules:
        assert (
            (rule["rows"], rule["first"]) == (2, [2, 6]) and rule["citation"] and rule["fix"] and rule["what"]
        )
    assert rules
    for secret in ("Asha", "Eve", "cure any cold"):
        assert secret not in str(row.trial), "numbers and rules, and nothing of a recipient"


def test_the_trial_and_the_entry_say_the_same(world: World, campaign: str, send: Any):
    row = send(MIXED)
    work()
    begun(world, row)
    waiting_messages()
    on_list(row.id)
    row = now_is(world, row)
    counts = row.trial["counts"]
    assert row.phase == "entered"
    assert row.entered == {
        "rows": 6,
        "made": counts["ready"] + counts["flagged"],
        "blocked": counts["blocked"],
        "refused": counts["refused"],
        "known": 0,
    }
    assert [one.state for one in renders(campaign)] == [State.SCRIPTED, State.BLOCKED, State.BLOCKED]


def test_the_verdicts_are_a_file_that_no_spreadsheet_calculates(world: World, send: Any):
    campaign = world.campaign(
        template="{{ remark }} is said.", fields={"properties": {"remark": {"type": "string"}}}
    ).id
    row = send("remark\n+HELLO\n-5\n@SUM(A1)\nfine\n", campaign=campaign)
    work()
    row = now_is(world, row)
    assert verdicts_path(row).read_bytes().startswith(b"\xef\xbb\xbf")
    with verdicts_path(row).open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    by_row = {line["row"]: line for line in lines}
    assert [line["remark"] for line in by_row.values()] == ["'+HELLO", "-5", "'@SUM(A1)", "fine"]
    assert (by_row["4"]["verdict"], by_row["4"]["said"]) == ("ready", "fine is said.")
    assert first_verdicts(row) == lines


def test_a_start_enters_each_row_once_and_the_ledger_says_who_started_it(
    world: World, campaign: str, send: Any
):
    row = send(GOOD)
    work()
    begun(world, row)
    with pytest.raises(Conflict):
        begun(world, row)
    work("recipients.list")
    assert [one.maker_id for one in renders(campaign)] == [world.operator] * 2
    entry = last_entry(campaign, Event.CAMPAIGN_STARTED)
    assert entry.facts == {"actor": world.operator, "list_id": row.id, "renders": 2}
    row = now_is(world, row)
    assert (row.phase, row.file_sha256) == ("entered", None) and row.bytes_read == row.size
    on_list(row.id)
    assert len(renders(campaign)) == 2
    assert world.ledger().good


def test_the_same_file_again_is_the_same_batch(world: World, campaign: str, send: Any):
    first = send(GOOD)
    assert send(GOOD).id == first.id, "sent twice by a double click"
    work()
    begun(world, first)
    work("recipients.list")
    again = send(GOOD)
    assert again.id != first.id
    work()
    again = now_is(world, again)
    assert again.trial["counts"]["known"] == 2 and videos_of(again) == 0
    with pytest.raises(InputError):
        begun(world, again)
    other = world.campaign().id
    elsewhere = send(GOOD, campaign=other)
    work()
    assert videos_of(now_is(world, elsewhere)) == 2


def test_a_recipient_on_the_suppression_list_is_never_made(
    world: World, campaign: str, send: Any, monkeypatch: pytest.MonkeyPatch
):
    suppression.add(["Ben"], brand_id=world.brand_id, actor_id=world.operator)
    row = send(GOOD)
    work()
    assert now_is(world, row).trial["counts"]["suppressed"] == 1
    begun(world, row)
    work("recipients.list")
    assert [one.fields["first_name"] for one in renders(campaign)] == ["Asha"]


def test_rows_past_the_authoritys_number_are_told_before(world: World, campaign: str, send: Any):
    world.supersede(max_renders=3)
    row = send(people(5))
    work()
    row = now_is(world, row)
    assert (row.trial["counts"]["ready"], row.trial["counts"]["over"], videos_of(row)) == (3, 2, 3)
    begun(world, row)
    work("recipients.list")
    row = now_is(world, row)
    assert row.phase == "checked" and row.problem["code"] == "render_limit_reached"
    world.supersede(max_renders=10)
    begun(world, row)
    work("recipients.list")
    assert now_is(world, row).phase == "entered" and len(renders(campaign)) == 5


def test_a_paused_campaign_lets_no_list_in_and_the_entry_goes_on_where_it_stopped(
    world: World, campaign: str, send: Any, monkeypatch: pytest.MonkeyPatch
):
    by = {"brand_id": world.brand_id, "actor": world.operator}
    row = send(people(12))
    work()
    real = pipeline.list_work._renew

    def pauses(taken: Any, **values: Any) -> None:
        real(taken, **values)
        pause(campaign, **by)
        monkeypatch.setattr(pipeline.list_work, "_renew", real)

    begun(world, row)
    waiting_messages()
    monkeypatch.setattr(pipeline.list_work, "_renew", pauses)
    on_list(row.id)
    assert len(renders(campaign)) == 8, "the chunk in hand is finished, as a stage is"
    assert now_is(world, row).phase == "entering"
    on_list(row.id)
    assert len(renders(campaign)) == 8 and sweep(lambda *_: None) == []
    resume(campaign, **by)
    sent: list[Any] = []
    sweep(lambda topic, payload: sent.append((topic, payload)))
    assert sent == [("recipients.list", {"list_id": row.id, "kind": "cpu"})]
    on_list(row.id)
    assert now_is(world, row).phase == "entered" and len(renders(campaign)) == 12


def test_a_cancelled_campaign_discards_its_lists(world: World, campaign: str, send: Any):
    row, other = send(GOOD), send(people(3))
    work()
    begun(world, other)
    waiting_messages()
    cancel(campaign, brand_id=world.brand_id, actor=world.operator, reason="Over.")
    on_list(other.id)
    work()
    assert [now_is(world, one).phase for one in (row, other)] == ["discarded"] * 2 and not renders(campaign)
    with pytest.raises(CampaignHalted):
        send(GOOD)


def test_nothing_is_started_of_a_paused_campaign(world: World, campaign: str, send: Any):
    row = send(GOOD)
    work()
    pause(campaign, brand_id=world.brand_id, actor=world.operator)
    with pytest.raises(CampaignHalted):
        begun(world, row)


def test_a_list_that_is_discarded_while_a_worker_is_at_it_goes_no_further(
    world: World, campaign: str, send: Any, monkeypatch: pytest.MonkeyPatch
):
    row = send(people(12))
    work()
    begun(world, row)
    waiting_messages()
    real = pipeline.list_work._renew

    def discards(taken: Any, **values: Any) -> None:
        real(taken, **values)
        discard(row.id, brand_id=world.brand_id)
        monkeypatch.setattr(pipeline.list_work, "_renew", real)

    monkeypatch.setattr(pipeline.list_work, "_renew", discards)
    on_list(row.id)
    row = now_is(world, row)
    assert (row.phase, row.file_sha256, row.verdicts_sha256) == ("discarded", None, None)
    assert len(renders(campaign)) == 8


def test_two_workers_do_not_have_one_list(world: World, send: Any, monkeypatch: pytest.MonkeyPatch):
    row, tried = send(GOOD), []

    def slow(taken: Any) -> None:
        tried.append(taken.row.id)
        on_list(row.id)

    monkeypatch.setattr(pipeline.list_work, "_try", slow)
    on_list(row.id)
    assert tried == [row.id]


def test_a_worker_that_ends_gives_the_list_back(world: World, send: Any):
    row = send(people(12))

    class Ends(Shift):
        def beat(self) -> None:
            raise ShiftOver

    on_list(row.id, Ends())
    assert now_is(world, row).lease_until is None
    on_list(row.id)
    assert now_is(world, row).phase == "checked"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("first_name,first_name\nA,B\n", "recipients_unusable"),
        ("name\nA\n", "recipients_unusable"),
        ("first_name,remark\n", "bad_input"),
        ("", "recipients_unusable"),
        (b"first_name\n\xff\xff\n", "recipients_unusable"),
    ],
)
def test_a_file_that_is_no_list_is_refused_at_once(world: World, send: Any, text: Any, code: str):
    with pytest.raises(InputError) as refused:
        send(text)
    assert refused.value.code == code
    assert waiting_messages() == []


def test_a_file_that_breaks_off_in_the_middle_says_so(world: World, send: Any):
    row = send(people(9).encode() + b"Ben,\xff\n")
    work()
    row = now_is(world, row)
    assert row.phase == "unusable" and row.problem["code"] == "recipients_unusable"


def test_a_campaign_holds_so_many_lists(world: World, send: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.recipient_lists.MOST_OPEN", 1)
    row = send(GOOD)
    with pytest.raises(Conflict):
        send(people(3))
    discard(row.id, brand_id=world.brand_id)
    assert send(GOOD).phase == "checking"


def test_another_brand_has_no_such_list(world: World, send: Any):
    row = send(GOOD)
    for asks in (
        lambda: get_list(row.id, brand_id="brd_other"),
        lambda: start(row.id, brand_id="brd_other", actor=world.operator),
        lambda: discard(row.id, brand_id="brd_other"),
    ):
        with pytest.raises(NotFound):
            asks()


def test_the_files_of_a_list_are_forgotten_and_swept_in_time(
    world: World, send: Any, monkeypatch: pytest.MonkeyPatch
):
    kept, over = send(people(2)), send(people(3))
    work()
    with transaction() as session:
        old = now() - timedelta(days=31)
        session.execute(update(RecipientListRow).where(RecipientListRow.id == over.id).values(changed_at=old))
    digest = now_is(world, over).file_sha256 or ""
    assert forget() == 1
    assert now_is(world, over).file_sha256 is None and now_is(world, kept).file_sha256
    monkeypatch.setattr(orphans, "_last", 0.0)
    orphans.sweep_orphans(older_than=-10.0, every=0.0)
    orphans.sweep_orphans(older_than=-10.0, every=0.0)
    assert not blobs().exists(digest, FILE_ROLE)
    assert blobs().exists(now_is(world, kept).file_sha256 or "", FILE_ROLE)


def test_memory_holds_one_chunk_and_a_bounded_number_of_causes(
    world: World, send: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pipeline.trial, "MOST_CAUSES", 2)
    held: list[int] = []
    real = pipeline.list_work._renew

    def look(taken: Any, **values: Any) -> None:
        gc.collect()
        held.append(sum(type(one) is RenderRow for one in gc.get_objects()))
        real(taken, **values)

    monkeypatch.setattr(pipeline.list_work, "_renew", look)
    row = send(people(24) + MIXED.split("\n", 1)[1].replace(";", ","))
    gc.freeze()  # what was there before is not looked through each time
    try:
        on_list(row.id)
    finally:
        gc.unfreeze()
    assert len(held) > 6 and max(held) <= held[0] + 4
    trial = now_is(world, row).trial
    assert len(trial["causes"]) == 2 and trial["more_causes"] > 0


def test_a_long_list_is_done_in_slices_and_what_waits_beside_it_has_its_turn(
    world: World, campaign: str, send: Any, monkeypatch: pytest.MonkeyPatch
):
    whole = send(people(5) + MIXED.split("\n", 1)[1].replace(";", ","))
    other = world.campaign().id
    work()
    monkeypatch.setattr(pipeline.list_work, "SLICE_SECONDS", 0.0)
    sliced = send(people(5) + MIXED.split("\n", 1)[1].replace(";", ","), campaign=other)
    on_list(sliced.id)
    (told,) = [payload for topic, payload in waiting_messages() if topic == "recipients.list"][-1:]
    assert told["list_id"] == sliced.id, "it went to the end of the queue"
    row = now_is(world, sliced)
    assert (row.phase, row.lease_until, row.tries) == ("checking", None, 0) and 0 < row.bytes_read < row.size
    assert sum(row.trial["counts"].values()) == 4, "one chunk"
    while now_is(world, sliced).phase == "checking":
        on_list(sliced.id)
    first, then = now_is(world, whole), now_is(world, sliced)
    assert then.trial == first.trial
    assert verdicts_path(then).read_bytes() == verdicts_path(first).read_bytes()
    begun(world, first), begun(world, then)
    slices = 0
    while now_is(world, sliced).phase == "entering":
        on_list(sliced.id)
        slices += 1
    monkeypatch.setattr(pipeline.list_work, "SLICE_SECONDS", 60.0)
    on_list(whole.id)
    assert slices > 2 and now_is(world, sliced).entered == now_is(world, whole).entered
    assert [(one.state, one.fields) for one in renders(other)] == [
        (one.state, one.fields) for one in renders(campaign)
    ]


def test_a_slice_that_was_cut_off_is_tried_again_and_counted_once(
    world: World, send: Any, monkeypatch: pytest.MonkeyPatch
):
    row = send(people(10))
    monkeypatch.setattr(pipeline.list_work, "SLICE_SECONDS", 0.0)
    on_list(row.id)
    monkeypatch.setattr(pipeline.list_work, "SLICE_SECONDS", 60.0)
    real = pipeline.list_work._renew

    def cut_off(taken: Any, **values: Any) -> None:
        real(taken, **values)
        monkeypatch.setattr(pipeline.list_work, "_renew", real)
        raise ShiftOver

    monkeypatch.setattr(pipeline.list_work, "_renew", cut_off)
    on_list(row.id)
    assert sum(now_is(world, row).trial["counts"].values()) == 4 and now_is(world, row).tries == 1
    on_list(row.id)
    assert now_is(world, row).trial["counts"]["ready"] == 10
    assert len(verdicts_path(now_is(world, row)).read_text().splitlines()) == 11


def test_a_list_that_ends_its_worker_each_time_is_given_up(
    world: World, send: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pipeline.list_work, "_MOST_TRIES", 1)
    row = send(GOOD)

    class Ends(Shift):
        def beat(self) -> None:
            raise ShiftOver

    on_list(row.id, Ends())
    on_list(row.id)
    assert now_is(world, row).phase == "unusable"


def test_a_name_that_the_voice_cannot_say_is_told_before_anything_is_made(
    world: World, campaign: str, send: Any
):
    row = send("first_name,remark\nОльга,Thank you.\nOlga,Thank you.\n")
    work()
    trial = now_is(world, row).trial
    (cause,) = trial["causes"]
    assert (cause["code"], cause["field"], cause["first"]) == ("voice_unsayable", "first_name", [1])
    assert trial["counts"]["ready"] == 1 and "Ольга" not in str(trial)
