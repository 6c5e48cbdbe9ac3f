"""Trust step 13: expiring, revocable, signed links. Whether one serves is asked anew each time it is opened."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import bindparam, select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from audit.ledger.entries import timestamp
from core.blobs import blobs
from core.database import now, reading, take_turn, transaction
from core.errors import BlobStoreUnavailable, DatabaseBusy, InputError, NotFound
from core.ids import new_id
from core.metrics import LINKS, answers
from core.models import AssetRole
from core.secrets import derived_key
from core.settings import get_settings
from core.tables import AssetRow
from delivery.errors import LinkGone, LinkTakenBack, NotServed
from delivery.tables import LinkRow
from pipeline.ownership import owned
from pipeline.standing import Standing, standing_of
from pipeline.tables import RenderRow

_LONGEST_TOKEN = 500
LONGEST_HOURS = 24 * 366.0


def make_link(render_id: str, *, brand_id: str, made_by: str = "", hours: float | None = None) -> str:
    """A new link's token, for ``/v/<token>``. Raises as :func:`new_link`."""
    return token_of(new_link(render_id, brand_id=brand_id, made_by=made_by, hours=hours))


def new_link(render_id: str, *, brand_id: str, made_by: str = "", hours: float | None = None) -> LinkRow:
    """A new link.

    Raises:
        NotServed: the render may not get new links now; the reason is named.
        NotFound: no such render of this brand.
        BlobStoreUnavailable, DatabaseBusy: nobody can say at this moment.
    """
    lifetime = get_settings().web.link_hours if hours is None else hours
    if not 0 < lifetime <= LONGEST_HOURS:
        raise InputError("a link lives for more than no time and at most a year", where="hours")
    with transaction() as session:
        render = owned(session, RenderRow, render_id, brand_id)
        standing = standing_of(session, render)
        if standing.away is not None:
            raise standing.away
        if not standing.links:
            raise NotServed(
                f"this video gets no new link: {standing.sentence}",
                where=render_id,
                next_step="look at the video's page and its authority",
                code=standing.code,
            )
        row = LinkRow(
            id=new_id("lnk"),
            brand_id=brand_id,
            render_id=render_id,
            made_by=made_by or "sys_unnamed",
            expires_at=now() + timedelta(hours=lifetime),
        )
        facts = {"link_id": row.id, "actor": row.made_by, "expires_at": timestamp(row.expires_at)}
        append(session, Event.LINK_MADE, render_id, facts, rows=[row])
    return row


def token_of(row: LinkRow) -> str:
    """The token of a link: its id, what it leads to and until when, signed: a changed row is another link."""
    token: str | bytes = _serializer().dumps(_signed(row))
    return token if isinstance(token, str) else token.decode()


def _signed(row: LinkRow) -> list[str]:
    return [row.id, row.render_id, timestamp(row.expires_at)]


@answers(LINKS, "served")
def open_link(token: str) -> tuple[RenderRow, Path]:
    """The render and the published file behind a link, its bytes verified.

    Raises:
        LinkTakenBack: a genuine link to a video that was recalled or withdrawn.
        LinkGone: anything else that does not serve; one answer for all, so that nothing can be probed.
        BlobStoreUnavailable, DatabaseBusy: what has to be asked does not answer: later it may serve.
    """
    with reading() as session:
        _, render = behind(session, token)
    return render, blobs().get_file(render.published_sha256 or "", AssetRole.PUBLISHED)


def still_serves(token: str) -> bool:
    """Whether a link that was opened a moment ago still serves: asked again while a file streams.

    Where nobody can say, it does not: the reader's player asks anew.
    """
    try:
        with reading() as session:
            behind(session, token)
    except (NotFound, BlobStoreUnavailable, DatabaseBusy):
        return False
    return True


def list_links(render_id: str, *, brand_id: str) -> list[LinkRow]:
    """Every link that was made to a render, newest first."""
    with reading() as session:
        owned(session, RenderRow, render_id, brand_id)
        links = select(LinkRow).where(LinkRow.render_id == render_id, LinkRow.brand_id == brand_id)
        return list(session.scalars(links.order_by(LinkRow.created_at.desc(), LinkRow.id.desc()).limit(200)))


def revoke_link(link_id: str, *, brand_id: str, actor_id: str, render_id: str | None = None) -> LinkRow:
    """Take one link back; the render and its other links stay. Revoking it again changes nothing.

    ``render_id``: that it has to lead to; None: any. Raises NotFound.
    """
    with transaction() as session:
        row = take_turn(session, LinkRow, link_id)
        if row is None or row.brand_id != brand_id or render_id not in (None, row.render_id):
            raise NotFound("no such link", where=link_id, next_step="check the id")
        if row.revoked_at is None:
            row.revoked_at = now()
            facts = {"link_id": row.id, "actor": actor_id}
            append(session, Event.LINK_REVOKED, row.render_id, facts, rows=[row])
        return row


_LINKED = (
    select(LinkRow, RenderRow, AssetRow)
    .outerjoin(RenderRow, RenderRow.id == LinkRow.render_id)
    .outerjoin(AssetRow, AssetRow.sha256 == RenderRow.published_sha256)
    .where(LinkRow.id == bindparam("link_id"))
)


def behind(session: Session, token: str) -> tuple[LinkRow, RenderRow]:
    """A link and the render that it shows at this moment, in the caller's transaction. Raises as :func:`open_link`."""
    content = _content(token)
    try:
        found = session.execute(_LINKED, {"link_id": content[0]}).one_or_none()
    except (ValueError, DataError) as error:  # a column that holds no date
        raise _gone() from error
    # The asset is held so that the predicate, which asks for it by its digest, finds it read already.
    row, render, _asset = found if found is not None else (None, None, None)
    if row is None or render is None or row.brand_id != render.brand_id or _signed(row) != content:
        raise _gone()
    if row.expires_at <= now():
        raise _gone()
    standing = standing_of(session, render, new_links=False)
    if row.revoked_at is not None or row.id in standing.revoked_links:
        raise _gone()
    if standing.away is not None:
        raise standing.away
    if not standing.serves:
        raise _taken_back(standing) if standing.release in ("recalled", "withdrawn") else _gone()
    return row, render


def _content(token: str) -> list[str]:
    """What a token signs. Raises LinkGone for one that is not ours."""
    try:
        if len(token) > _LONGEST_TOKEN:
            raise BadData("too long")
        content = _serializer().loads(token)
    except BadData as error:
        raise _gone() from error
    if not isinstance(content, list) or not content or not all(isinstance(part, str) for part in content):
        raise _gone()  # a link of the first version: it named no row that could be revoked
    return content


def _gone() -> LinkGone:
    return LinkGone("there is no video behind this link", next_step="ask the sender for a new link")


def _taken_back(standing: Standing) -> LinkTakenBack:
    if standing.release == "withdrawn":
        return LinkTakenBack(
            "this video was withdrawn by the person who appears in it", code="link_withdrawn"
        )
    return LinkTakenBack("this video was recalled by its publisher", code="link_recalled")


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(derived_key("links"), salt="delivery-link")
