"""The sequencer: each entry once, in order, whatever crashes and whoever else sequences."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from audit import rotation
from audit.errors import LedgerInconsistent
from audit.ledger import consistency_proof, current_checkpoint, merkle, sequence_pending, verify_ledger
from audit.notes import Checkpoint
from audit.tables import LedgerEntryRow
from core.database import engine, reading, transaction
from core.settings import get_settings
from tests.audit.conftest import append_one


class CrashError(Exception):
    """The process ends here."""


def add(count: int) -> list[str]:
    with transaction() as session:
        return [append_one(session, i) for i in range(count)]


def order() -> list[str]:
    with reading() as session:
        return list(
            session.scalars(
                select(LedgerEntryRow.entry_id)
                .where(LedgerEntryRow.position.is_not(None))
                .order_by(LedgerEntryRow.position)
            )
        )


def head() -> Checkpoint:
    current = current_checkpoint()
    assert current is not None
    return current[0]


def steps_of_a_run(count: int) -> list[str]:
    seen: list[str] = []
    add(count)
    sequence_pending(at=seen.append)
    return seen


def assert_continues(old: Checkpoint, new: Checkpoint) -> None:
    if old.size and old.size < new.size:
        proof = consistency_proof(old.size, new.size)
        assert merkle.verify_consistency(old.size, old.root, new.size, new.root, proof)


pytestmark = pytest.mark.usefixtures("home")


def test_entries_get_positions_in_the_order_they_were_committed() -> None:
    first, second = add(3), add(2)
    assert sequence_pending() == 5
    assert order() == first + second
    assert head().size == 5
    assert sequence_pending() == 0


def test_an_idle_ledger_signs_nothing_new(home: Path) -> None:
    add(1)
    sequence_pending()
    before = (home / "ledger/checkpoint").read_bytes()
    assert sequence_pending() == 0
    assert (home / "ledger/checkpoint").read_bytes() == before


def test_more_than_a_batch_is_sequenced_batch_by_batch() -> None:
    ids = add(25)
    assert [sequence_pending(10) for _ in range(4)] == [10, 10, 5, 0]
    assert order() == ids


def test_a_late_commit_with_a_smaller_id_is_not_lost() -> None:
    """Ids commit out of order: what counts is that a row has no position, not how large its id is."""
    ids = add(3)
    with engine().begin() as connection:
        moved = connection.exec_driver_sql("SELECT * FROM ledger_entries WHERE id = 1").one()
        connection.exec_driver_sql("DELETE FROM ledger_entries WHERE id = 1")
    assert sequence_pending() == 2
    with engine().begin() as connection:
        marks = ", ".join("?" for _ in moved)
        connection.exec_driver_sql(f"INSERT INTO ledger_entries VALUES ({marks})", tuple(moved))
    assert sequence_pending() == 1
    assert order() == [ids[1], ids[2], ids[0]]
    assert verify_ledger().good


@pytest.mark.parametrize("size", [1, 256])
def test_a_crash_at_any_step_loses_nothing_and_forks_nothing(size: int) -> None:
    for step in steps_of_a_run(size):
        before, known = head(), order()
        pending = add(size)

        def crash(reached: str, step: str = step) -> None:
            # Tile numbers differ from run to run; crash at the same kind of step.
            if reached.split(maxsplit=1)[0] == step.split(maxsplit=1)[0]:
                raise CrashError

        with pytest.raises(CrashError):
            sequence_pending(at=crash)
        late = add(2)
        sequence_pending()
        assert order() == known + pending + late, step
        assert_continues(before, head())
        report = verify_ledger()
        assert report.good, (step, report.text())


def _die_at(home: str, step: str) -> None:
    os.environ["GREENROOM_HOME"] = home
    get_settings.cache_clear()

    def die(reached: str) -> None:
        if reached.startswith(step):
            os._exit(9)

    sequence_pending(at=die)
    os._exit(0)


@pytest.mark.parametrize("step", ["positions", "checkpoint"])
def test_a_killed_process_is_continued_by_the_next_one(home: Path, step: str) -> None:
    add(5)
    sequence_pending()
    before = head()
    ids = add(300)
    process = multiprocessing.get_context("spawn").Process(target=_die_at, args=(str(home), step))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    sequence_pending()
    assert order()[5:] == ids
    assert_continues(before, head())
    assert verify_ledger().good


def test_two_sequencers_and_writers_at_once() -> None:
    problems: list[BaseException] = []
    written: list[str] = []

    def guarded(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except BaseException as error:
            problems.append(error)

    def write() -> None:
        for _ in range(6):
            written.extend(add(7))

    def sequence() -> None:
        for _ in range(12):
            sequence_pending(20)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (write, sequence, write, sequence)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while sequence_pending():
        pass
    assert problems == []
    assert sorted(order()) == sorted(written)
    assert verify_ledger().good


def test_an_entry_changed_before_sequencing_is_not_signed() -> None:
    add(2)
    with engine().begin() as connection:
        connection.exec_driver_sql("UPDATE ledger_entries SET subject = 'rnd_other' WHERE id = 2")
    with pytest.raises(LedgerInconsistent, match="changed before it was sequenced"):
        sequence_pending()
    assert current_checkpoint() is None


def test_a_changed_entry_stops_the_next_checkpoint() -> None:
    add(3)
    sequence_pending()
    before = head()
    with engine().begin() as connection:
        connection.exec_driver_sql(
            "UPDATE ledger_entries SET subject = 'rnd_x', body = replace(body, subject, 'rnd_x') WHERE id = 2"
        )
    add(1)
    with pytest.raises(LedgerInconsistent, match="does not continue"):
        sequence_pending()
    assert head() == before


def test_a_ledger_folder_put_back_to_an_older_state_is_noticed(home: Path) -> None:
    add(3)
    sequence_pending()
    shutil.copytree(home / "ledger", home / "old")
    add(3)
    sequence_pending()
    shutil.rmtree(home / "ledger")
    (home / "old").rename(home / "ledger")
    assert [problem.kind for problem in verify_ledger().problems][:1] == ["rolled_back"]
    add(1)
    with pytest.raises(LedgerInconsistent, match="put back to an older state"):
        sequence_pending()


def _copy_database(home: Path, name: str) -> None:
    with sqlite3.connect(home / "greenroom.db") as source, sqlite3.connect(home / name) as target:
        source.backup(target)
    source.close()
    target.close()


def _restore_database(home: Path, name: str) -> None:
    engine().dispose()
    for leftover in home.glob("greenroom.db*"):
        leftover.unlink()
    shutil.copy(home / name, home / "greenroom.db")


def test_a_database_put_back_to_an_older_state_is_noticed(home: Path) -> None:
    add(3)
    sequence_pending()
    _copy_database(home, "backup.db")
    add(3)
    sequence_pending()
    _restore_database(home, "backup.db")
    add(1)
    with pytest.raises(LedgerInconsistent, match="lacks entry 3"):
        sequence_pending()
    assert {"missing"} <= {problem.kind for problem in verify_ledger().problems}


def test_positions_that_a_power_cut_took_back_are_given_again(home: Path) -> None:
    add(3)
    sequence_pending()
    ids = add(4)
    _copy_database(home, "before.db")
    sequence_pending()
    signed = head()
    _restore_database(home, "before.db")
    late = add(2)
    assert sequence_pending() == 2
    assert order()[3:] == ids + late
    assert_continues(signed, head())
    assert verify_ledger().good


def test_a_tile_cut_short_stops_the_sequencer(home: Path) -> None:
    add(300)
    sequence_pending()
    tile = home / "ledger/tile/1/000.p/1"
    tile.write_bytes(tile.read_bytes()[:-1])
    add(1)
    with pytest.raises(LedgerInconsistent, match="cut short"):
        sequence_pending()


def test_a_checkpoint_that_we_did_not_sign_stops_the_sequencer(home: Path) -> None:
    add(1)
    sequence_pending()
    checkpoint = home / "ledger/checkpoint"
    checkpoint.write_text(checkpoint.read_text().replace("\n1\n", "\n2\n"))
    add(1)
    with pytest.raises(Exception, match="signature is wrong"):
        sequence_pending()


def test_a_full_disk_leaves_the_ledger_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    add(2)
    sequence_pending()
    before = head()
    ids = add(2)
    with monkeypatch.context() as patched:

        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            sequence_pending()
    assert head() == before
    sequence_pending()
    assert order()[2:] == ids
    assert verify_ledger().good


def test_a_rotated_key_goes_on_under_the_same_name() -> None:
    add(1)
    sequence_pending()
    origin = head().origin
    rotation.rotate("ledger")
    add(1)
    sequence_pending()
    assert (head().origin, head().size) == (origin, 3)  # with the rotation's own entry
    assert verify_ledger().good


def test_a_clock_that_steps_back_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    first = add(1)
    monkeypatch.setattr("audit.ledger.entries.now", lambda: datetime(1999, 1, 1, tzinfo=UTC))
    second = add(1)
    sequence_pending()
    assert order() == first + second
    assert verify_ledger().good


def test_all_entries_have_one_position_each() -> None:
    add(30)
    sequence_pending()
    with reading() as session:
        total, distinct = session.execute(
            select(func.count(LedgerEntryRow.position), func.count(LedgerEntryRow.position.distinct()))
        ).one()
    assert total == distinct == 30
