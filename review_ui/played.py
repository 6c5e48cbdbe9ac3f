"""What the evidence player says was played, as far as it can be: no faster than twice the clock on our wall.

A report is the word of a browser. It is held to what a browser could know: the same account, the same sealed bytes,
seconds inside the video, and over all that an account plays no more new seconds than twice the time that passed here.
What is above is not counted. Nothing here proves that a person looked; approval and credential say "as the player
reported".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import now, reading, transaction
from core.errors import Conflict, InputError, NotFound
from core.ids import new_id
from core.models import Finding
from pipeline.proxies import proxy_of
from pipeline.seen import Manner, Range, manner_of, merge, seconds_of, spans_of
from pipeline.states import State
from pipeline.tables import RenderRow
from review_ui.seals import intact, seal
from review_ui.tables import AccountRow, ViewRow

FASTEST = 2.0
"""New seconds of video for each second of the clock, at most."""

SLACK = 1.0
"""Seconds that an account may be ahead of that, in all: a report's way through the network is not always as long."""

LONGEST_GAP = 60.0
"""Seconds between two reports that count. The player reports every two; an hour of silence is not an hour played."""

MOST_RANGES = 60
_MOST_KEPT = 500
_BEYOND = 1.0  # players know a file's length a little differently


@dataclass(frozen=True)
class Missing:
    """What is played of a video and what is not yet.

    Attributes:
        manner: how a decision made now is recorded.
        played: ranges, in seconds.
        missing: what has to be played for ``seen``.
        with_finding: how many of the missing seconds have a finding.
        seconds: how many are missing in all.
        proxy: what was played is a proxy: whatever is played, the file was not seen.
    """

    manner: Manner
    played: list[Range]
    missing: list[Range]
    with_finding: int
    seconds: int
    proxy: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {
            "manner": self.manner,
            "played": self.played,
            "missing": self.missing,
            "with_finding": self.with_finding,
            "seconds": self.seconds,
            "proxy": self.proxy,
        }


def what_is_missing(
    duration: float | None, findings: Iterable[Finding], ranges: Sequence[Range], *, proxy: bool = False
) -> Missing:
    """What a decision made now would be recorded as, and what is not played yet."""
    spans = spans_of(findings)
    manner, missing = manner_of(ranges, duration, spans)
    whole = duration or 0.0
    lacking = seconds_of(missing, whole)
    return Missing(
        "decided" if proxy else manner,
        merge(ranges),
        missing,
        len(lacking & seconds_of(spans, whole)),
        len(lacking),
        proxy,
    )


def open_view(render_id: str, *, account: AccountRow, by_proxy: bool = False) -> str:
    """The id under which this account's player reports on the sealed asset of a render in review.

    Args:
        by_proxy: it plays the proxy. Whoever goes from the file to its proxy, or back, begins anew.

    Raises:
        NotFound: no such render of this brand.
        Conflict: it is not in review, or has no proxy.
    """
    with transaction() as session:
        render = _in_review(session, render_id, account)
        clock = _clock(session, account)
        view = _view(session, account.id, render.sealed_sha256 or "")
        proxy = _proxy(render) if by_proxy else None
        if view is not None and (view.proxy_sha256 is None) is by_proxy:
            session.delete(view)  # from the file to its proxy, or back: what was counted is of the other one
            session.flush()
            view = None
        if view is None:
            view = ViewRow(
                id=new_id("viw"),
                brand_id=render.brand_id,
                account_id=account.id,
                render_id=render.id,
                sealed_sha256=render.sealed_sha256 or "",
                proxy_sha256=proxy,
                ranges=[],
                opened_at=clock.at,
            )
            seal(view)
            session.add(view)
        # Opening is no way to more time: what the account had left goes on from here.
        view.reported_at, view.ahead = clock.at, min(SLACK, clock.allowance)
        return view.id


def report(render_id: str, view_id: str, sent: Sequence[Range], *, account: AccountRow) -> list[Range]:
    """Count what a player says it played since its last report; answers with everything counted so far.

    Raises:
        NotFound: no such view of this account, or of this render.
        InputError: numbers that are no seconds of this video, or too many of them.
        Conflict: the render is not in review any more, or another file is.
    """
    with transaction() as session:
        render = _in_review(session, render_id, account)
        view = session.get(ViewRow, view_id)
        if view is None or view.account_id != account.id or view.render_id != render.id:
            raise NotFound("this page is not the one that was opened", next_step="reload the page")
        if view.sealed_sha256 != render.sealed_sha256:
            raise Conflict(
                "the video in review is another one now", where=render_id, next_step="reload the page"
            )
        inside = _inside(sent, render)
        clock = _clock(session, account)
        known = _ranges(view)
        taken, spent = _up_to(clock.allowance, _without(known, inside))
        merged = merge([*known, *taken])
        if len(merged) <= _MOST_KEPT:
            view.ranges = [[round(t0, 3), round(t1, 3)] for t0, t1 in merged]
            seal(view)
        view.reported_at, view.ahead = clock.at, min(SLACK, clock.allowance - spent)
        return _ranges(view)


