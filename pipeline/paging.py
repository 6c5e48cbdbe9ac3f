"""Pages of a list by their place in its order, never by a number of rows to skip (keyset paging).

A page begins after the last row that was seen, wherever that row is now: whoever follows ``next`` sees each row that
stays in the list once, however many come and go meanwhile. What came in before the place that was reached is found on
the way back.

A list is ordered by (rank, created_at, id), or by another moment and key of its table. It is given as parts, each of
which an index holds in that order: a part for each state, say. From each part no more is read than fits on a page.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Select, literal, select, tuple_, union_all
from sqlalchemy.orm import Session

from pipeline.errors import BadCursor

Row = TypeVar("Row")

PAGE_ROWS = 50
MOST_ROWS = 200
AT_ONCE = 60  # parts of one statement: SQLite takes 500 at most
ORDERS = {"oldest": False, "newest": True, "gravest": False}
"""Each order's name, and whether the latest comes first."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_WORD = re.compile(r"[A-Za-z0-9_-]{1,200}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}|[0-9a-f]{64}")


class By(NamedTuple):
    """The columns that a list is ordered by."""

    moment: str = "created_at"
    key: str = "id"


BY = By()


@dataclass(frozen=True)
class Place:
    """Where a row stands in the order of its list. ``rank`` is 0 where the order has no ranks; ``created_at`` is the
    moment that the list is ordered by, whichever it is."""

    rank: int
    created_at: datetime
    id: str


