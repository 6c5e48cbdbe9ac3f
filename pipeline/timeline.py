"""What the ledger says of a person, a campaign or a video, in its order; and who may read which entry.

An entry belongs to the brand of what it is about. Another brand's does not exist here, nor does one about the
installation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select, union_all
from sqlalchemy.orm import Session

from audit.events import Event
from audit.tables import ApprovalRow, AuthorityRow, LedgerEntryRow
from core.errors import NotFound
from core.tables import AssetRow
from pipeline.counts import Counts, counts_by_key
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

MOST_ENTRIES = 2_000
MOST_LOOKS = 200

_LOOKS = (Event.RECORD_VIEWED, Event.RECORD_EXPORTED)
# Thousands of one authority; the count is shown instead.
_LEFT_OUT = sorted([*_LOOKS, Event.AUTHORITY_RENDER_COUNTED])
_BETWEEN = [*zip(["", *_LEFT_OUT], [*_LEFT_OUT, "\x7f"], strict=True)]
"""The runs of events, in their alphabet, that lie between those that are left out."""

_SUBJECTS_AT_ONCE = 50  # of one statement, each in every run: SQLite takes 500 parts

_OWNERS: dict[str, type[Any]] = {
    "rnd": RenderRow,
    "cmp": CampaignRow,
    "per": PersonaRow,
    "aut": AuthorityRow,
}
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Timeline:
    """Entries, oldest first. ``more``: there are others; ``MOST_ENTRIES`` are here."""

    entries: Sequence[LedgerEntryRow]
    more: bool = False


def entries_about(session: Session, subjects: Sequence[str]) -> Timeline:
    """What happened to these; who looked at them is asked with :func:`looks_at`."""
    found: list[LedgerEntryRow] = []
    for first in range(0, len(subjects), _SUBJECTS_AT_ONCE):
        found += _entries_of(session, subjects[first : first + _SUBJECTS_AT_ONCE])
    return Timeline(sorted(found, key=lambda entry: entry.id)[:MOST_ENTRIES], more=len(found) > MOST_ENTRIES)


def _entries_of(session: Session, subjects: Sequence[str]) -> Sequence[LedgerEntryRow]:
    """Each run in the order of the index, so that this is what a planner reads, and not around those left out."""
    runs = [
        select(LedgerEntryRow.id)
        .where(LedgerEntryRow.subject == subject, LedgerEntryRow.event > after, LedgerEntryRow.event < before)
        .order_by(LedgerEntryRow.event, LedgerEntryRow.id)
        .limit(MOST_ENTRIES + 1)
        for subject in subjects
        for after, before in _BETWEEN
    ]
    ids = session.scalars(union_all(*(select(run.subquery()) for run in runs)).limit(MOST_ENTRIES + 1)).all()
    return session.scalars(select(LedgerEntryRow).where(LedgerEntryRow.id.in_(ids))).all()


def looks_at(session: Session, subject: str) -> list[LedgerEntryRow]:
    """Who looked at it or exported it last, the newest first."""
    found: list[LedgerEntryRow] = []
    for event in _LOOKS:
        # From this event to this event, in the order of the index: told "this event, newest first" a planner may walk
        # the whole ledger backwards.
        newest = (
            select(LedgerEntryRow)
            .where(
                LedgerEntryRow.subject == subject,
                LedgerEntryRow.event >= event.value,
                LedgerEntryRow.event <= event.value,
            )
            .order_by(LedgerEntryRow.event.desc(), LedgerEntryRow.id.desc())
            .limit(MOST_LOOKS)
        )
        found += session.scalars(newest)
    return sorted(found, key=lambda entry: -entry.id)[:MOST_LOOKS]


def subjects_of_person(session: Session, persona: PersonaRow) -> list[str]:
    """A person's own id, and those of every version of every authority over them."""
    record = select(AuthorityRow.record_id).where(AuthorityRow.id == persona.authority_id).scalar_subquery()
    versions = select(AuthorityRow.id).where(
        or_(AuthorityRow.persona_id == persona.id, AuthorityRow.record_id == record),
        AuthorityRow.brand_id == persona.brand_id,
    )
    return [persona.id, *session.scalars(versions)]


def videos_of_person(session: Session, persona: PersonaRow) -> Counts:
    """How many videos of a person are in each state."""
    campaigns = select(CampaignRow.persona_id.label("key"), CampaignRow.id.label("campaign_id")).where(
        CampaignRow.persona_id == persona.id
    )
    return counts_by_key(session, campaigns).get(persona.id, {})


def entry_of(session: Session, entry_id: str, *, brand_id: str) -> LedgerEntryRow:
    """One entry about something of this brand. Raises NotFound for any other, as if there were none."""
    row = session.scalar(select(LedgerEntryRow).where(LedgerEntryRow.entry_id == entry_id))
    if row is None or not _belongs(session, row, brand_id):
        raise NotFound("there is no such ledger entry", where=entry_id, next_step="check the id")
    return row


def _belongs(session: Session, entry: LedgerEntryRow, brand_id: str) -> bool:
    if entry.subject == brand_id:
        return True
    table = _OWNERS.get(entry.subject.partition("_")[0])
    if table is None:
        return bool(entry.facts.get("brand_id") == brand_id)
    row = session.get(table, entry.subject)
    return row is not None and row.brand_id == brand_id


@dataclass(frozen=True)
class Place:
    """Where something is looked at. ``kind``: ``render``, ``campaign``, ``person``, ``authority`` or ``entry``."""

    kind: str
    id: str


def locate(session: Session, words: str, *, brand_id: str) -> Place | None:
    """What an id, a digest or the key that a video was asked for with names, in this brand; None for nothing."""
    words = words.strip()
    if found := _by_id(session, words, brand_id):
        return found
    if _DIGEST.fullmatch(words):
        file = session.get(AssetRow, words)
        if file is not None and file.brand_id == brand_id:
            return Place("render", file.render_id)
        same = select(RenderRow.id).where(RenderRow.essence == words, RenderRow.brand_id == brand_id)
        render_id = session.scalar(same.limit(1))
        return Place("render", render_id) if render_id else None
    asked = select(RenderRow.id).where(RenderRow.brand_id == brand_id, RenderRow.request_key == words)
    render_id = session.scalar(asked) if 0 < len(words) <= 100 else None
    return Place("render", render_id) if render_id else None


def _by_id(session: Session, words: str, brand_id: str) -> Place | None:
    kinds = {"rnd": "render", "cmp": "campaign", "per": "person", "aut": "authority"}
    prefix = words.partition("_")[0]
    if prefix == "led":
        try:
            return Place("entry", entry_of(session, words, brand_id=brand_id).entry_id)
        except NotFound:
            return None
    if prefix == "apr":
        decision = session.get(ApprovalRow, words)
        mine = decision is not None and decision.brand_id == brand_id
        return Place("render", decision.render_id) if decision is not None and mine else None
    table = _OWNERS.get(prefix)
    row = session.get(table, words) if table is not None else None
    return Place(kinds[prefix], words) if row is not None and row.brand_id == brand_id else None


def files_of(session: Session, render_id: str) -> list[AssetRow]:
    """The files that were made of a video, oldest first."""
    rows = session.scalars(select(AssetRow).where(AssetRow.render_id == render_id))
    return sorted(rows, key=lambda row: (row.created_at, row.sha256))
