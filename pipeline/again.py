"""Another try at a video that stopped: the same render once more, or a new one in its place.

What **failed** may go back to the stage that failed (:func:`retry`). What failed, was blocked or was rejected may be
made again, as it was or changed (:func:`make_again`): a new render that names the old one (``supersedes``) and goes
through every step. One render is replaced once: who changes it again changes the one that took its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from core.database import reading, transaction
from core.errors import Conflict, InputError
from core.heartbeat import beat
from core.ids import new_id
from generate.fields import check_fields
from pipeline.agreement import altered_of, check_rows
from pipeline.causes import MADE_AGAIN, STOPPED, stopped_in
from pipeline.errors import MadeAgain, RequestKeyReused
from pipeline.intake import asked_before, enter_request
from pipeline.life import move, move_all
from pipeline.ownership import owned
from pipeline.states import State
from pipeline.tables import CampaignRow, ImportRow, RenderRow

AT_ONCE = 500  # renders of one call of `retry_cause`
_CHUNK = 100  # of one transaction
LONGEST_SCRIPT = 15_000


def make_again(
    render_id: str,
    *,
    brand_id: str,
    maker_id: str,
    fields: Mapping[str, Any] | None = None,
    script: str | None = None,
) -> RenderRow:
    """A new render in the place of one that failed, was blocked or was rejected.

    The same call again answers with the first new render.

    Args:
        fields: of the template; None keeps those of the old one.
        script: what an import is meant to say; None keeps it. The video of an import stays: another one is another
            import.

    Raises:
        Conflict: the old one is in another state, and may still go out.
        MadeAgain: another render took its place already.
        LedgerInconsistent: somebody changed the old one in the database.
        InputError: fields for an import, or words for a made one; otherwise as
            :func:`pipeline.intake.request_render`. Nothing was stored in each of these cases.
    """
    with reading() as session:
        old = owned(session, RenderRow, render_id, brand_id)
        campaign = owned(session, CampaignRow, old.campaign_id, brand_id)
        brought = session.get(ImportRow, old.id)
    row = _replacement(old, campaign, maker_id, fields, script)

    def take_the_place(session: Session) -> None:
        # Nothing becomes of the old one meanwhile: it is ours from here on.
        seen = owned(session, RenderRow, old.id, brand_id)
        if seen.state not in STOPPED:
            raise _goes_on(seen)
        check_rows(session, seen, where=seen.id)  # its fields go into the new one
        if (taken := successor_of(session, old.id)) is not None:
            raise _made_again(taken.id)
        session.execute(update(RenderRow).where(RenderRow.id == old.id).values(cause=MADE_AGAIN))

    try:
        return enter_request(row, campaign, came_with=_came_with(row, brought), first=take_the_place)
    except MadeAgain:
        if (same := asked_before(row)) is not None:  # the same call twice at one moment
            return same
        raise
    except RequestKeyReused as error:
        raise _made_again(error.where) from error


def _came_with(row: RenderRow, brought: ImportRow | None) -> list[ImportRow]:
    """What is on record of the video of an import, for the render that takes its place: the video is the same."""
    if brought is None:
        return []
    kept = {"engine": brought.engine, "credential": brought.credential}
    return [ImportRow(render_id=row.id, brand_id=row.brand_id, **kept)]


def _replacement(
    old: RenderRow, campaign: CampaignRow, maker_id: str, fields: Mapping[str, Any] | None, script: str | None
) -> RenderRow:
    if (fields if old.origin == "import" else script) is not None:
        raise InputError(
            "a finished video has no fields, and a made one no words of its own",
            where=old.id,
            next_step="send `script` for an import, `fields` for a made video, or neither",
        )
    if script is not None and (len(script) > LONGEST_SCRIPT or "\0" in script):
        raise InputError(
            f"a script is text of at most {LONGEST_SCRIPT:,} characters",
            where="script",
            next_step="shorten it",
        )
    given = dict(old.fields if fields is None else fields)
    if old.origin == "made":
        check_fields(campaign.field_schema, given)
    return RenderRow(
        id=new_id("rnd"),
        brand_id=old.brand_id,
        campaign_id=old.campaign_id,
        maker_id=maker_id,
        supersedes=old.id,
        request_key=f"again:{old.id}",
        origin=old.origin,
        fields=given,
        script=(old.script if script is None else script or None) if old.origin == "import" else None,
        source_sha256=old.source_sha256,
    )


def successor_of(session: Session, render_id: str) -> RenderRow | None:
    """The render that took this one's place."""
    later = select(RenderRow).where(RenderRow.supersedes == render_id)
    return session.scalar(later.order_by(RenderRow.created_at, RenderRow.id).limit(1))


