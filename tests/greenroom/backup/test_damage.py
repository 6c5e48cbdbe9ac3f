"""A backup is read before it is believed: a flipped byte in any part is named; one that was cut off is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.errors import LedgerInconsistent
from audit.ledger import sequence_pending
from audit.ledger.tiles import LedgerFiles
from audit.notes import Verifier, parse_vkey
from core.secrets import derived_key
from greenroom.backup import capture
from greenroom.backup.capture import sweep_abandoned, take
from greenroom.backup.check import backup_ids, open_backup, verify_backup
from greenroom.backup.errors import BackupDamaged, BackupProblem, RestoreRefused
from greenroom.backup.manifest import Manifest
from greenroom.backup.place import Place, part_key
from greenroom.backup.restore import restore
from greenroom.cli import main
from tests.greenroom.backup.conftest import Machine, Machines, world_on
from tests.kit.past import as_owner
from tests.kit.world import World

Backed = tuple[World, Machine, Place, Path]


@pytest.fixture(scope="module")
def backed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backed]:
    """A machine with one released render and one backup of it."""
    folder = tmp_path_factory.mktemp("backed")
    place = Place(str(folder / "backups"), make=True)
    machine = Machine(folder / "home", "")
    with world_on(machine) as w:
        w.released()
        sequence_pending()
        take(place)
        yield w, machine, place, folder / "backups"


def test_a_flipped_byte_in_any_part_is_named_and_nothing_is_restored(
    backed: Backed, machines: Machines
) -> None:
    _, machine, place, folder = backed
    files = [path for path in folder.rglob("*") if path.is_file()]
    kinds = {path.relative_to(folder).parts[0] for path in files}
    assert kinds == {"backups", "parts", "blobs"} and len(files) > 25
    target = machines.new("sqlite").bring_keys(machine)
    silent = []
    with target.here():
        for path in files:
            data = path.read_bytes()
            for position in {len(data) // 2, len(data) - 1}:
                path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
                try:
                    found = verify_backup(place, open_backup(place))
                    named = " ".join(where for where, _ in found.faults)
                except BackupDamaged as error:
                    named = error.where
                if path.name not in named:
                    silent.append((path, position, named))
            path.write_bytes(data)
        assert silent == []
        assert verify_backup(place, open_backup(place)).good

        path = next(path for path in files if "/published/" in str(path))
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(BackupDamaged, match=path.name):
            restore(place, open_backup(place))
        path.write_bytes(data)
        assert not (target.home / "ledger").exists() and not (target.home / "blobs").exists()


def test_a_missing_part_and_a_missing_file_are_named(backed: Backed) -> None:
    _, machine, place, folder = backed
    with machine.here():
        manifest = open_backup(place)
        table = next(table for table in manifest.tables if table.name == "renders")
        for path in (folder / part_key(table.part.sha256), next((folder / "blobs" / "sealed").rglob("*/*"))):
            aside = path.rename(path.with_name("aside"))
            ((where, what),) = verify_backup(place, manifest).faults
            aside.rename(path)
            assert path.name in where and "missing" in what


def test_a_backup_that_nobody_known_signed_is_refused(backed: Backed, machines: Machines) -> None:
    _, machine, place, _ = backed
    with machine.here():
        (verifier,) = LedgerFiles().verifiers()
        assert open_backup(place, key=parse_vkey(verifier.vkey))
    other = Verifier(verifier.name, Ed25519PrivateKey.generate().public_key())
    with machines.new("sqlite").here():
        with pytest.raises(BackupDamaged, match="no known key signed"):
            open_backup(place)  # a home without keys knows nobody
        with pytest.raises(BackupDamaged, match="no known key signed"):
            open_backup(place, key=other)
        assert open_backup(place, key=verifier)


def test_a_backup_that_was_cut_off_is_none_and_its_parts_are_taken_up_or_swept(
    backed: Backed, monkeypatch: pytest.MonkeyPatch
) -> None:
    w, machine, place, folder = backed
    with machine.here():
        before, known = set(folder.rglob("*")), backup_ids(place)
        w.released()
        sequence_pending()

        def cut(_name: str, _data: bytes) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(capture.keys, "sign", cut)
            with pytest.raises(KeyboardInterrupt):
                take(place)
        assert backup_ids(place) == known
        left = {path for path in set(folder.rglob("*")) - before if path.is_file()}
        assert any("/parts/" in str(path) for path in left) and any("/blobs/" in str(path) for path in left)
        assert sweep_abandoned(place) == 0  # somebody may be at it
        assert sweep_abandoned(place, older_than=timedelta(0)) > 0
        assert not any("/parts/" in str(path) and path.exists() for path in left)
        assert verify_backup(place, open_backup(place)).good

        taken = take(place)
        assert taken.copied.new_files == 0  # the files of the one that was cut off are taken up
        assert len(backup_ids(place)) == 2


def test_a_second_backup_copies_what_is_new_and_both_can_be_read(backed: Backed) -> None:
    w, machine, place, _ = backed
    with machine.here():
        take(place)
        w.to_review()
        taken = take(place)
        assert 0 < taken.copied.new_files < taken.copied.files / 2
        for backup_id in backup_ids(place):
            assert verify_backup(place, open_backup(place, backup_id)).good


def test_a_file_that_is_lacking_is_told_and_the_rest_is_kept(
    backed: Backed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    w, machine, _, _ = backed
    with machine.here():
        render = w.released()
        sealed = machine.home / "blobs" / "sealed" / render.sealed_sha256[:2] / render.sealed_sha256  # type: ignore[index, operator]
        published = (
            machine.home / "blobs" / "published" / render.published_sha256[:2] / render.published_sha256
        )  # type: ignore[index, operator]
        kept = sealed.read_bytes(), published.read_bytes()
        sealed.unlink()
        published.write_bytes(kept[1][:-1] + b"!")
        capsys.readouterr()
        assert main(["backup", str(tmp_path / "other"), "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert {one["sha256"]: one["what"] for one in told["lacking"]} == {
            render.sealed_sha256: "it is not there",
            render.published_sha256: "its bytes are not those that were stored",
        }
        assert main(["backup", str(tmp_path / "other"), "--verify"]) == 0
        sealed.write_bytes(kept[0])
        published.write_bytes(kept[1])
        assert main(["backup", str(tmp_path / "other"), "--json"]) == 0


def test_a_record_that_was_tampered_with_is_no_backup(backed: Backed, tmp_path: Path) -> None:
    _, machine, _, _ = backed
    place = Place(str(tmp_path / "evidence"), make=True)
    with machine.here():
        (body,) = _ask("SELECT body FROM ledger_entries WHERE position = 3")
        as_owner("UPDATE ledger_entries SET body = replace(body, '\"v\":1', '\"v\":2') WHERE position = 3")
        with pytest.raises(LedgerInconsistent, match="do not lead to the root that was signed"):
            take(place)
        assert backup_ids(place) == []
        as_owner("UPDATE ledger_entries SET body = ? WHERE position = 3", body)


def _ask(query: str) -> tuple[object, ...]:
    from tests.kit.past import ask

    return ask(query)[0]


def test_another_master_secret_is_refused_before_anything_is_changed(
    backed: Backed, machines: Machines
) -> None:
    _, machine, place, _ = backed
    target = machines.new("sqlite").bring_keys(machine)
    (target.home / "keys" / "master-secret").unlink()
    with target.here():
        manifest = open_backup(place)
        with pytest.raises(RestoreRefused, match="master secret"):
            restore(place, manifest)
        assert not (target.home / "keys" / "master-secret").exists()  # none was made by asking
        assert restore(place, manifest, secret_lost=True).report.good
        assert derived_key("links")  # another one is made, and fits the database from now on


def test_a_newer_version_and_an_empty_place_say_so(backed: Backed, tmp_path: Path) -> None:
    _, machine, place, _ = backed
    with machine.here():
        newer = Manifest.model_validate(open_backup(place).model_dump() | {"revision": "9999"})
        with pytest.raises(RestoreRefused, match="newer version"):
            restore(place, newer)
        with pytest.raises(BackupProblem, match="no finished backup"):
            open_backup(Place(str(tmp_path / "empty"), make=True))
        with pytest.raises(BackupProblem, match="no such folder"):
            Place(str(tmp_path / "absent"))
