"""Trust step 13: the one predicate, "may this render be served now". Links, the watch page, the verifier
and channels ask it.

It asks the rows, and the ledger's own words about them: a row that somebody set back to `released`, another
published digest, or an authority whose status was deleted agree with no entry, and nothing is served. The
release entry must name decisions whose signatures hold over this file, and the authority that still stands over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from audit import restored
from audit.events import Event
from audit.holds import CODE as LEGAL_HOLD
from audit.holds import held
from audit.models import Effect
from audit.standing import SENTENCES, AuthorityStanding, authority_standing
from audit.tables import LedgerEntryRow
from core.blobs import blobs
from core.errors import BlobStoreUnavailable, DatabaseBusy, GreenroomError
from core.models import AssetRole, Verdict
from core.tables import AssetRow
from pipeline.approved import decided_by_people
from pipeline.final_cut import lacks_final_cut
from pipeline.grounds import grounds_of, subjects_of
from pipeline.script_approval import lacks_approval
from pipeline.states import State
from pipeline.suppression import suppressed
from pipeline.tables import RenderRow
from pipeline.uses import covered_by

Release = Literal["released", "recalled", "withdrawn", "unreleased"]

_TAKEN_BACK = {Event.ASSET_RECALLED.value: "recalled", Event.ASSET_WITHDRAWN.value: "withdrawn"}


@dataclass(frozen=True)
class Standing:
    """The answer about one render at one moment.

    Attributes:
        release: what the world is told: ``withdrawn`` where the person's authority took it back, ``recalled`` where the
            publisher did.
        serves: its existing links go on.
        links: new links may be made and new sends may leave.
        code, sentence: why not, for the first of the two that is refused; "" where both are allowed.
        away: the error of what did not answer. Nothing is served meanwhile, and nobody may say that it is gone.
        revoked_links: of a video that serves, the ids of the links that the ledger says were taken back.
    """

    release: Release
    serves: bool
    links: bool
    code: str = ""
    sentence: str = ""
    away: GreenroomError | None = None
    revoked_links: frozenset[str] = frozenset()


def standing_of(
    session: Session,
    render: RenderRow,
    *,
    at: datetime | None = None,
    new_links: bool = True,
    under: AuthorityStanding | None = None,
) -> Standing:
    """May this render be served now? Fails closed: what cannot be read or does not agree is not served.

    Args:
        new_links: False where only a link that exists is asked for: `links` is then not looked at, and False.
        under: the standing of the render's authority, where the caller has read it in this transaction.

    Raises:
        DatabaseBusy: the database did not answer.
    """
    try:
        return _standing(session, render, at, new_links, under)
    except DatabaseBusy:
        raise
    except GreenroomError as error:
        return Standing("unreleased", serves=False, links=False, code=error.code, sentence=error.what)


def authority_of(
    session: Session, render: RenderRow, *, at: datetime | None = None, with_count: bool = True
) -> AuthorityStanding:
    """How the authority over a render's persona stands. Raises ForgedAuthority, NotFound."""
    persona = grounds_of(session, render).persona
    authority_id = persona.authority_id if persona is not None else ""
    return authority_standing(session, authority_id, at=at, with_count=with_count)


def _standing(  # noqa: PLR0911 - a list of conditions, each with its answer
    session: Session, render: RenderRow, at: datetime | None, new_links: bool, under: AuthorityStanding | None
) -> Standing:
    said = _ledger_says(session, render)
    released_by, stated, taken_back = said.released_by, said.stated, said.taken_back
    if taken_back is not None or render.state == State.RECALLED:
        return _refused(taken_back or "recalled", "taken_back", "the video was taken back")
    if render.state != State.RELEASED:
        return _refused("unreleased", "not_released", f"the video is {render.state}, not released")
    if released_by is None or not decided_by_people(session, render, released_by, stated):
        return _refused("unreleased", "ledger_disagrees", "the ledger knows no release of this file")
    authority = under or authority_of(session, render, at=at, with_count=new_links)
    if stated.get("record_id", authority.record_id) != authority.record_id:
        # Persona, campaign or render was pointed at another authority than the one that it was released under.
        return _refused("unreleased", "ledger_disagrees", "the video was released under another authority")
    if authority.takes_back(released_by):
        return _refused("withdrawn", "withdrawn", "the person has taken the video back")
    if said.held:  # what was taken back is known by now; whatever else waits for a person
        raise restored.unacknowledged()
    try:
        there = _is_there(session, render)
    except BlobStoreUnavailable as error:
        return Standing("released", False, False, error.code, error.what, away=error)
    if not there:
        return Standing("released", False, False, "file_missing", "the released file is not there")
    if not new_links:
        return Standing("released", serves=True, links=False, revoked_links=said.revoked_links)
    return _for_links(session, render, authority)


