"""The ledger's files in a folder and in an object store: one log, and no older state is published over a newer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest

from audit import keys, rotation
from audit.errors import LedgerInconsistent
from audit.ledger import (
    current_checkpoint,
    prove,
    sequence_pending,
    sequencer,
    store,
    verify_ledger,
    verify_proof,
)
from audit.ledger.store import Files
from audit.ledger.tiles import LedgerFiles
from audit.tables import LedgerCheckpointRow, LedgerEntryRow
from core.database import reading, transaction
from core.errors import BlobStoreUnavailable
from core.settings import get_settings
from tests.audit.conftest import append_one

KINDS = ("folder", "s3")


@pytest.fixture(params=KINDS)
def files(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """A ledger in each kind of store."""
    url = request.getfixturevalue("s3_url") + "/ledger" if request.param == "s3" else ""
    monkeypatch.setenv("GREENROOM_LEDGER_URL", url)
    get_settings.cache_clear()
    sequencer._looked.clear()
    store.files_at.cache_clear()
    yield store.files()
    store.files_at.cache_clear()


def add(count: int) -> list[str]:
    with transaction() as session:
        return [append_one(session, i) for i in range(count)]


def published() -> int:
    found = current_checkpoint()
    return found[0].size if found is not None else 0


def names(files: Files) -> list[str]:
    if isinstance(files, store.Folder):
        return sorted(str(path.relative_to(files.path)) for path in files.path.rglob("*") if path.is_file())
    listed = obstore.list(files._store).collect()  # type: ignore[attr-defined]
    return sorted(entry["path"] for entry in listed)


def delete(files: Files, name: str) -> None:
    if isinstance(files, store.Folder):
        (files.path / name).unlink()
    else:
        obstore.delete(files._store, name)  # type: ignore[attr-defined]


def test_both_hold_the_same_files_and_verify(files: Files) -> None:
    ids = add(300)
    assert sequence_pending() == 300
    ids += add(213)
    assert sequence_pending() == 213
    assert names(files) == [
        "checkpoint", "origin", "tile/0/000", "tile/0/001", "tile/0/002.p/1", "tile/1/000.p/1", "tile/1/000.p/2",
        "tile/entries/000", "tile/entries/001", "tile/entries/002.p/1",
    ]  # fmt: skip
    assert verify_ledger().good and published() == 513
    with reading() as session:
        for entry in (ids[0], ids[299], ids[-1]):
            proof = prove(session, entry)
            body = session.query(LedgerEntryRow).filter_by(entry_id=entry).one().body
            verify_proof(proof, body.encode(), LedgerFiles().verifiers())


def test_a_checkpoint_that_was_not_published_is_published_by_the_next_run(files: Files) -> None:
    """The process died when the database had remembered the checkpoint and the store did not have it."""
    add(3)
    sequence_pending()

    def die(step: str) -> None:
        if step == "remembered":
            raise KeyboardInterrupt

    add(400)
    with pytest.raises(KeyboardInterrupt):
        sequence_pending(at=die)
    assert published() == 3 and verify_ledger().good  # nothing is amiss, and it says so
    sequencer._looked.clear()
    assert sequence_pending() == 0
    assert published() == 403 and verify_ledger().good


def test_a_sequencer_that_lost_its_turn_writes_no_older_checkpoint_over_a_newer_one(files: Files) -> None:
    add(5)
    sequence_pending()
    add(5)

    def meanwhile(step: str) -> None:
        """Just before the late one's checkpoint is remembered, another one goes on."""
        if step == "signed":
            add(300)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sequencer, "exclusive", without_a_lock)
                assert sequence_pending() == 300

    assert sequence_pending(at=meanwhile) == 5
    assert published() == 310 and verify_ledger().good
    assert sequence_pending() == 0


def test_a_verification_beside_a_sequencer_finds_nothing(files: Files) -> None:
    """At every step of a run, the files and the database agree for whoever looks."""
    add(3)
    sequence_pending()
    add(600)
    seen: list[str] = []

    def look(step: str) -> None:
        report = verify_ledger()
        assert report.good, (step, report.text())
        seen.append(step)

    sequence_pending(at=look)
    assert {"positions", "signed", "remembered", "checkpoint"} <= set(seen)


