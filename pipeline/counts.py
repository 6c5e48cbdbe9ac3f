"""How many renders are in each state, of a brand and of its campaigns: exact, and read without looking at the renders.

A number is what was folded (``render_counts``) plus the changes since (``render_count_changes``, written by the
triggers of pipeline/counting.py). Both are read in one statement, so that a fold in between is never counted twice.
The relay folds with each sweep; while it stands still numbers stay true and take longer to read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from sqlalchemy import Select, delete, func, insert, literal, select, union_all
from sqlalchemy.orm import Session

from core.database import transaction
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow
from pipeline.tables import RenderCountChangeRow as Change
from pipeline.tables import RenderCountRow as Count

Counts = dict[State, int]

WHOLE_BRAND = ""
"""The campaign's place in the row that counts a whole brand."""

FOLDED_AT_ONCE = 5_000


def counts_of_brand(session: Session, brand_id: str) -> Counts:
    """Renders of a brand by state; states without any are absent."""
    folded = select(Count.state, Count.number).where(
        Count.brand_id == brand_id, Count.campaign_id == WHOLE_BRAND
    )
    since = select(Change.state, Change.change).where(Change.brand_id == brand_id)
    both = union_all(folded, since).subquery()
    rows = session.execute(select(both.c.state, func.sum(both.c.number)).group_by(both.c.state))
    return {State(state): int(number) for state, number in rows if number}


def counts_of_campaigns(session: Session, campaign_ids: Collection[str]) -> dict[str, Counts]:
    """Renders by campaign and state, for each campaign that was named."""
    wanted = select(CampaignRow.id.label("key"), CampaignRow.id.label("campaign_id")).where(
        CampaignRow.id.in_(campaign_ids)
    )
    counts = counts_by_key(session, wanted)
    return {campaign_id: counts.get(campaign_id, {}) for campaign_id in campaign_ids}


def counts_by_key(session: Session, campaigns: Select[str, str]) -> dict[str, Counts]:
    """Renders by a key and by state. ``campaigns``: rows (key, campaign_id), such as a persona and each of its."""
    of = campaigns.subquery()
    # Each half is a plain join, for which both databases use the index: a join with the whole union reads it all.
    both = union_all(
        select(of.c.key, Count.state, Count.number).join(Count, Count.campaign_id == of.c.campaign_id),
        select(of.c.key, Change.state, Change.change).join(Change, Change.campaign_id == of.c.campaign_id),
    ).subquery()
    rows = session.execute(
        select(both.c.key, both.c.state, func.sum(both.c.number)).group_by(both.c.key, both.c.state)
    )
    counts: dict[str, Counts] = {}
    for key, state, number in rows:
        if number:
            counts.setdefault(key, {})[State(state)] = int(number)
    return counts


def fold() -> int:
    """Add the changes up into the counts, in short transactions, until none is left. Returns how many were folded.

    Two at once share the work.
    """
    folded = 0
    while step := _fold_some():
        folded += step
    return folded


def _fold_some() -> int:
    with transaction() as session:
        oldest = select(Change.id).order_by(Change.id).limit(FOLDED_AT_ONCE).with_for_update(skip_locked=True)
        taken = session.execute(
            delete(Change)
            .where(Change.id.in_(oldest.scalar_subquery()))
            .returning(Change.brand_id, Change.campaign_id, Change.state, Change.change)
        ).all()
        sums: Counter[tuple[str, str, str]] = Counter()
        for brand_id, campaign_id, state, change in taken:
            sums[brand_id, campaign_id, state] += change
            sums[brand_id, WHOLE_BRAND, state] += change
        for key in sorted(sums):  # always in this order: two that fold at once never wait in a circle
            if sums[key]:
                _add(session, key, sums[key])
    return len(taken)


def _add(session: Session, key: tuple[str, str, str], change: int) -> None:
    row = dict(zip(("brand_id", "campaign_id", "state"), key, strict=True))
    if session.get_bind().dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as upsert
    else:
        from sqlalchemy.dialects.postgresql import insert as upsert  # type: ignore[assignment]
    session.execute(
        upsert(Count)
        .values(**row, number=change)
        .on_conflict_do_update(index_elements=list(row), set_={"number": Count.number + change})
    )


def recount(session: Session) -> None:
    """Count every render anew, in the caller's transaction. Reads the whole table: for migrations and repairs.

    Nobody else may write renders meanwhile.
    """
    session.execute(delete(Change))
    session.execute(delete(Count))
    columns = ["brand_id", "campaign_id", "state", "number"]
    by_campaign = select(RenderRow.brand_id, RenderRow.campaign_id, RenderRow.state, func.count()).group_by(
        RenderRow.brand_id, RenderRow.campaign_id, RenderRow.state
    )
    session.execute(insert(Count).from_select(columns, by_campaign))
    whole = select(Count.brand_id, literal(WHOLE_BRAND), Count.state, func.sum(Count.number)).group_by(
        Count.brand_id, Count.state
    )
    session.execute(insert(Count).from_select(columns, whole))
