"""How the installation stands: depths, ages, leases, the record, clocks; and what an operator should look at."""

from __future__ import annotations

import json
import os
import time

import pytest
from sqlalchemy import update

from audit.ledger import sequence_pending
from core.database import now, transaction
from core.settings import get_settings
from core.tables import OutboxRow
from delivery import overview as module
from delivery.collector import DatabaseCollector, SkewCollector
from delivery.concerns import concerns
from delivery.overview import Checkpoint, Depth, Lease, Overview, Reports, Verified, overview
from pipeline.leases import claim
from provenance.pki import init_pki, pki_folder
from tests.kit.standing_in import standing_in
from tests.kit.workers import waiting_messages, work
from tests.kit.world import World


def gauges(collector: DatabaseCollector) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_what_waits_is_counted_by_state_with_the_age_of_the_first(world: World):
    world.render()
    world.tick(100)
    world.render()
    world.to_review()
    found = overview()
    assert found.failed == {}
    waiting = found.renders["scripted"]
    assert waiting.count == 2 and 100 <= waiting.oldest < 110
    assert found.renders["in_review"].count == 1 and found.renders["in_review"].oldest < 10
    assert found.renders["failed"] == Depth()
    assert "released" not in found.renders, "what is final waits for nobody, and grows without bound"


def test_a_count_stops_at_its_bound(world: World, monkeypatch: pytest.MonkeyPatch):
    for _ in range(4):
        world.render()
    monkeypatch.setattr(module, "MOST", 3)
    assert overview().renders["scripted"].count == 3 and overview().outbox == Depth(
        3, pytest.approx(0, abs=5)
    )


def test_messages_and_entries_that_wait_have_an_age(world: World):
    world.render()
    world.tick(50)
    found = overview()
    assert found.outbox is not None and found.outbox.count == 2 and 50 <= found.outbox.oldest < 60
    assert found.ledger is not None and found.ledger.count > 3 and found.ledger.oldest >= 50
    assert found.checkpoint is None
    waiting_messages()
    sequence_pending()
    world.tick(7)
    found = overview()
    assert found.outbox == Depth() and found.ledger == Depth()
    assert found.checkpoint is not None and found.checkpoint.size > 3 and 7 <= found.checkpoint.age < 20


def test_leases_say_who_holds_them_and_which_are_over(world: World):
    one, other = world.render(), world.render()
    assert claim(one.id) is not None
    world.tick(get_settings().pipeline.lease_seconds + 5)
    assert claim(other.id) is not None
    found = {lease.render_id: lease for lease in overview().leases}
    assert found[one.id].left == pytest.approx(-5, abs=2) and found[other.id].left > 50
    assert found[one.id].owner.endswith(f":{os.getpid()}") and found[one.id].state == "scripted"


def test_a_withdrawal_waits_until_every_row_says_so(world: World):
    world.release(world.approved())
    assert overview().withdrawals == Depth()
    world.withdraw(effect="recall")
    world.tick(9)
    found = overview().withdrawals
    assert found is not None and found.count == 1 and 9 <= found.oldest < 20
    work()
    assert overview().withdrawals == Depth()


def test_the_last_answer_of_a_verification_is_read_from_the_timers_file(world: World):
    assert overview().verified is None
    path = world.home / "ledger-verify.json"
    path.write_text(json.dumps(world.ledger().as_dict()))
    os.utime(path, (now().timestamp() - 100, now().timestamp() - 100))
    found = overview().verified
    assert found is not None and found.good and 95 < found.age < 110
    path.write_text(json.dumps({"good": False}))
    assert overview().verified is not None and not overview().verified.good  # type: ignore[union-attr]
    path.write_text("{")
    assert overview().verified is None and "verified" in overview().failed


@pytest.mark.only("sqlite")  # for a shared database they are made before
def test_certificates_that_are_here_have_an_end_and_none_is_made_by_looking(world: World):
    assert overview().certificates == {} and not (world.home / "keys" / "pki").exists()
    init_pki(pki_folder())
    left = overview().certificates
    assert set(left) == {"signing", "timestamp"} and all(300 < each / 86400 < 366 for each in left.values())


