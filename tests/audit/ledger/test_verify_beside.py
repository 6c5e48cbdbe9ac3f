"""Verification beside a real sequencer and a real writer gives no false alarm, and still finds what was put back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from audit.ledger import sequence_pending, verify_ledger
from audit.ledger.tiles import LedgerFiles
from audit.ledger.witness import Kept, read_kept
from audit.tables import LedgerCheckpointRow
from core.database import reading, transaction
from core.settings import get_settings
from greenroom.installation import initialise
from tests.audit.conftest import append_one
from tests.kit.past import as_owner

ROOT = Path(__file__).parents[3]
ROUNDS = 200 if os.environ.get("FULL") else 12

# A row is added and changed again and again, each time with its entry.
WRITER = """
import sys, time
from audit.ledger import Event, append
from core.database import transaction
from core.ids import new_id
from core.tables import BrandRow
mine = new_id("brd")
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    with transaction() as session:
        row = session.get(BrandRow, mine) or BrandRow(id=mine, name="Example")
        row.rule_pack = f"pack-{turn}"
        append(session, Event.BRAND_CREATED, mine, rows=[row])
        for _ in range(turn % 4):
            append(session, Event.BRAND_CREATED, new_id("brd"), rows=[BrandRow(id=new_id("brd"), name="Example")])
    time.sleep(0.01)
"""
SEQUENCER = """
import time
from audit.ledger import sequence_pending
print("ready", flush=True)
while True:
    sequence_pending(limit=40)
    time.sleep(0.005)
"""


@contextmanager
def running(*programs: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Programs of this home, each a process; killed at the end."""
    with ExitStack() as stack:
        children = []
        for program in programs:
            child = subprocess.Popen(
                [sys.executable, "-c", program], cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True
            )
            stack.callback(child.stdout.close)  # type: ignore[union-attr]
            stack.callback(child.wait, 10)
            stack.callback(child.kill)
            children.append(child)
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
        yield children


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_no_false_alarm_beside_a_sequencer_and_a_writer(home: Path, tmp_path: Path) -> None:
    _keys()
    with running(WRITER, SEQUENCER) as children:
        sizes: list[int] = []
        kept: list[Kept] = []
        while len(sizes) < ROUNDS:
            report = verify_ledger(kept[-1:])  # the kept one may be newer than what is verified
            assert report.good, report.text()
            sizes.append(report.size)
            note = LedgerFiles().note()
            if note is not None:
                (tmp_path / "kept").write_text(note)
                kept.append(read_kept(tmp_path / "kept", LedgerFiles().verifiers()))
        assert all(child.poll() is None for child in children)
    assert sizes == sorted(sizes) and sizes[-1] > sizes[0] + 20  # it grew while we looked
    sequence_pending()
    report = verify_ledger(kept)
    assert report.good, report.text()
    assert len(report.witnessed) == len(kept) and all(one.proof or one.ahead == 0 for one in report.witnessed)


def test_a_checkpoint_that_came_after_the_snapshot_is_no_damage(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database remembers more than the look at the file found: a sequencer ended a batch in between."""
    _grow(10)
    first = LedgerFiles().note()
    _grow(400)
    monkeypatch.setattr(LedgerFiles, "note", lambda _folder: first)
    report = verify_ledger()
    assert report.good, report.text()
    assert report.size == 410


def test_positions_that_no_checkpoint_covers_yet_are_no_damage(home: Path) -> None:
    """A sequencer that has given positions and not signed yet, or that died there."""
    _grow(10)

    def cut(step: str) -> None:
        if step == "positions":
            raise KeyboardInterrupt

    _append(300)
    with pytest.raises(KeyboardInterrupt):
        sequence_pending(at=cut)
    report = verify_ledger()
    assert report.good, report.text()
    assert (report.size, report.pending) == (10, 0)


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
def test_a_database_that_was_put_back_is_still_found(home: Path) -> None:
    _keys()
    _grow(10)
    (size,) = _sizes()
    _grow(5)
    as_owner("DELETE FROM ledger_checkpoints WHERE size > ?", size)
    as_owner("DELETE FROM ledger_entries WHERE position >= ?", size)
    as_owner("UPDATE ledger_head SET assigned = ?", size)
    report = verify_ledger()
    assert {problem.kind for problem in report.problems} >= {"missing"}
    assert f"ledger_entries position {size + 2}" in report.text()


def test_a_folder_that_was_put_back_is_still_found(home: Path, tmp_path: Path) -> None:
    _grow(10)
    shutil.copytree(home / "ledger", tmp_path / "old")
    _grow(5)
    shutil.rmtree(home / "ledger")
    (tmp_path / "old").rename(home / "ledger")
    assert "rolled_back" in {problem.kind for problem in verify_ledger().problems}


def test_all_three_put_back_are_found_by_the_kept_checkpoint_alone(home: Path, tmp_path: Path) -> None:
    _grow(10)
    old = (home / "ledger/checkpoint").read_text()
    _grow(5)
    (tmp_path / "kept").write_text((home / "ledger/checkpoint").read_text())
    kept = read_kept(tmp_path / "kept", LedgerFiles().verifiers())
    assert verify_ledger([kept]).good
    as_owner("DELETE FROM ledger_checkpoints WHERE size = 15")
    as_owner("DELETE FROM ledger_entries WHERE position >= 10")
    as_owner("UPDATE ledger_head SET assigned = 10")
    (home / "ledger/checkpoint").write_text(old)
    assert verify_ledger().good  # it cannot know
    report = verify_ledger([kept])
    assert [(problem.kind, problem.where) for problem in report.problems] == [("rolled_back", kept.where)]
    assert "5 entries that were signed are not in it" in report.text()


def test_another_history_of_the_same_size_is_found_by_the_kept_checkpoint(home: Path) -> None:
    from dataclasses import replace

    _grow(10)
    checkpoint = LedgerFiles().open(LedgerFiles().note() or "")
    report = verify_ledger([Kept(replace(checkpoint, root=b"\7" * 32), "kept")])
    assert [(problem.kind, problem.where) for problem in report.problems] == [("changed", "kept")]


def _keys() -> None:
    """On a shared database nothing is made by its first use."""
    if get_settings().shared_database:
        initialise()


def _sizes() -> list[int]:
    with reading() as session:
        return list(session.scalars(select(LedgerCheckpointRow.size)))


def _append(count: int) -> None:
    with transaction() as session:
        for _ in range(count):
            append_one(session)


def _grow(count: int) -> None:
    _append(count)
    sequence_pending()
