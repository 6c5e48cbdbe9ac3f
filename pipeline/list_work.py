"""What workers do with a list of recipients (pipeline/recipient_lists.py): try it, and enter it once it is started.

A list's row is the job, as a render's is: a message is a hint, a lease keeps two workers from doing it at once, and the
sweeper sends a message again. A long list is done in slices: after some seconds its worker puts down how far it is,
sends the list to the end of the queue, and takes what waits there, so that no list starves the videos beside it. A
slice of a trial has no effects and is tried again after a crash; an entry is a batch under the key of the list
(pipeline/batch.py), which enters what is missing.
"""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import IO, Any

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from audit.standing import authority_standing
from core.blobs import blobs
from core.database import now, reading, transaction
from core.errors import DatabaseBusy, GreenroomError
from core.heartbeat import beat, beating
from core.settings import get_settings
from core.tables import BrandRow
from pipeline import outbox
from pipeline.batch import BatchReport, chunks, submit
from pipeline.course import Course, is_at
from pipeline.jobs import workspace
from pipeline.leases import database_clock, database_seconds
from pipeline.ownership import owned
from pipeline.recipient_lists import FILE_ROLE, TOPIC, VERDICTS_ROLE, WORKING, pieces, tell, verdicts_path
from pipeline.recipients import Format, recipients
from pipeline.shift import SLICE_SECONDS, Shift, ShiftOver
from pipeline.steering import discard_lists
from pipeline.tables import CampaignRow, PersonaRow, RecipientListRow
from pipeline.trial import Trial, VerdictFile

log = logging.getLogger("greenroom.pipeline")

KEPT = timedelta(days=30)
"""For so long after its last change a list's files are kept; of one that was entered, what was said of its rows."""

_FORGOTTEN_AT_ONCE = 100
_MOST_TRIES = 50  # leases without a slice that ended: a list that kills its worker is not tried for ever
_HALTED = and_(
    RecipientListRow.phase == "entering",
    is_at(RecipientListRow.campaign_id, Course.PAUSED, Course.CANCELLED),
)


@dataclass(frozen=True)
class _Taken:
    """The right to work on a list, in the phase that it is in, until the slice is over (monotonic seconds)."""

    row: RecipientListRow
    fence: int
    until: float

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    def ours(self) -> Any:
        return and_(
            RecipientListRow.id == self.row.id,
            RecipientListRow.fence == self.fence,
            RecipientListRow.phase == self.row.phase,
        )


class _SliceOver(Exception):
    """The rest is for another slice."""


class _NotOurs(Exception):
    """The list was discarded, another worker has it, or its campaign is halted."""


def on_list(list_id: str, shift: Shift | None = None) -> None:
    """A slice of trying or entering a list, whichever it waits for. What cannot be done becomes its problem, for people
    to see."""
    taken = _claim(list_id)
    if taken is None:
        return
    if taken.row.tries > _MOST_TRIES:
        _give_up(taken, GreenroomError("it ended its worker each time", next_step="send it in parts"))
        return
    try:
        with beating(shift.beat if shift is not None else lambda: None):
            if taken.row.phase == "checking":
                _try(taken)
            else:
                _enter(taken)
    except (_NotOurs, ShiftOver):
        _free(taken)
    except DatabaseBusy as busy:
        log.warning("a list waits, its lease ends by itself: %s %s", list_id, busy.code)
    except GreenroomError as error:
        if error.retryable:
            _free(taken)
            log.warning("a list will be tried again: %s %s", list_id, error.code)
            return
        _give_up(taken, error)
    except Exception:
        log.exception("a list raised: %s", list_id)
        _give_up(taken, GreenroomError("something went wrong here", next_step="send the list again"))


def _give_up(taken: _Taken, error: GreenroomError) -> None:
    _end(taken, "unusable" if taken.row.phase == "checking" else "checked", problem=error.as_dict())


