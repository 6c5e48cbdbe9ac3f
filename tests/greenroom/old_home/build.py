"""Makes the stored home: ``python -m tests.greenroom.old_home.build OUT.tar.xz``, with the code of commit e04cd1e.

Everything in it was done by the product's own functions; recorded results stood in for the models (``tests/kit``).
Nobody in it exists: the persona's consent is a synthetic test record. The keys are test keys.

It runs at the commit that added it. Later code makes later homes: the archive stays, and so does this record of how it
came to be.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit.ledger import sequence_pending
from core.errors import IntegrityError
from delivery.links import make_link
from delivery.tasks import on_approved
from greenroom.database import migrate
from pipeline import outbox
from pipeline.leases import owner_name
from pipeline.review import reject
from pipeline.service import import_video
from pipeline.states import State
from pipeline.tables import RenderRow
from review_ui.accounts import sign_in
from tests.kit import media
from tests.kit.standing_in import standing_in
from tests.kit.world import BREAKS_A_RULE, PASSWORD, PEOPLE, World, world

MASTER_SECRET = b"a made-up master secret of the stored test home; used nowhere else"
FOR_LONG = {
    "not_before": datetime(2026, 1, 1, tzinfo=UTC),
    "not_after": datetime(2090, 1, 1, tzinfo=UTC),
}
README = """A Greenroom home for tests, made by tests/greenroom/old_home/build.py. Nobody in it exists.
The keys and the master secret in it were made for this file and are used nowhere else.
"""


class SwitchedOff(BaseException):
    """Nothing catches this one, as nothing catches a power cut."""


def build(out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        _write_secret(home)
        machine = standing_in((owner_name, lambda _pid=None: "machine.example:4242"))
        with machine, world(home, make_tables=migrate) as w:
            contents = _fill(w)
        with closing(sqlite3.connect(home / "greenroom.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for rest in ("work", "prepared", "cache", "greenroom.db-wal", "greenroom.db-shm"):
            path = home / rest
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        _refuse_paths(home, folder)
        _pack(home, contents, out)


def _fill(w: World) -> dict[str, Any]:
    """Every state that a render of that version can wait or end in, under authorities of every kind."""
    people = {name: getattr(w, name) for name in PEOPLE}
    statement = w.add_persona("provenance", **FOR_LONG)
    consent = w.add_persona("consent", **FOR_LONG)
    superseded = w.add_persona("consent", **FOR_LONG)
    revoked = w.add_persona("consent", **FOR_LONG)
    suspended = w.add_persona("consent", **FOR_LONG)
    usual = w.campaign(statement, name="Usual", release_on_approval=True)
    high = w.campaign(statement, name="High risk", risk_class="high")
    of_consent = w.campaign(consent, name="With a consent")
    of_superseded = w.campaign(superseded, name="With a superseded consent")
    of_revoked = w.campaign(revoked, name="With a revoked consent")

    of_suspended = w.campaign(suspended, name="With a suspended consent", release_on_approval=True)

    made: dict[str, RenderRow] = {}
    made["released"] = w.released(campaign=usual)
    made["released_high"] = w.released(campaign=high)
    made["released_with_consent"] = w.released(campaign=of_consent)
    made["recalled"] = w.recall(w.released(campaign=usual))
    made["released_then_superseded"] = w.released(campaign=of_superseded)
    made["released_then_revoked"] = w.released(campaign=of_revoked)
    made["blocked_by_policy"] = w.advance(w.render(BREAKS_A_RULE, usual))
    made["blocked_by_gate"] = w.advance(w.render(campaign=usual, blocked=("transcript",)))
    links = {
        name: make_link(made[name].id, brand_id=w.brand_id, hours=24 * 365 * 50)
        for name in ("released", "released_with_consent", "released_then_superseded", "released_then_revoked")
    }
    w.supersede(superseded, purpose="A new version, for a test.")
    w.withdraw(revoked, effect="recall")
    outbox.relay(lambda _topic, _payload: None)
    sequence_pending()  # what follows has no position yet

    made["in_review"] = w.to_review(campaign=usual, flagged=("lip_sync",))
    made["in_review_half_approved"] = w.approve(w.to_review(campaign=high))
    made["approved"] = w.approved(campaign=of_consent)
    made["approved_release_waits"] = w.approved(campaign=usual)
    made["approved_release_refused"] = w.approved(campaign=of_suspended)
    w.withdraw(suspended, status="suspended")
    on_approved({"render_id": made["approved_release_refused"].id})
    rejected = w.to_review(campaign=usual)
    reject(
        rejected.id,
        brand_id=w.brand_id,
        reviewer_id=w.reviewer,
        sealed_sha256=rejected.sealed_sha256 or "",
        reason="a made-up reason",
    )
    made["rejected"] = w.now_is(rejected)
    made["import_in_review"] = w.advance(_import(w, usual.id))
    w.recorded.broken["picture"] = IntegrityError("a made-up failure", code="made_up")
    made["failed"] = w.advance(w.render(campaign=usual))
    # A machine that was switched off in the middle of a stage leaves a lease behind.
    w.recorded.broken["picture"] = SwitchedOff()
    made["voiced_under_a_lease"] = w.render(campaign=usual)
    with suppress(SwitchedOff):
        w.advance(made["voiced_under_a_lease"])
    w.recorded.broken.clear()
    made["draft"] = w.render(campaign=usual, request_key="made-up-key-1")
    made["draft_superseding"] = w.render(campaign=usual, supersedes=made["released"].id)
    sign_in(_address(w, "reviewer"), PASSWORD)

    return {
        "made_with": "e04cd1e",
        "brand_id": w.brand_id,
        "password": PASSWORD,
        "accounts": people,
        "personas": {
            "usual": w.persona.id,
            "statement": statement.id,
            "consent": consent.id,
            "superseded": superseded.id,
            "revoked": revoked.id,
            "suspended": suspended.id,
        },
        "authorities": {
            "statement": statement.authority_id,
            "consent": consent.authority_id,
            "superseded": superseded.authority_id,
            "revoked": revoked.authority_id,
            "suspended": suspended.authority_id,
        },
        "campaigns": {
            "usual": usual.id,
            "high": high.id,
            "consent": of_consent.id,
            "superseded": of_superseded.id,
            "revoked": of_revoked.id,
            "suspended": of_suspended.id,
        },
        "renders": {name: _described(w.now_is(row)) for name, row in made.items()},
        "links": links,
    }


def _described(row: RenderRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": State(row.state).value,
        "essence": row.essence,
        "sealed_sha256": row.sealed_sha256,
        "published_sha256": row.published_sha256,
    }


def _import(w: World, campaign_id: str) -> RenderRow:
    with tempfile.TemporaryDirectory() as folder:
        video = media.write_clip(Path(folder) / "customer.mp4", 0)
        return import_video(
            video, campaign_id, brand_id=w.brand_id, maker_id=w.operator, script="Hello, your tea is ready."
        )


def _address(w: World, name: str) -> str:
    from review_ui.accounts import list_accounts

    return next(account.email for account in list_accounts() if account.id == getattr(w, name))


def _write_secret(home: Path) -> None:
    keys = home / "keys"
    keys.mkdir(parents=True, mode=0o700)
    (keys / "master-secret").write_bytes(MASTER_SECRET)
    (keys / "master-secret").chmod(0o600)


def _refuse_paths(home: Path, folder: str) -> None:
    """Nothing in the home may name where it was made."""
    for path in home.rglob("*"):
        if path.is_file():
            assert folder.encode() not in path.read_bytes(), path


def _pack(home: Path, contents: dict[str, Any], out: Path) -> None:
    with tarfile.open(out, "w:xz", preset=9) as archive:
        _add(archive, "README.txt", README.encode())
        _add(archive, "contents.json", json.dumps(contents, indent=1).encode())
        archive.add(home, "home", filter=_nobody)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def _nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return None if entry.name.endswith("/.lock") else entry


if __name__ == "__main__":
    build(Path(sys.argv[1]))
