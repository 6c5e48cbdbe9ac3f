"""A backup beside a running system, and a restored one: renders end, released videos verify and are served."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from audit.ledger import sequence_pending, verify_ledger
from core.blobs import blobs
from delivery.links import make_link, open_link
from delivery.orphans import sweep_orphans
from delivery.restored import acknowledge
from greenroom.backup import capture
from greenroom.backup.capture import take
from greenroom.backup.check import open_backup, verify_backup
from greenroom.backup.place import Place
from greenroom.backup.restore import restore
from tests.greenroom.backup.conftest import Machines, world_on
from tests.kit.workers import door, swept, work


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_taken_while_renders_run_is_whole_and_the_renders_end_where_it_is_restored(
    machines: Machines, tmp_path: Path, kind: str
) -> None:
    origin = machines.new(kind)
    place = Place(str(tmp_path / "backups"), make=True)
    with world_on(origin) as w:
        renders = [w.render() for _ in range(3)]
        w.advance(renders.pop())
        stop = threading.Event()
        worker = threading.Thread(target=lambda: [w.advance(one) for one in renders])
        sequencer = threading.Thread(target=lambda: [sequence_pending() for _ in iter(stop.is_set, True)])
        worker.start(), sequencer.start()
        try:
            assert take(place).manifest.lacking == ()
        finally:
            stop.set()
            worker.join(), sequencer.join()
        target = machines.new(kind).bring_keys(origin)
        with target.here():
            done = restore(place, open_backup(place))
            assert done.report.good, done.report.text()
            hinted = {payload["render_id"] for _, payload in swept()}  # no lease and no message is waited for
            assert hinted == {one.id for one in renders if w.now_is(one).state != "in_review"} != set()
            work()
            assert {w.now_is(one).state for one in renders} == {"in_review"}
            sequence_pending()
            assert verify_ledger().good


def test_a_released_video_verifies_and_is_served_where_it_was_restored(
    machines: Machines, tmp_path: Path
) -> None:
    """With the real signer and the real reader."""
    origin = machines.new("sqlite")
    place = Place(str(tmp_path / "backups"), make=True)
    with world_on(origin, signer="real") as w:
        out = w.released()
        token = make_link(out.id, brand_id=w.brand_id, made_by=w.operator)
        take(place)
        target = machines.new("sqlite").bring_keys(origin)
        with target.here():
            restore(place, open_backup(place))
            assert door(token) == "link_gone"
            acknowledge(actor_id=w.legal, because="nothing_lost")
            render, path = open_link(token)
            assert path.is_relative_to(target.home) and render.id == out.id
            report = w.verify(path)
            assert (report.verdict, report.release, report.trusted) == ("intact", "released", True)


def test_a_file_whose_row_went_while_it_was_copied_is_not_missed(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted with its row after the snapshot; one whose row stays is told."""
    origin = machines.new("sqlite")
    place = Place(str(tmp_path / "backups"), make=True)
    with world_on(origin) as w:
        render = w.to_review()
        gone = (("examined", render.examined_sha256), ("speech", render.speech_sha256))
        copy_files = capture.copy_files

        def after_the_snapshot(*given: object) -> object:
            for role, sha256 in gone:
                blobs().delete(sha256 or "", role)
            return copy_files(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(capture, "copy_files", after_the_snapshot)
        monkeypatch.setattr(capture, "still_named", lambda _session, role, _sha256: role == "speech")
        taken = take(place)
        assert [(one.role, one.sha256) for one in taken.manifest.lacking] == [gone[1]]
        assert verify_backup(place, taken.manifest).good


def test_the_sweep_of_orphans_takes_nothing_that_a_snapshot_names(machines: Machines, tmp_path: Path) -> None:
    origin = machines.new("sqlite")
    place = Place(str(tmp_path / "backups"), make=True)
    with world_on(origin) as w:
        w.released()
        assert sweep_orphans(older_than=-60.0, every=0.0) == []
        assert take(place).manifest.lacking == ()


def test_backups_lie_in_an_object_store_too(machines: Machines, s3_url: str) -> None:
    origin = machines.new("sqlite")
    with world_on(origin) as w:
        out = w.released()
        token = make_link(out.id, brand_id=w.brand_id, made_by=w.operator)
        place = Place(f"{s3_url}/backups", make=True)
        take(place)
        assert take(place).copied.new_files == 0
        target = machines.new("sqlite").bring_keys(origin)
        with target.here():
            assert restore(place, open_backup(place)).report.good
            acknowledge(actor_id=w.legal, because="nothing_lost")
            assert door(token) == "open"
