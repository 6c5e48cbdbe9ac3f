"""A backup put back: every row is what it was on another database too, the ledger agrees, and what ran goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from audit.ledger import current_checkpoint, sequence_pending, verify_ledger
from core.database import Base, reading
from core.tables import OutboxRow
from delivery.links import make_link
from greenroom.backup.capture import take
from greenroom.backup.check import open_backup
from greenroom.backup.dump import LEFT_OUT
from greenroom.backup.place import Place
from greenroom.backup.restore import restore
from pipeline import outbox
from pipeline.leases import claim
from tests.greenroom.backup.conftest import KINDS, Machines, world_on
from tests.kit.workers import door

FRESH = {"fence", "lease_owner", "lease_started", "lease_until", "retry_at", "hinted_at", "progress"}


def everything() -> dict[str, list[dict[str, object]]]:
    """Every row of every table that a backup holds, as Python values."""
    with reading() as session:
        return {
            table.name: [
                dict(row._mapping) for row in session.execute(select(table).order_by(*table.primary_key))
            ]
            for table in Base.metadata.sorted_tables
            if table.name not in LEFT_OUT
        }


@pytest.mark.parametrize(("here", "there"), KINDS)
def test_every_row_comes_back_on_either_database(
    machines: Machines, tmp_path: Path, here: str, there: str
) -> None:
    place = Place(str(tmp_path / "backups"), make=True)
    origin = machines.new(here)
    with world_on(origin) as w:
        campaign = w.campaign(risk_class="high")
        out = w.released(campaign=campaign, request_key="order-1")
        token = make_link(out.id, brand_id=w.brand_id, made_by=w.operator)
        w.recall(w.released(supersedes=out.id))
        review = w.to_review(flagged=("lip_sync",))
        w.supersede(w.add_persona("consent"))
        draft = w.render()
        assert claim(draft.id) is not None  # somebody works on it at this moment
        sequence_pending()
        w.render()  # pending entries
        outbox.relay(lambda _topic, _payload: None, limit=3)
        before = everything()
        taken = take(place)
        kept = current_checkpoint()
        assert kept is not None and taken.manifest.ledger.assigned == kept[0].size
        assert taken.manifest.ledger.pending > 0

        target = machines.new(there).bring_keys(origin)
        with target.here():
            done = restore(place, open_backup(place))
            assert done.report.good, done.report.text()
            assert (done.files.files, done.lost) == (taken.copied.files, None)
            after = everything()
            (restored,) = [e for e in after["ledger_entries"] if e["event"] == "ledger:record:restored"]
            assert restored["facts"]["size"] == kept[0].size  # type: ignore[index]
            after["ledger_entries"].remove(restored)
            with reading() as session:
                assert session.scalars(select(OutboxRow).where(OutboxRow.sent_at.is_not(None))).all() == []
            before["outbox"] = [row for row in before["outbox"] if row["sent_at"] is None]
            for name, rows in before.items():
                without = FRESH if name == "renders" else set()
                assert _without(after[name], without) == _without(rows, without), name
            for row, old in zip(after["renders"], before["renders"], strict=True):
                assert row["fence"] == old["fence"] + 1 and row["lease_owner"] is None  # type: ignore[operator]

            # It goes on: numbers are given after those that were put in, the log continues the kept checkpoint.
            assert door(token) == "link_gone"  # held
            assert sequence_pending() > 0
            assert verify_ledger().good
            assert w.advance(draft).state == "in_review"
            assert w.approve(review).state in ("in_review", "approved")
            assert sequence_pending() > 0
            report = verify_ledger()
            assert report.good, report.text()


def _without(rows: list[dict[str, object]], names: set[str]) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]