def _for_links(session: Session, render: RenderRow, authority: AuthorityStanding) -> Standing:
    """Of what serves: whether new links may be made to it."""
    if held(session, subjects_of(session, render)):
        return Standing("released", True, False, LEGAL_HOLD, "a legal hold stands on it")
    if authority.effect is not Effect.NONE:
        return Standing("released", True, False, f"authority_{authority.state}", SENTENCES[authority.state])
    if authority.valid and (why := _outside(session, render, authority)):
        return Standing("released", True, False, "authority_scope", why)
    campaign = grounds_of(session, render).campaign
    if campaign is None or suppressed(session, campaign, [render.fields])[0]:
        return Standing(
            "released",
            True,
            False,
            "recipient_suppressed",
            "the recipient is on the brand's suppression list",
        )
    return Standing("released", serves=True, links=True)


def _refused(release: Any, code: str, sentence: str) -> Standing:
    return Standing(release, serves=False, links=False, code=code, sentence=sentence)


@dataclass(frozen=True)
class _Said:
    """What the ledger says of one render: what released this very file and what that states, what took it back (once
    stays so), whether a restore holds everything, and which links were taken back singly."""

    released_by: int | None
    stated: dict[str, Any]
    taken_back: Release | None
    held: bool
    revoked_links: frozenset[str]


_ENTRIES = (
    select(LedgerEntryRow.id, LedgerEntryRow.subject, LedgerEntryRow.event, LedgerEntryRow.facts)
    .where(
        LedgerEntryRow.subject.in_(bindparam("subjects", expanding=True)),
        LedgerEntryRow.event.in_(
            [Event.ASSET_RELEASED.value, Event.LINK_REVOKED.value, *_TAKEN_BACK, *restored.EVENTS]
        ),
    )
    .order_by(LedgerEntryRow.id)
)


def _ledger_says(session: Session, render: RenderRow) -> _Said:
    """In one query: a door asks each time."""
    released_by: int | None = None
    stated: dict[str, Any] = {}
    taken_back: Any = None
    held = False
    revoked: set[str] = set()
    for entry_id, subject, event, facts in session.execute(
        _ENTRIES, {"subjects": [render.id, restored.SUBJECT]}
    ):
        if subject == restored.SUBJECT:
            held = restored.holds(event, facts)
            continue
        if event == Event.LINK_REVOKED.value:
            revoked.add(str(facts.get("link_id")))
            continue
        taken_back = taken_back or _TAKEN_BACK.get(event)
        if event == Event.ASSET_RELEASED.value and facts.get("published_sha256") == render.published_sha256:
            released_by, stated = entry_id, facts
    return _Said(released_by, stated, taken_back, held, frozenset(revoked))


def _is_there(session: Session, render: RenderRow) -> bool:
    """The published asset is on record and its bytes are stored, at their size. The bytes are digested when opened."""
    asset = session.get(AssetRow, render.published_sha256 or "")
    if asset is None or (asset.render_id, asset.role) != (render.id, AssetRole.PUBLISHED.value):
        return False
    return asset.essence == render.essence and blobs().size(asset.sha256, AssetRole.PUBLISHED) == asset.size


def _outside(session: Session, render: RenderRow, authority: AuthorityStanding) -> str:
    """Why the version in force, which may be newer than the release, does not cover this use; "" where it does."""
    decision = covered_by(session, authority.authority, render, script=None)
    blocking = [finding.message for finding in decision.findings if finding.severity == Verdict.BLOCK.value]
    if not blocking and (why := lacks_final_cut(session, render, authority.authority)):
        return why
    if not blocking and (lack := lacks_approval(session, render, authority)) is not None:
        return lack.sentence
    return "; ".join(blocking)