def retry(render_id: str, *, brand_id: str, actor_id: str = "") -> RenderRow:
    """Send a failed render back to the stage that failed.

    Raises:
        Conflict: it did not fail. MadeAgain: another render took its place: there would be two for one recipient.
    """
    with transaction() as session:
        row = owned(session, RenderRow, render_id, brand_id)
        if row.state != State.FAILED or not row.reason:
            raise Conflict("only a failed render can be retried", where=render_id, next_step="reload it")
        if (taken := successor_of(session, row.id)) is not None:
            raise _made_again(taken.id)
        back, facts = State(row.reason["retry"]), {"actor": actor_id or None}
        return move(session, row.id, back, start=State.FAILED, values={"reason": None}, facts=facts)


@dataclass(frozen=True)
class Retried:
    """How many went back to work, and whether some of the cause are left: call again for them."""

    renders: int
    left: bool


def retry_cause(campaign_id: str, code: str, *, brand_id: str, actor_id: str) -> Retried:
    """Another try for a campaign's renders that failed for one cause, the oldest first, ``AT_ONCE`` at most.

    One that somebody changed in the database stays where it is. Raises NotFound: no such campaign of this brand.
    """
    with reading() as session:
        owned(session, CampaignRow, campaign_id, brand_id)
    sent = 0
    place: Any = None  # the last one that was looked at
    while sent < AT_ONCE:
        beat()
        with transaction() as session:
            rows = _failed(session, campaign_id, code, place, _CHUNK)
            sent += _send_back(session, rows, actor_id)
        if len(rows) < _CHUNK:
            return Retried(sent, left=False)
        place = (rows[-1].created_at, rows[-1].id)
    with reading() as session:
        return Retried(sent, left=bool(_failed(session, campaign_id, code, place, limit=1)))


def _failed(session: Session, campaign_id: str, code: str, place: Any, limit: int) -> list[RenderRow]:
    """The next ones; each is ours until we end."""
    query = select(RenderRow).where(*stopped_in(campaign_id, State.FAILED), RenderRow.cause == code)
    if place is not None:
        query = query.where(tuple_(RenderRow.created_at, RenderRow.id) > tuple_(*place))
    query = query.order_by(RenderRow.created_at, RenderRow.id).limit(limit)
    if limit > 1:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return list(session.scalars(query))


def _send_back(session: Session, rows: list[RenderRow], actor_id: str) -> int:
    by_state: dict[State, list[RenderRow]] = {}
    altered = altered_of(session, rows) if rows else set()
    replaced = set(
        session.scalars(
            select(RenderRow.supersedes).where(RenderRow.supersedes.in_([row.id for row in rows]))
        )
    )
    for row in rows:
        if row.id not in altered and row.id not in replaced and row.reason and "retry" in row.reason:
            by_state.setdefault(State(row.reason["retry"]), []).append(row)
    for state, those in sorted(by_state.items()):
        move_all(session, those, state, values={"reason": None}, facts={"actor": actor_id})
    return sum(len(those) for those in by_state.values())


def _goes_on(row: RenderRow) -> Conflict:
    return Conflict(
        f"only what failed, was blocked or was rejected is made again; this render is {row.state}",
        where=row.id,
        next_step="wait for it, have it reviewed, or recall it and ask for another video",
        code="not_stopped",
    )


def _made_again(render_id: str) -> MadeAgain:
    return MadeAgain(
        "another render took the place of this one already",
        where=render_id,
        next_step="look at that one; if it stopped too, make that one again",
    )