@dataclass(frozen=True)
class Cursor:
    """From where, and which way, a page is read.

    Attributes:
        back: the rows before the place, instead of those after it.
        place: not itself on the page; None is the end that the page starts from.
    """

    order: str
    back: bool = False
    place: Place | None = None

    def text(self) -> str:
        """The cursor for an address: letters, digits, ``-`` and ``_``. Opaque to who gets it; it holds no secret."""
        here = self.place
        parts = [here.rank, (here.created_at - _EPOCH) // timedelta(microseconds=1), here.id] if here else []
        data = json.dumps([self.order, int(self.back), *parts], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True)
class Part:
    """A run of the list in the order of an index. ``rank``: parts of a lower one come first."""

    where: tuple[ColumnElement[bool], ...]
    rank: int = 0


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list, and the cursors of the pages beside it; None where there is nothing more."""

    rows: list[Row]
    next: str | None = None
    previous: str | None = None


def read_cursor(text: str, order: str) -> Cursor:
    """A cursor that somebody sends; without one, the start of the list.

    Raises:
        BadCursor: we never gave such a cursor, or it was given for another order.
    """
    if not text:
        return Cursor(order)
    try:
        if not _WORD.fullmatch(text):
            raise ValueError(text)
        named, back, *place = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if named != order or back not in (0, 1):
            raise ValueError(text)
        return Cursor(order, bool(back), _place(*place) if place else None)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadCursor(
            "this is no page of this list",
            where="cursor",
            next_step="start again from the first page, without a cursor",
        ) from error


def _place(rank: object, moment: object, row_id: object) -> Place:
    if type(rank) is not int or type(moment) is not int or not isinstance(row_id, str):
        raise TypeError("a place")
    if not (0 <= rank < 100 and 0 <= moment < _LATEST and _ID.fullmatch(row_id)):
        raise ValueError("a place")
    return Place(rank, _EPOCH + timedelta(microseconds=moment), row_id)


def page_of(
    session: Session,
    table: type[Row],
    parts: Sequence[Part],
    *,
    order: str,
    cursor: str = "",
    limit: int = PAGE_ROWS,
    by: By = BY,
    keys: type[Any] | None = None,
) -> Page[Row]:
    """One page of the rows of a table that belong to one of the parts (which must not overlap).

    Args:
        limit: rows of a page, at most ``MOST_ROWS``.
        by: the columns that the list is ordered by: a moment, and the key of the table.
        keys: the table that the parts are of, with the ids and moments of rows; None: the table itself.

    Raises:
        BadCursor: see :func:`read_cursor`.
    """
    here = read_cursor(cursor, order)
    limit = max(1, min(limit, MOST_ROWS))
    listed = _Listed(keys or table, parts, by)
    places = _walk(session, listed, here, limit + 1)
    more = len(places) > limit
    places = places[:limit]
    if not places:
        # Nothing (more) this way: back from the end, or on from the start.
        other = _cursor_if_any(session, listed, Cursor(order, back=not here.back))
        return Page([], next=other if here.back else None, previous=None if here.back else other)
    onward = Cursor(order, here.back, places[-1]).text() if more else None
    behind = _cursor_if_any(session, listed, Cursor(order, not here.back, places[0])) if here.place else None
    if here.back:
        places.reverse()
    ids = [place.id for place in places]
    rows_of: Any = table
    wanted = select(rows_of).where(getattr(rows_of, by.key).in_(ids))
    found = {getattr(row, by.key): row for row in session.scalars(wanted)}
    rows = [found[row_id] for row_id in ids if row_id in found]
    return Page(rows, *((behind, onward) if here.back else (onward, behind)))


def next_after(
    session: Session,
    table: type[Any],
    parts: Sequence[Part],
    *,
    order: str,
    place: Place | None = None,
    by: By = BY,
) -> str | None:
    """The key of the first row of the parts after a place, or of all of them; None where there is none.

    Args:
        table: the table that the parts are of.
    """
    found = _walk(session, _Listed(table, parts, by), Cursor(order, place=place), 1)
    return found[0].id if found else None


class _Listed(NamedTuple):
    """What is paged through."""

    table: type[Any]
    parts: Sequence[Part]
    by: By


def _cursor_if_any(session: Session, listed: _Listed, cursor: Cursor) -> str | None:
    return cursor.text() if _walk(session, listed, cursor, 1) else None


def _walk(session: Session, listed: _Listed, cursor: Cursor, limit: int) -> list[Place]:
    """The places next to the cursor, nearest first."""
    down = ORDERS[cursor.order] != cursor.back
    parts = listed.parts
    found = [
        place
        for first in range(0, len(parts), AT_ONCE)
        for place in _walk_some(session, listed._replace(parts=parts[first : first + AT_ONCE]), cursor, limit)
    ]
    found.sort(key=lambda place: (place.created_at, place.id), reverse=down)
    return sorted(found, key=lambda place: place.rank, reverse=cursor.back)[:limit]


def _walk_some(session: Session, listed: _Listed, cursor: Cursor, limit: int) -> list[Place]:
    down = ORDERS[cursor.order] != cursor.back
    queries = [
        query
        for part in listed.parts
        if (query := _nearest(listed, part, cursor, down=down, limit=limit)) is not None
    ]
    if not queries:
        return []
    # Each part gives its nearest few, in the order of its index; of these few the nearest are taken.
    few = union_all(*(select(query.subquery()) for query in queries)).subquery()
    ranks = few.c.rank.desc() if cursor.back else few.c.rank
    moment, row_id = few.c.moment, few.c.key
    nearest = (
        select(few.c.rank, moment, row_id)
        .order_by(ranks, *((moment.desc(), row_id.desc()) if down else (moment, row_id)))
        .limit(limit)
    )
    return [Place(*row) for row in session.execute(nearest)]


def _nearest(listed: _Listed, part: Part, cursor: Cursor, *, down: bool, limit: int) -> Select[Any] | None:
    here = cursor.place
    if here is not None and (part.rank > here.rank if cursor.back else part.rank < here.rank):
        return None  # this part lies behind
    moment, key = (getattr(listed.table, name) for name in listed.by)
    query = select(literal(part.rank).label("rank"), moment.label("moment"), key.label("key")).where(
        *part.where
    )
    if here is not None and part.rank == here.rank:
        there = tuple_(literal(here.created_at, moment.type), literal(here.id))
        query = query.where(tuple_(moment, key) < there if down else tuple_(moment, key) > there)
    if down:
        return query.order_by(moment.desc(), key.desc()).limit(limit)
    return query.order_by(moment, key).limit(limit)