def _claim(list_id: str) -> _Taken | None:
    with transaction() as session:
        clock = database_clock(session)
        row = session.scalars(
            update(RecipientListRow)
            .where(
                RecipientListRow.id == list_id,
                RecipientListRow.phase.in_(WORKING),
                or_(RecipientListRow.lease_until.is_(None), RecipientListRow.lease_until < clock),
                ~_HALTED,
            )
            .values(
                fence=RecipientListRow.fence + 1,
                tries=RecipientListRow.tries + 1,
                lease_until=clock + get_settings().pipeline.lease_seconds,
                hinted_at=None,
            )
            .returning(RecipientListRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        ).one_or_none()
    return _Taken(row, row.fence, time.monotonic() + SLICE_SECONDS) if row is not None else None


def _try(taken: _Taken) -> None:
    row = taken.row
    with reading() as session:
        campaign = owned(session, CampaignRow, row.campaign_id, row.brand_id)
        persona = owned(session, PersonaRow, campaign.persona_id, row.brand_id)
        brand = session.get_one(BrandRow, row.brand_id)
        authority = authority_standing(session, persona.authority_id).authority
    limit = authority.scope.max_renders
    allowed = None if limit == "unlimited" else max(0, (limit or 0) - authority.renders_counted)
    trial = Trial(campaign, persona, brand.name, row.key, allowed)
    over = False
    with _opened(row) as file, workspace() as folder:
        path = folder / "verdicts.csv"
        if (
            row.verdicts_sha256 is not None
        ):  # of the slices before: what was counted and what was written go together
            trial.go_on(row.trial)
            shutil.copyfile(verdicts_path(row), path)
        with path.open(
            "a", encoding="utf-8-sig" if row.verdicts_sha256 is None else "utf-8", newline=""
        ) as out:
            names = list(campaign.field_schema.get("properties", {}))
            verdicts = VerdictFile(out, names, begun=row.verdicts_sha256 is not None)
            rows = recipients(pieces(file), _form(row), campaign.field_schema)
            for chunk in chunks(islice(rows, trial.rows, None)):
                beat()
                verdicts.write(trial.take(chunk))
                _renew(taken, bytes_read=file.tell())
                if over := taken.over:
                    break
        stored = blobs().put_file(path, VERDICTS_ROLE)
    told = {"trial": trial.as_dict(), "verdicts_sha256": stored.sha256}
    if over:
        _next_slice(taken, **told)
    else:
        _end(taken, "checked", bytes_read=row.size, problem=None, **told)


def _enter(taken: _Taken) -> None:
    row = taken.row

    def told(report: BatchReport) -> None:
        _renew(taken, bytes_read=file.tell(), entered=_said(row, report))
        if taken.over and report.stopped is None:
            raise _SliceOver

    try:
        with _opened(row) as file:
            report = submit(
                row.campaign_id,
                pieces(file),
                _form(row),
                key=row.key,
                brand_id=row.brand_id,
                maker_id=row.maker_id,
                skip=row.entered.get("rows", 0),
                progress=told,
            )
    except _SliceOver:
        _next_slice(taken)
        return
    entered = _said(row, report)
    if report.stopped is not None:  # with a new version of the authority the same list goes on
        _end(taken, "checked", entered=entered, problem=report.stopped.as_dict())
        return
    _end(taken, "entered", entered=entered, bytes_read=row.size, file_sha256=None, problem=None)


def _said(row: RecipientListRow, report: BatchReport) -> dict[str, Any]:
    """The numbers of this slice and those before; which rows were refused, and why, the trial has told."""
    told = report.as_dict()
    return {
        name: row.entered.get(name, 0) + told[name]
        for name in ("rows", "made", "blocked", "known", "refused")
    }


def _form(row: RecipientListRow) -> Format:
    return "jsonl" if row.form == "jsonl" else "csv"


def _opened(row: RecipientListRow) -> IO[bytes]:
    return blobs().open(row.file_sha256 or "", FILE_ROLE)


def _renew(taken: _Taken, **values: Any) -> None:
    """The work goes on, so far. Raises _NotOurs: what is done until now stays, and nothing more of it."""
    with transaction() as session:
        lease = database_clock(session) + get_settings().pipeline.lease_seconds
        if not _set(session, taken, ~_HALTED, lease_until=lease, **values):
            raise _NotOurs


def _next_slice(taken: _Taken, **values: Any) -> None:
    """The list goes to the end of the queue, and whoever takes it from there goes on."""
    with transaction() as session:
        if _set(session, taken, lease_until=None, tries=0, **values):
            tell(session, taken.row)


def _free(taken: _Taken) -> None:
    with transaction() as session:
        _set(session, taken, lease_until=None)


def _end(taken: _Taken, phase: str, **values: Any) -> None:
    with transaction() as session:
        _set(session, taken, phase=phase, lease_until=None, changed_at=now(), **values)


def _set(session: Session, taken: _Taken, *conditions: Any, **values: Any) -> bool:
    """Whether the list was still ours."""
    done = session.execute(
        update(RecipientListRow)
        .where(taken.ours(), *conditions)
        .values(**values)
        .returning(RecipientListRow.id)
        .execution_options(synchronize_session=False)
    )
    return done.first() is not None


def sweep(send: outbox.Send, *, limit: int = 100) -> list[str]:
    """Send a message for each list that waits and of which none is on its way. Returns the lists' ids."""
    with reading() as session:
        clock = database_seconds(session)
        ids = list(
            session.scalars(
                select(RecipientListRow.id)
                .where(
                    RecipientListRow.phase.in_(WORKING),
                    or_(RecipientListRow.lease_until.is_(None), RecipientListRow.lease_until < clock),
                    or_(
                        RecipientListRow.hinted_at.is_(None),
                        RecipientListRow.hinted_at < clock - get_settings().pipeline.resend_seconds,
                    ),
                    ~_HALTED,
                )
                .limit(limit)
            )
        )
    if ids:
        with transaction() as session:
            session.execute(
                update(RecipientListRow)
                .where(RecipientListRow.id.in_(ids))
                .values(hinted_at=clock)
                .execution_options(synchronize_session=False)
            )
    for list_id in ids:
        send(TOPIC, {"list_id": list_id, "kind": "cpu"})
    return ids


def forget() -> int:
    """The files of lists that nothing was done with for a month are named no more, and swept (delivery/orphans.py)."""
    named = or_(RecipientListRow.file_sha256.is_not(None), RecipientListRow.verdicts_sha256.is_not(None))
    old = and_(RecipientListRow.changed_at < now() - KEPT, RecipientListRow.phase.not_in(WORKING), named)
    with reading() as session:
        ids = list(session.scalars(select(RecipientListRow.id).where(old).limit(_FORGOTTEN_AT_ONCE)))
    if ids:
        with transaction() as session:
            discard_lists(session, RecipientListRow.id.in_(ids))
            session.execute(
                update(RecipientListRow)
                .where(RecipientListRow.id.in_(ids), RecipientListRow.phase == "entered")
                .values(verdicts_sha256=None)
                .execution_options(synchronize_session=False)
            )
    return len(ids)