def test_one_that_is_late_with_publishing_does_no_harm(files: Files) -> None:
    """It remembered its checkpoint, another one remembered and published a later one, and then it wakes up."""
    add(5)
    sequence_pending()
    add(5)

    def meanwhile(step: str) -> None:
        if step == "remembered":
            add(300)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sequencer, "exclusive", without_a_lock)
                assert sequence_pending() == 300

    sequence_pending(at=meanwhile)
    if isinstance(files, store.Objects):  # the store refuses: the file is not the one that was read
        assert published() == 310
    sequencer._looked.clear()
    sequence_pending()
    assert published() == 310 and verify_ledger().good


class without_a_lock:
    """Whoever believes to have the lock: what the database's advisory lock cannot exclude when a connection breaks."""

    def __init__(self, _name: str, **_more: Any) -> None: ...

    def __enter__(self) -> without_a_lock:
        return self

    def __exit__(self, *_error: object) -> None: ...

    def still_held(self) -> bool:
        return True


@pytest.mark.parametrize("damage", ["gone", "changed"])
@pytest.mark.parametrize("name", ["tile/0/001", "tile/entries/001", "tile/1/000.p/2"])
def test_an_older_checkpoint_with_a_file_amiss_is_not_put_right(files: Files, name: str, damage: str) -> None:
    add(5)
    sequence_pending()
    old = files.read("checkpoint")
    assert old is not None
    add(600)
    sequence_pending()
    content = files.read(name)
    assert content is not None
    if damage == "gone":
        delete(files, name)
    else:
        files.write(name, bytes(len(content)))
    files.write("checkpoint", old)
    sequencer._looked.clear()
    with pytest.raises(LedgerInconsistent, match="put back to an older state") as told:
        sequence_pending()
    assert told.value.where == name and published() == 5
    problems = [(problem.kind, problem.where) for problem in verify_ledger().problems]
    # The file is named where the tree is read that far; else that the stored tree does not lead to what was signed.
    assert problems and problems[0][0] in ("rolled_back", "missing", "changed")
    files.write(name, content)
    assert sequence_pending() == 0 and published() == 605


def test_a_store_that_lost_everything_is_named(files: Files) -> None:
    add(5)
    sequence_pending()
    files.drop("tile")
    for name in ("checkpoint", "origin"):
        delete(files, name)
    add(1)
    with pytest.raises(Exception, match=r"another log|older state|not on this machine"):
        sequence_pending()
    assert not verify_ledger().good


def test_an_idle_sequencer_does_not_ask_the_store_each_time(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(1)
    sequence_pending()
    sequence_pending()  # this one looks
    asked: list[str] = []
    monkeypatch.setattr(type(files), "read_version", lambda _self, name: asked.append(name) or (None, None))
    monkeypatch.setattr(type(files), "read", lambda _self, name: asked.append(name))
    for _ in range(50):
        assert sequence_pending() == 0
    assert asked == []


def test_who_does_not_wait_leaves_the_work_to_the_one_that_has_it(files: Files) -> None:
    from core.database import exclusive

    add(1)
    with exclusive("sequencer") as held:
        assert held and sequence_pending(wait=False) == 0
    assert sequence_pending(wait=False) == 1


def test_a_machine_that_cannot_sign_gives_no_positions(files: Files, home: Path) -> None:
    add(1)
    sequence_pending()
    (private,) = (home / "keys" / "ledger").glob("*.pem")
    private.rename(home / "kept.pem")
    add(1)
    with pytest.raises(Exception, match="may not use the ledger key"):
        sequence_pending()
    with reading() as session:
        assert session.query(LedgerEntryRow).filter(LedgerEntryRow.position.is_(None)).count() == 1
        assert session.query(LedgerCheckpointRow).count() == 1
    (home / "kept.pem").rename(private)
    rotation.rotate(keys.LEDGER)
    assert sequence_pending() == 2 and verify_ledger().good


@pytest.mark.parametrize("asked", ["read", "write", "replace", "drop"])
def test_a_store_that_is_away_is_said_in_words_and_may_be_asked_again(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENROOM_BLOB_SECONDS", "1")
    away_from = {"ACCESS_KEY_ID": "made-up", "SECRET_ACCESS_KEY": "made-up", "REGION": "x", "ALLOW_HTTP": "1"}
    for name, value in away_from.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens
    get_settings.cache_clear()
    store.files_at.cache_clear()
    away = store.files_at("s3://bucket/ledger")
    given: dict[str, tuple[Any, ...]] = {
        "write": ("a", b"b"),
        "replace": ("a", b"b", None),
        "drop": ("tile",),
    }
    with pytest.raises(BlobStoreUnavailable, match="GREENROOM_LEDGER_URL") as raised:
        getattr(away, asked)(*given.get(asked, ("a",)))
    assert raised.value.retryable
    store.files_at.cache_clear()