def test_the_clocks_of_process_and_database_are_compared(world: World):
    skew = overview().skew
    assert skew is not None and abs(skew) < 0.5
    of_world = module.database_seconds
    with standing_in((of_world, lambda session: of_world(session) - 30)):
        assert overview().skew == pytest.approx(30, abs=0.5)


@pytest.mark.only("sqlite")  # the processes' role drops no table of PostgreSQL
def test_a_part_that_cannot_be_read_leaves_the_others(world: World, monkeypatch: pytest.MonkeyPatch):
    with transaction() as session:
        session.connection().exec_driver_sql("DROP TABLE outbox")
    found = overview()
    assert found.failed == {"outbox": "OperationalError"} and found.renders
    numbers = gauges(DatabaseCollector())
    assert numbers["greenroom_collector_failed", "outbox"] == 1
    assert ("greenroom_outbox_messages",) not in numbers, "not known is not zero"
    assert [concern.code for concern in concerns(found)] == ["part_unread"]


def test_looking_writes_nothing_and_waits_for_no_lock(world: World):
    with transaction() as session:
        session.execute(update(OutboxRow).values(attempts=1))
        began = time.monotonic()
        assert overview().failed == {}
        assert time.monotonic() - began < 5


def test_the_collector_offers_them_and_reads_once_for_many_readers(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.render()
    looked = []
    monkeypatch.setattr("delivery.collector.overview", lambda: looked.append(1) or overview())
    collector = DatabaseCollector(seconds=60)
    numbers = gauges(collector)
    assert gauges(collector) == numbers and len(looked) == 1
    assert numbers["greenroom_renders", "scripted"] == 1 and numbers["greenroom_renders", "failed"] == 0
    assert numbers["greenroom_outbox_messages",] == 2 and "greenroom_outbox_oldest_seconds" in str(numbers)
    assert numbers["greenroom_leases", "held"] == 0 and numbers["greenroom_leases", "over"] == 0
    described = {family.name for family in collector.describe()}
    assert {key[0] for key in numbers} <= described
    assert [family.samples[0].value < 1 for family in SkewCollector().collect()] == [True]


HOUR = 3600.0


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Overview(renders={"scripted": Depth(3, HOUR)}), "stage_waits"),
        (Overview(outbox=Depth(1, 100)), "outbox_waits"),
        (Overview(ledger=Depth(1, 200)), "ledger_pending"),
        (Overview(leases=[Lease("rnd_1", "voiced", "host:1", 400, -300)]), "lease_over"),
        (Overview(withdrawals=Depth(1, 60)), "withdrawal_unsettled"),
        (Overview(reports=Reports(2, 60.0)), "report_overdue"),
        (Overview(verified=Verified(False, 1)), "ledger_disagrees"),
        (Overview(verified=Verified(True, 72 * HOUR)), "ledger_unverified"),
        (Overview(certificates={"signing": 24 * HOUR}), "certificate_ends"),
        (Overview(skew=-5.0), "clock_skew"),
    ],
)
def test_what_is_to_be_looked_at_has_a_code_and_a_section(found: Overview, code: str):
    (concern,) = concerns(found)
    assert concern.code == code and concern.as_dict()["next"].startswith("docs/observability.md#")


def test_nothing_is_to_be_looked_at_where_all_is_well():
    well = Overview(
        renders={"scripted": Depth(3, 60), "in_review": Depth(9, 90 * HOUR), "failed": Depth(1, 90 * HOUR)},
        outbox=Depth(1, 1),
        ledger=Depth(1, 1),
        checkpoint=Checkpoint(9, 90 * HOUR),
        leases=[Lease("rnd_1", "voiced", "host:1", 10, 50)],
        withdrawals=Depth(),
        reports=Reports(3),
        verified=Verified(True, HOUR),
        certificates={"signing": 90 * 24 * HOUR},
        skew=0.01,
    )
    assert concerns(well) == []
