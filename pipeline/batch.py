"""Intake of a whole campaign: a stream of recipients becomes renders, some hundreds a transaction (trust steps 1-3).

One batch has one key, and row n asks under ``key:n``: a batch that was cut off is sent again from its beginning, and
what was made is not made twice. Memory holds one chunk. A row that may not be asked for is reported by its number and
leaves nothing behind; the others go on. The authority's allowance is taken row by row in the file's order, and the
batch ends where it does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError as DuplicateRow
from sqlalchemy.orm import Session

from audit.allowance import count_renders, used_up
from audit.standing import authority_standing
from core.database import reading, transaction
from core.errors import GreenroomError, InputError
from core.heartbeat import beat
from core.ids import new_id
from core.tables import BrandRow
from generate.fields import check_fields
from pipeline.agreement import check_rows
from pipeline.course import check_open
from pipeline.errors import RequestKeyReused
from pipeline.jobs import Outcome
from pipeline.life import enter
from pipeline.ownership import owned
from pipeline.recipients import Format, Recipient, recipients
from pipeline.script_approval import check_asked
from pipeline.stages.script import answer
from pipeline.states import State
from pipeline.suppression import suppressed, suppressed_error
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from pipeline.uses import valid_authority

CHUNK = 250  # rows a transaction: nobody else writes meanwhile
ERRORS_KEPT = 100
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass
class BatchReport:
    """What came of a batch, so far.

    Attributes:
        rows: read; each is one of the next four.
        made: renders that wait for their video now.
        blocked: renders that ended at once, by a rule or the authority.
        known: rows that an earlier try of this batch had entered.
        refused: rows of which nothing was stored.
        errors: of the first refused rows, (number, error).
        stopped: why the batch ended before its last row, which then was not looked at.
    """

    rows: int = 0
    made: int = 0
    blocked: int = 0
    known: int = 0
    refused: int = 0
    errors: list[tuple[int, GreenroomError]] = field(default_factory=list)
    stopped: GreenroomError | None = None

    def refuse(self, number: int, error: GreenroomError) -> None:
        self.refused += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append((number, error))

    def as_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "made": self.made,
            "blocked": self.blocked,
            "known": self.known,
            "refused": self.refused,
            "errors": [{"row": number, **error.as_dict()} for number, error in self.errors],
            "stopped": None if self.stopped is None else self.stopped.as_dict(),
        }


def submit(
    campaign_id: str,
    lines: Iterable[bytes],
    form: Format,
    *,
    key: str,
    brand_id: str,
    maker_id: str,
    first: int = 1,
    skip: int = 0,
    progress: Callable[[BatchReport], None] = lambda _report: None,
) -> BatchReport:
    """Ask for one video for each recipient of a stream.

    Args:
        lines: the file, in pieces of any length; see :mod:`pipeline.recipients`.
        key: the batch's own. The same batch again enters what is missing.
        first: the number of the stream's first row in its batch, where a batch comes in parts.
        skip: of the stream's first rows so many are passed over: an earlier call has entered them.
        progress: told after each chunk, which is then stored.

    Raises:
        InputError: the key or the stream as a whole cannot be used; chunks before it are stored.
        AuthorityInvalid: the persona's authority is not in force; nothing was stored.
        CampaignHalted: the campaign was cancelled; chunks before that are stored.
        Conflict: the person who appears has not approved the script, where the authority asks them.
        LedgerInconsistent: somebody changed the campaign or the persona in the database.
        NotFound: no such campaign of this brand.
    """
    if not _KEY.fullmatch(key) or first < 1:
        raise InputError(
            "a batch's key is 1 to 80 letters, digits, dots, dashes and underscores; its rows count from 1",
            where="key",
            next_step="take a name for this batch that you use once, such as a date",
            code="batch_key",
        )
    with reading() as session:
        campaign = owned(session, CampaignRow, campaign_id, brand_id)
        persona = owned(session, PersonaRow, campaign.persona_id, brand_id)
        brand = session.get_one(BrandRow, brand_id)
        standing = valid_authority(session, persona.authority_id, where=campaign.id)
        check_asked(session, campaign, standing, made=True)
        check_rows(session, campaign, persona, where=campaign.id)
        check_open(session, campaign.id)
    batch = _Batch(campaign, persona, brand.name, key, maker_id, first - 1)
    for chunk in chunks(islice(recipients(lines, form, campaign.field_schema), skip, None)):
        beat()
        batch.take(chunk)
        progress(batch.report)
        if batch.report.stopped is not None:
            break
    return batch.report


def row_of(one: Recipient, campaign: CampaignRow, *, key: str, maker_id: str) -> RenderRow:
    """The render that a recipient asks for, not stored. Raises what is wrong with the row or its fields."""
    if one.error is not None:
        raise one.error
    check_fields(campaign.field_schema, one.fields)
    return RenderRow(
        id=new_id("rnd"),
        brand_id=campaign.brand_id,
        campaign_id=campaign.id,
        maker_id=maker_id,
        request_key=key,
        origin="made",
        fields=dict(one.fields),
    )


def known_keys(session: Session, brand_id: str, rows: Iterable[RenderRow]) -> set[str | None]:
    """Under which keys of these rows an earlier try has entered a render."""
    keys = [row.request_key for row in rows]
    asked = select(RenderRow.request_key).where(
        RenderRow.brand_id == brand_id, RenderRow.request_key.in_(keys)
    )
    return set(session.scalars(asked))


def chunks(rows: Iterator[Recipient]) -> Iterator[list[Recipient]]:
    """Rows in the portions that one transaction takes."""
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


@dataclass
class _Batch:
    campaign: CampaignRow
    persona: PersonaRow
    brand: str
    key: str
    maker_id: str
    before: int  # rows of the batch that came in earlier parts
    report: BatchReport = field(default_factory=BatchReport)

    def take(self, chunk: Sequence[Recipient]) -> None:
        """One chunk: what is known is left out, the rest is answered, then stored in one transaction."""
        self.report.rows += len(chunk)
        new = self._unknown([row for row in (self._row(one) for one in chunk) if row is not None])
        try:
            self._store(self._answered(new))
        except DuplicateRow:  # the same batch comes in twice at this moment: the other one has stored them
            self._store(self._answered(self._unknown(new)))

    def _row(self, one: Recipient) -> RenderRow | None:
        number = self.before + one.number
        try:
            return row_of(one, self.campaign, key=f"{self.key}:{number}", maker_id=self.maker_id)
        except GreenroomError as error:
            self.report.refuse(number, error)
            return None

    def _unknown(self, rows: list[RenderRow]) -> list[RenderRow]:
        """Those that no earlier try has entered. The same row number with other fields is another request."""
        asked = select(RenderRow.request_key, RenderRow.id, RenderRow.campaign_id, RenderRow.fields).where(
            RenderRow.brand_id == self.campaign.brand_id,
            RenderRow.request_key.in_([row.request_key for row in rows]),
        )
        with reading() as session:
            known = {
                key: (render_id, (campaign, fields))
                for key, render_id, campaign, fields in session.execute(asked)
            }
        new = []
        for row in rows:
            if row.request_key not in known:
                new.append(row)
                continue
            render_id, first = known[row.request_key]
            if first == (row.campaign_id, row.fields):
                self.report.known += 1
                continue
            error = RequestKeyReused(
                "this row of the batch asked for something else before",
                where=render_id,
                next_step="send the file as it was, or take a new key for the batch",
            )
            self.report.refuse(_number(row), error)
        return new

    def _answered(self, rows: list[RenderRow]) -> list[tuple[RenderRow, Outcome]]:
        """Trust steps 1-3 for each, under the authority as it stands in one snapshot."""
        answered = []
        with reading() as session:
            authority = authority_standing(session, self.persona.authority_id).authority
            barred = suppressed(session, self.campaign, [row.fields for row in rows])
            for row, is_barred in zip(rows, barred, strict=True):
                try:
                    if is_barred:
                        raise suppressed_error(f"row {_number(row)}")
                    answered.append((row, answer(session, row, self.campaign, authority, self.brand)))
                except (
                    GreenroomError
                ) as error:  # such as a script that grows too long, or a suppressed recipient
                    self.report.refuse(_number(row), error)
        return answered

    def _store(self, answered: list[tuple[RenderRow, Outcome]]) -> None:
        """The authority again, its allowance, the rows, their entries and their messages: all of it, or none."""
        stopped, refused = None, 0
        with transaction() as session:
            standing = valid_authority(session, self.persona.authority_id, where=self.campaign.id)
            check_asked(session, self.campaign, standing, made=True)
            check_rows(session, self.campaign, self.persona, where=self.campaign.id)
            check_open(session, self.campaign.id)
            wanted = [row.id for row, outcome in answered if outcome.state is State.SCRIPTED]
            allowed = count_renders(session, standing.authority.id, wanted)
            if len(allowed) < len(wanted):
                stopped = used_up(session, standing.authority.id)
                over = set(wanted[len(allowed) :])
                kept = [(row, outcome) for row, outcome in answered if row.id not in over]
                refused, answered = len(answered) - len(kept), kept
            enter(session, answered)
        made = sum(outcome.state is State.SCRIPTED for _, outcome in answered)
        self.report.made += made
        self.report.blocked += len(answered) - made
        self.report.refused += refused
        self.report.stopped = stopped


def _number(row: RenderRow) -> int:
    return int((row.request_key or "").rpartition(":")[2])
