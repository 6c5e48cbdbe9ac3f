"""Lists of recipients from a browser: sent in, tried row by row, started by a person, entered by a worker.

What workers do with one is in pipeline/list_work.py. Phases: ``checking``, ``checked``, ``entering``, ``entered``;
``unusable`` where the file is none, ``discarded`` where a person does not want it, its campaign was cancelled, or it
waited for a month.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from audit.standing import authority_standing
from core.blobs import blobs
from core.database import now, reading, transaction
from core.errors import Conflict, InputError
from core.ids import new_id
from pipeline import outbox
from pipeline.course import check_goes, check_open
from pipeline.leases import database_clock
from pipeline.ownership import owned
from pipeline.recipients import Format, recipients
from pipeline.script_approval import check_asked
from pipeline.steering import discard_lists
from pipeline.tables import CampaignRow, PersonaRow, RecipientListRow
from pipeline.trial import MADE

TOPIC = "recipients.list"
FILE_ROLE, VERDICTS_ROLE = "recipients", "verdicts"
MOST_OPEN = 20  # lists of one campaign that are not entered or discarded
FIRST_SHOWN = 10
_PIECE = 100_000  # bytes that are read at once
WORKING = ("checking", "entering")
"""Phases in which a worker has something to do."""
_OPEN = (*WORKING, "checked", "unusable")


def receive(
    path: Path, campaign_id: str, *, brand_id: str, maker_id: str, name: str, form: Format = "csv"
) -> RecipientListRow:
    """A list comes in; its trial begins once a worker has the message. One that waits already comes back as it is.

    Args:
        name: what its sender calls the file, for people.

    Raises:
        InputError: it is no list of the campaign's fields, or is empty.
        CampaignHalted: the campaign was cancelled. Conflict: it has too many lists open. NotFound.
    """
    with reading() as session:
        campaign = owned(session, CampaignRow, campaign_id, brand_id)
    with path.open("rb") as file:
        if next(recipients(pieces(file), form, campaign.field_schema), None) is None:
            raise InputError(
                "the file has no rows", where="file", next_step="send one with a row for each recipient"
            )
    stored = blobs().put_file(path, FILE_ROLE)
    row = RecipientListRow(
        id=new_id("lst"),
        brand_id=brand_id,
        campaign_id=campaign_id,
        maker_id=maker_id,
        name=name[:120],
        key=f"{campaign_id}-{stored.sha256[:24]}",
        form=form,
        phase="checking",
        file_sha256=stored.sha256,
        size=stored.size,
    )
    with transaction() as session:
        check_open(session, campaign_id)
        mine = select(RecipientListRow).where(
            RecipientListRow.campaign_id == campaign_id, RecipientListRow.phase.in_(_OPEN)
        )
        waiting = session.scalars(mine.order_by(RecipientListRow.created_at).limit(MOST_OPEN)).all()
        if (same := next((one for one in waiting if one.key == row.key), None)) is not None:
            return same
        if len(waiting) >= MOST_OPEN:
            raise Conflict(
                f"this campaign has {MOST_OPEN} lists that wait",
                where=campaign_id,
                next_step="start or discard one of them",
                code="too_many_lists",
            )
        session.add(row)
        tell(session, row)
    return row


def start(list_id: str, *, brand_id: str, actor: str) -> RecipientListRow:
    """Enter a list that was tried: each of its rows becomes a render. Who starts it is their maker.

    Raises CampaignHalted; Conflict where it is not one that was tried, or the script waits for the person who appears;
    InputError where no video would be made.
    """
    with transaction() as session:
        row = owned(session, RecipientListRow, list_id, brand_id)
        check_open(session, row.campaign_id)
        check_goes(session, row.campaign_id, asked=True)
        campaign = session.get_one(CampaignRow, row.campaign_id)
        persona = session.get_one(PersonaRow, campaign.persona_id)
        check_asked(session, campaign, authority_standing(session, persona.authority_id), made=True)
        if row.phase != "checked":
            raise Conflict(
                f"this list is {row.phase}, so it cannot be started",
                where=list_id,
                next_step="reload the page",
                code="not_checked",
            )
        if not (wanted := videos_of(row)):
            raise InputError(
                "no video would be made of this list",
                where=list_id,
                next_step="correct it, and send it again",
            )
        row.phase, row.maker_id, row.problem, row.changed_at = "entering", actor, None, now()
        row.bytes_read, row.entered = 0, {}  # from its first row: what was entered before is known then
        facts = {"actor": actor, "list_id": row.id, "renders": wanted}
        append(session, Event.CAMPAIGN_STARTED, row.campaign_id, facts)
        tell(session, row)
    return row


def discard(list_id: str, *, brand_id: str) -> None:
    """Nobody wants it: its files are forgotten. What was entered of it stays. Raises NotFound, Conflict."""
    with transaction() as session:
        row = owned(session, RecipientListRow, list_id, brand_id)
        if not discard_lists(session, RecipientListRow.id == row.id):
            raise Conflict(f"this list is {row.phase}", where=list_id, next_step="reload the page")


def get_list(list_id: str, *, brand_id: str) -> RecipientListRow:
    """One list of this brand. Raises NotFound for another brand's."""
    with reading() as session:
        return owned(session, RecipientListRow, list_id, brand_id)


def lists_of(campaign_id: str, *, limit: int = MOST_OPEN) -> list[RecipientListRow]:
    """The newest lists of a campaign."""
    newest = (
        select(RecipientListRow)
        .where(RecipientListRow.campaign_id == campaign_id)
        .order_by(RecipientListRow.created_at.desc(), RecipientListRow.id.desc())
    )
    with reading() as session:
        return list(session.scalars(newest.limit(limit)))


def videos_of(row: RecipientListRow) -> int:
    """How many videos would be made of a list that was tried."""
    counts = row.trial.get("counts", {})
    return sum(int(counts.get(kind, 0)) for kind in MADE)


def first_verdicts(row: RecipientListRow) -> list[dict[str, str]]:
    """What is said of the first rows, as the file of verdicts has it; none once that is forgotten."""
    if row.verdicts_sha256 is None:
        return []
    with verdicts_path(row).open(encoding="utf-8-sig", newline="") as file:
        return list(islice(csv.DictReader(file), FIRST_SHOWN))


def verdicts_path(row: RecipientListRow) -> Path:
    """The file of verdicts. Raises NotFound."""
    return blobs().get_file(row.verdicts_sha256 or "", VERDICTS_ROLE)


def tell(session: Session, row: RecipientListRow) -> None:
    """A message goes out: a worker has something to do for this list."""
    session.flush()
    session.execute(
        update(RecipientListRow)
        .where(RecipientListRow.id == row.id)
        .values(hinted_at=database_clock(session))
        .execution_options(synchronize_session=False)
    )
    outbox.post(session, TOPIC, list_id=row.id, kind="cpu")


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """A file a line at a time, and an endless line in pieces."""
    return iter(lambda: file.readline(_PIECE), b"")