def report_with_decision(
    render_id: str, sent: Sequence[Range], *, account: AccountRow, by_proxy: bool = False
) -> None:
    """What the player had not told yet when the decision was sent. Without an open view of what it played, the file or
    its proxy, there is nothing to add."""
    with reading() as session:
        render = session.get(RenderRow, render_id)
        view = _view(session, account.id, render.sealed_sha256 or "") if render else None
    if view is not None and sent and (view.proxy_sha256 is not None) is by_proxy:
        report(render_id, view.id, sent, account=account)


def coverage(account_id: str, sealed_sha256: str) -> list[Range]:
    """What was counted as played of a sealed asset in front of one account; empty when nothing was."""
    with reading() as session:
        view = _view(session, account_id, sealed_sha256)
        return _ranges(view) if view is not None else []


def _proxy(render: RenderRow) -> str:
    found = proxy_of(render)
    if found is None:
        raise Conflict("this video has no proxy", where=render.id, next_step="reload the page")
    return found


def played_proxy(account_id: str, sealed_sha256: str) -> str | None:
    """Digest of the proxy that was played in front of one account in place of the file; None: the file was."""
    with reading() as session:
        view = _view(session, account_id, sealed_sha256)
        return view.proxy_sha256 if view is not None and intact(view) else None


@dataclass(frozen=True)
class _Clock:
    """Our time, which never goes back for an account, and the new seconds of video that it has room for."""

    at: datetime
    allowance: float


def _clock(session: Session, account: AccountRow) -> _Clock:
    # One clock for all that an account plays: ten open pages are no way to play ten times as fast.
    session.execute(select(AccountRow.id).where(AccountRow.id == account.id).with_for_update())
    mine = select(ViewRow).where(ViewRow.account_id == account.id)
    last = session.scalars(mine.order_by(ViewRow.reported_at.desc(), ViewRow.ahead).limit(1)).first()
    moment = now()
    if last is None:
        return _Clock(moment, SLACK)
    moment = max(moment, last.reported_at)
    passed = min(LONGEST_GAP, (moment - last.reported_at) / timedelta(seconds=1))
    return _Clock(moment, last.ahead + FASTEST * passed)


def _in_review(session: Session, render_id: str, account: AccountRow) -> RenderRow:
    render = session.get(RenderRow, render_id)
    if render is None or render.brand_id != account.brand_id:
        raise NotFound("no such render", where=render_id, next_step="check the id")
    if render.state != State.IN_REVIEW or render.sealed_sha256 is None:
        raise Conflict(
            f"this render is not in review: it is {render.state}",
            where=render_id,
            next_step="reload the page",
            code="not_in_review",
        )
    return render


def _view(session: Session, account_id: str, sealed_sha256: str) -> ViewRow | None:
    return session.scalar(
        select(ViewRow).where(ViewRow.account_id == account_id, ViewRow.sealed_sha256 == sealed_sha256)
    )


def _ranges(view: ViewRow) -> list[Range]:
    """What was counted; nothing where the row is not as it was written here."""
    return [(float(t0), float(t1)) for t0, t1 in view.ranges] if intact(view) else []


def _inside(sent: Sequence[Range], render: RenderRow) -> list[Range]:
    """The ranges, cut to the video. Raises InputError for what is no range of it."""
    length = render.seconds or 0.0
    good = len(sent) <= MOST_RANGES and all(
        math.isfinite(t0) and math.isfinite(t1) and 0 <= t0 <= t1 <= length + _BEYOND for t0, t1 in sent
    )
    if not good:
        raise InputError(
            "these are no seconds of this video",
            where="ranges",
            next_step="reload the page and play it again",
        )
    return merge((t0, min(t1, length)) for t0, t1 in sent)


def _without(known: list[Range], ranges: list[Range]) -> list[Range]:
    """What of the ranges is not known yet."""
    fresh = []
    for start, end in ranges:
        at = start
        for t0, t1 in known:  # in order, apart from one another
            if at < min(t0, end):
                fresh.append((at, min(t0, end)))
            at = max(at, t1)
        if at < end:
            fresh.append((at, end))
    return fresh


def _up_to(most: float, ranges: list[Range]) -> tuple[list[Range], float]:
    """The first ``most`` seconds of the ranges, and how many they are."""
    taken, left = [], max(0.0, most)
    for start, end in ranges:
        length = min(end - start, left)
        if length > 0:
            taken.append((start, start + length))
            left -= length
    return taken, max(0.0, most) - left
