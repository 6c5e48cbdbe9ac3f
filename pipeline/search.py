"""The record's search: people, consents, renders, decisions, releases and recalls of one brand, page by page.

Each kind is a list in the order of an index, narrowed by facets that the index begins with, so that a page reads its
own rows whatever there is. A number is true: what is not counted to its end says so (:class:`Number`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import ColumnElement, func, literal, literal_column, select, union_all
from sqlalchemy.orm import Session

from audit.tables import ApprovalRow, AuthorityRow
from core.errors import InputError
from core.models import AssetRole
from core.tables import AssetRow
from pipeline.counts import counts_of_brand, counts_of_campaigns
from pipeline.ownership import owned
from pipeline.paging import BY, By, Page, Part, page_of
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

Kind = Literal["people", "consents", "renders", "decisions", "releases", "recalls"]
KINDS: tuple[Kind, ...] = get_args(Kind)

COUNTED_AT_MOST = 1_000
NAMES_AT_MOST = 10_000  # people whose names are looked through: the newest of the days that are asked for
NAMED_AT_MOST = 50


@dataclass(frozen=True)
class Asked:
    """What a search asks for; what is empty narrows nothing.

    Attributes:
        facet: one value of the kind's facet (:data:`FACETS`): a state, a verdict, a kind of authority.
        campaign: of renders and recalls. ``reviewer``: of decisions. ``name``: of people, a part of it.
        since, until: the first and the last day, in UTC, of what the list is ordered by.
    """

    kind: Kind
    facet: str = ""
    campaign: str = ""
    reviewer: str = ""
    name: str = ""
    since: date | None = None
    until: date | None = None


class Number(NamedTuple):
    """How many there are; ``more``: at least so many, they were not counted on."""

    value: int
    more: bool = False


@dataclass(frozen=True)
class Found:
    """One page of what was asked for: rows of the kind's table, and how many there are of each value of its facet.

    ``unread``: so many names were looked through, there are older ones that were not.
    """

    page: Page[Any]
    total: Number
    facets: dict[str, Number] = field(default_factory=dict)
    unread: bool = False


class _List(NamedTuple):
    """How a kind is listed: its table and order, and its parts, by the values of its facet."""

    table: type[Any]
    by: By
    parts: dict[str, Part]


FACETS: dict[Kind, tuple[str, ...]] = {
    "consents": ("consent", "provenance"),
    "renders": tuple(state.value for state in State),
    "decisions": ("approve", "reject"),
}
"""The values by which a kind can be narrowed."""


def search(session: Session, asked: Asked, *, brand_id: str, cursor: str = "") -> Found:
    """A page, newest first, in the caller's snapshot.

    Raises:
        InputError: a facet that the kind does not have, or days the wrong way round.
        NotFound: no such campaign of this brand. BadCursor: the cursor is none of this list's.
    """
    _check(session, asked, brand_id)
    if asked.kind == "people" and asked.name:
        return _people_named(session, asked, brand_id)
    listed = _LISTS[asked.kind](asked, brand_id)
    chosen = {name: part for name, part in listed.parts.items() if asked.facet in ("", name)}
    page = page_of(session, listed.table, list(chosen.values()), order="newest", cursor=cursor, by=listed.by)
    numbers = _numbers(session, asked, listed, brand_id)
    total = Number(sum(numbers[name].value for name in chosen), any(numbers[name].more for name in chosen))
    return Found(page, total, numbers if asked.kind in FACETS else {})


def _check(session: Session, asked: Asked, brand_id: str) -> None:
    if asked.facet and asked.facet not in FACETS.get(asked.kind, ()):
        allowed = ", ".join(FACETS.get(asked.kind, ())) or "leave it out"
        raise InputError("there is no such choice", where="facet", next_step=f"choose one of: {allowed}")
    if asked.since and asked.until and asked.until < asked.since:
        raise InputError("the last day is before the first", where="until", next_step="swap the two days")
    if asked.campaign:
        owned(session, CampaignRow, asked.campaign, brand_id)


def _people_named(session: Session, asked: Asked, brand_id: str) -> Found:
    """Compared here and not in the database: it folds no letter but Latin ones."""
    wanted = asked.name.casefold()
    newest = (
        select(PersonaRow.id, PersonaRow.name)
        .where(PersonaRow.brand_id == brand_id, *_within(asked, PersonaRow.created_at))
        .order_by(PersonaRow.created_at.desc(), PersonaRow.id.desc())
        .limit(NAMES_AT_MOST + 1)
    )
    read = session.execute(newest).all()
    unread = len(read) > NAMES_AT_MOST
    ids = [row.id for row in read[:NAMES_AT_MOST] if wanted in row.name.casefold()]
    shown = ids[:NAMED_AT_MOST]
    found = {row.id: row for row in session.scalars(select(PersonaRow).where(PersonaRow.id.in_(shown)))}
    return Found(Page([found[each] for each in shown]), Number(len(ids), more=unread), unread=unread)


def _people(asked: Asked, brand_id: str) -> _List:
    mine = (PersonaRow.brand_id == brand_id, *_within(asked, PersonaRow.created_at))
    return _List(PersonaRow, BY, {"": Part(mine)})


def _consents(asked: Asked, brand_id: str) -> _List:
    mine = (AuthorityRow.brand_id == brand_id, *_within(asked, AuthorityRow.created_at))
    parts = {kind: Part((*mine, AuthorityRow.kind == kind)) for kind in FACETS["consents"]}
    return _List(AuthorityRow, BY, parts)


def _renders(asked: Asked, brand_id: str) -> _List:
    mine = (_scope(asked, brand_id), *_within(asked, RenderRow.created_at))
    parts = {state: Part((*mine, RenderRow.state == state)) for state in FACETS["renders"]}
    return _List(RenderRow, BY, parts)


def _decisions(asked: Asked, brand_id: str) -> _List:
    mine = [ApprovalRow.brand_id == brand_id, *_within(asked, ApprovalRow.created_at)]
    if asked.reviewer:
        mine.append(ApprovalRow.reviewer_id == asked.reviewer)
    parts = {verdict: Part((*mine, ApprovalRow.verdict == verdict)) for verdict in FACETS["decisions"]}
    return _List(ApprovalRow, BY, parts)


def _releases(asked: Asked, brand_id: str) -> _List:
    """A release makes one published file, and nothing else makes one."""
    mine = (
        AssetRow.brand_id == brand_id,
        AssetRow.role == AssetRole.PUBLISHED.value,
        *_within(asked, AssetRow.created_at),
    )
    return _List(AssetRow, By(key="sha256"), {"": Part(mine)})


def _recalls(asked: Asked, brand_id: str) -> _List:
    recalled: ColumnElement[bool] = literal_column(
        "renders.state = 'recalled'"
    )  # word for word what the partial indexes hold
    mine = (_scope(asked, brand_id), recalled, *_within(asked, RenderRow.changed_at))
    return _List(RenderRow, By(moment="changed_at"), {"": Part(mine)})


_LISTS: dict[Kind, Callable[[Asked, str], _List]] = {
    "people": _people,
    "consents": _consents,
    "renders": _renders,
    "decisions": _decisions,
    "releases": _releases,
    "recalls": _recalls,
}


def _scope(asked: Asked, brand_id: str) -> ColumnElement[bool]:
    """One of the two: each has its index, and with both a planner may take the longer one."""
    return RenderRow.campaign_id == asked.campaign if asked.campaign else RenderRow.brand_id == brand_id


def _within(asked: Asked, moment: Any) -> list[ColumnElement[bool]]:
    first, end = period(asked.since, asked.until)
    return [*([moment >= first] if first else []), *([moment < end] if end else [])]


def period(since: date | None, until: date | None) -> tuple[datetime | None, datetime | None]:
    """The moments from the first day's begin up to the last day's end, in UTC."""
    first = datetime.combine(since, time(), UTC) if since else None
    if until is None or until == date.max:
        return first, None
    return first, datetime.combine(until + timedelta(days=1), time(), UTC)


def _numbers(session: Session, asked: Asked, listed: _List, brand_id: str) -> dict[str, Number]:
    if asked.kind in ("renders", "recalls") and not (asked.since or asked.until):
        # The counters know without looking at the renders (pipeline/counts.py).
        counts = (
            counts_of_campaigns(session, [asked.campaign])[asked.campaign]
            if asked.campaign
            else counts_of_brand(session, brand_id)
        )
        if asked.kind == "recalls":
            return {"": Number(counts.get(State.RECALLED, 0))}
        return {state.value: Number(counts.get(state, 0)) for state in State}
    return _counted(session, listed)


def _counted(session: Session, listed: _List) -> dict[str, Number]:
    """Of each part, in one statement, no further than ``COUNTED_AT_MOST``."""
    counts = [
        select(
            literal(name).label("name"),
            select(func.count())
            .select_from(
                select(literal_column("1"))
                .select_from(listed.table)
                .where(*part.where)
                .limit(COUNTED_AT_MOST + 1)
                .subquery()
            )
            .scalar_subquery()
            .label("number"),
        )
        for name, part in listed.parts.items()
    ]
    return {
        name: Number(min(number, COUNTED_AT_MOST), number > COUNTED_AT_MOST)
        for name, number in session.execute(union_all(*counts))
    }


class Beside(NamedTuple):
    """What the rows of a page name, by id: for the words beside them."""

    renders: dict[str, RenderRow]
    campaigns: dict[str, CampaignRow]
    people: dict[str, PersonaRow]


def beside(session: Session, rows: Sequence[Any]) -> Beside:
    """Renders, campaigns and people that these rows of one page name."""
    renders = {row.id: row for row in rows if isinstance(row, RenderRow)}
    renders |= _by_id(session, RenderRow, [getattr(row, "render_id", None) for row in rows])
    campaigns = _by_id(session, CampaignRow, [render.campaign_id for render in renders.values()])
    people = [getattr(row, "persona_id", None) for row in [*rows, *campaigns.values()]]
    return Beside(renders, campaigns, _by_id(session, PersonaRow, people))


def _by_id(session: Session, table: type[Any], ids: Sequence[str | None]) -> dict[str, Any]:
    wanted = {each for each in ids if each}
    if not wanted:
        return {}
    return {row.id: row for row in session.scalars(select(table).where(table.id.in_(wanted)))}
