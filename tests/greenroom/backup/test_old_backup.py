"""The danger of a restore: what was recalled after the backup would be served again. It is found, said, and held."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.errors import LedgerInconsistent
from audit.ledger import sequence_pending, verify_ledger
from audit.ledger.tiles import LedgerFiles
from audit.ledger.witness import Kept, read_kept
from audit.notes import Checkpoint
from audit.restored import RestoreUnacknowledged, held
from core.database import reading
from core.errors import Conflict
from delivery.links import make_link
from delivery.restored import acknowledge
from delivery.tasks import on_approved
from greenroom.backup.capture import take
from greenroom.backup.check import open_backup
from greenroom.backup.errors import RestoreRefused
from greenroom.backup.place import Place
from greenroom.backup.restore import restore
from greenroom.cli import main
from pipeline.registry import DatabaseRegistry
from pipeline.tables import RenderRow
from tests.greenroom.backup.conftest import Machine, Machines, world_on
from tests.kit.workers import door, events_of
from tests.kit.world import World


@dataclass(frozen=True)
class Past:
    """A machine, a backup of it, and what happened after the backup. Only the last test changes it."""

    w: World
    machine: Machine
    place: Place
    kept_before: Path
    kept_at: Path
    kept_after: Path
    recalled: RenderRow
    token: str
    still_out: RenderRow
    token_of_other: str
    approved: RenderRow


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("past")
    machine = Machine(folder / "home", "")
    place = Place(str(folder / "backups"), make=True)
    files = [folder / f"{name}.checkpoint" for name in ("before", "at", "after")]
    with world_on(machine) as w:
        one, other = w.released(), w.released()
        tokens = [make_link(row.id, brand_id=w.brand_id, made_by=w.operator) for row in (one, other)]
        _keep(files[0])
        approved = w.approved()
        _keep(files[1])
        take(place)
        w.recall(one)
        _keep(files[2])
        assert [door(token) for token in tokens] == ["link_recalled", "open"]
        yield Past(w, machine, place, *files, one, tokens[0], other, tokens[1], approved)


def _keep(path: Path) -> None:
    sequence_pending()
    assert main(["ledger", "witness", "--out", str(path), "--json"]) == 0


def kept(*paths: Path) -> list[Kept]:
    return [read_kept(path, LedgerFiles().verifiers()) for path in paths]


def test_the_kept_checkpoint_says_how_much_is_missing_and_nothing_is_served(
    past: Past, machines: Machines
) -> None:
    with past.machine.here():
        witnesses = kept(past.kept_before, past.kept_after)
    target = machines.new("sqlite").bring_keys(past.machine)
    with target.here():
        done = restore(past.place, open_backup(past.place), kept=witnesses)
        assert done.held and done.report.good
        assert done.lost == witnesses[1].checkpoint.size - done.manifest.ledger.assigned > 0

        # Its own rows and ledger say that it is out; the door knows better.
        assert past.w.now_is(past.recalled).state == "released"
        assert door(past.token) == door(past.token_of_other) == "link_gone"
        entry = DatabaseRegistry().find_mark(past.recalled.mark_id or 0)
        assert entry is not None and entry.release == "unreleased"
        with pytest.raises(RestoreUnacknowledged):
            past.w.release(past.approved)
        on_approved({"render_id": past.approved.id})
        assert past.w.now_is(past.approved).state == "approved"
        assert past.w.now_is(past.approved).reason is None  # it goes on by itself afterwards

        # The ledger says what it was held against, and a later look at the kept checkpoint still says no.
        sequence_pending()
        report = verify_ledger(witnesses)
        assert [bool(one.problem) for one in report.witnessed] == [False, True]

        past.w.recall(past.recalled)
        assert acknowledge(actor_id=past.w.legal, because="replayed") == 2
        assert events_of("ledger@restored") == ["ledger:record:restored", "ledger:restore:acknowledged"]
        assert door(past.token) == door(past.token_of_other) == "link_gone"  # links ended
        anew = make_link(past.still_out.id, brand_id=past.w.brand_id, made_by=past.w.operator)
        assert door(anew) == "open"
        assert past.w.release(past.approved).state == "released"
        assert past.w.ledger().good


@pytest.mark.parametrize("which", ["none", "from before the backup"])
def test_without_a_checkpoint_from_after_the_backup_nobody_can_know(
    past: Past, machines: Machines, which: str
) -> None:
    with past.machine.here():
        witnesses = [] if which == "none" else kept(past.kept_before)
    target = machines.new("sqlite").bring_keys(past.machine)
    with target.here():
        done = restore(past.place, open_backup(past.place), kept=witnesses)
        assert (done.lost, done.held) == (None, True)
        assert door(past.token_of_other) == "link_gone"
        assert acknowledge(actor_id=past.w.legal, because="nothing_lost") == 0
        assert door(past.token_of_other) == "open"
        with pytest.raises(Conflict, match="no restore waits"):
            acknowledge(actor_id=past.w.legal, because="nothing_lost")


def test_where_nothing_was_signed_since_the_backup_it_serves_at_once(past: Past, machines: Machines) -> None:
    """A move to another machine: stop, back up, keep the checkpoint, restore."""
    with past.machine.here():
        witnesses = kept(past.kept_at)
    target = machines.new("sqlite").bring_keys(past.machine)
    with target.here():
        done = restore(past.place, open_backup(past.place), kept=witnesses)
        assert (done.lost, done.held) == (0, False)
        assert door(past.token_of_other) == "open"


def test_a_kept_checkpoint_of_another_history_refuses_the_restore(past: Past, machines: Machines) -> None:
    with past.machine.here():
        (one,) = kept(past.kept_at)
    forged = Kept(Checkpoint(one.checkpoint.origin, one.checkpoint.size, b"\7" * 32), "forged.checkpoint")
    target = machines.new("sqlite").bring_keys(past.machine)
    with target.here():
        with pytest.raises(LedgerInconsistent, match="not the past of the kept checkpoint"):
            restore(past.place, open_backup(past.place), kept=[forged])
        assert not (target.home / "ledger").exists()


def test_the_command_line_says_it_all_and_ends_with_no(
    past: Past, machines: Machines, capsys: pytest.CaptureFixture[str]
) -> None:
    target = machines.new("sqlite").bring_keys(past.machine)
    words = ["restore", past.place.where, "--witnessed", str(past.kept_after)]
    with target.here():
        capsys.readouterr()
        assert main([*words, "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert told["held"] and told["lost"] > 0 and told["verification"]["good"]
        assert main(["ledger", "verify", "--against", str(past.kept_before)]) == 0
        assert main(["ledger", "verify", "--against", str(past.kept_after)]) == 1
        assert "entries that were signed are not in it" in capsys.readouterr().out
        with reading() as session:
            assert held(session)
        assert main([*words, "--json"]) == 3
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "not_empty"


def test_a_home_that_is_replaced_is_its_own_witness_and_is_moved_aside(past: Past) -> None:
    with past.machine.here():
        manifest = open_backup(past.place)
        with pytest.raises(RestoreRefused, match="here already"):
            restore(past.place, manifest)
        assert door(past.token_of_other) == "open"  # nothing was touched
        done = restore(past.place, manifest, replace=True)
        assert done.lost is not None and done.lost > 0
        (aside,) = past.machine.home.glob("replaced-*")
        assert (aside / "greenroom.db").exists() and (aside / "ledger" / "checkpoint").exists()
