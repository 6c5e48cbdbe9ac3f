"""The private page of a person who appears: what was made of them and where it went, their yes or no where the
authority asks for it (trust step 11), and the withdrawal of that authority.

Of the people to whom the videos went nothing is shown, but for the one video over which they decide: it speaks a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from audit.models import AuthorityStatus, PersonaVerdict
from core.blobs import blobs
from core.database import reading
from core.errors import GreenroomError, InputError, NotFound
from delivery.appearances import appearances_of, campaign_with, videos_of
from pipeline.counts import Counts
from pipeline.final_cut import decide, owned_by_persona, waiting_for
from pipeline.ownership import owned
from pipeline.script_reading import scripts_waiting, texts_waiting
from pipeline.states import WAITING, State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from review_ui.accounts import require
from review_ui.appearing import Me, me_of, persona_id_of
from review_ui.authorities import change, look, open_links, would_follow
from review_ui.memberships import persona_of
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor

router = APIRouter()

SHOWN_WAITING = 20

Words = Annotated[str, Form(max_length=2000)]
Done = Annotated[str, Query(max_length=20)]
Sure = Annotated[str, Form(max_length=3)]

STAGES: dict[str, tuple[State, ...]] = {
    "in the making": (*WAITING, State.FAILED),
    "in review": (State.IN_REVIEW, State.APPROVED),
    "out": (State.RELEASED,),
    "taken back": (State.RECALLED,),
    "refused or stopped": (State.REJECTED, State.BLOCKED),
}
"""What has become of a video, in the words of this page."""

_WITHDRAWN = "Withdrawn by the person who appears, on their own page."


@router.get("/me")
def index(request: Request, visitor: Signed, cursor: str = "", done: Done = "") -> Response:
    """What was made of me, and what waits for me."""
    require(visitor.account, "appear")
    persona_id = persona_of(visitor.account)
    if persona_id is None:
        return page(request, "appearances_none.html", visitor=visitor)
    with reading() as session:
        me = me_of(session, visitor, persona_id)
        waiting = waiting_for(session, persona_id, limit=SHOWN_WAITING) if me.decides else []
        scripts, texts = _scripts_waiting(session, me)
        campaigns = {row.id: row for row in _campaigns(session, [*waiting, *texts])}
        found = appearances_of(session, persona_id, cursor=cursor)
    return page(
        request,
        "appearances.html",
        visitor=visitor,
        me=me,
        waiting=[(row, campaigns[row.campaign_id]) for row in waiting],
        scripts=scripts,
        texts=[(row, campaigns[row.campaign_id]) for row in texts],
        found=found.page,
        numbers={row.id: _numbers(found.counts[row.id]) for row in found.page.rows},
        stages=list(STAGES),
        address=lambda cursor="": f"/me?cursor={cursor}" if cursor else "/me",
        is_first=not cursor,
        done=done if done in DONE else "",
        said=DONE,
    )


DONE = {
    "approve": "Your approval is recorded.",
    "refuse": "Your refusal is recorded: this video will not go out.",
    "script": "Your approval is recorded: videos with this script can be made.",
    "each": "Your approval is recorded: each text that this script becomes waits for you here.",
    "text": "Your approval is recorded: this video can be made.",
    "no": "Your refusal is recorded: nothing is made of it.",
    "withdrawn": "Your authority is withdrawn.",
}


@router.get("/me/campaigns/{campaign_id}")
def campaign(request: Request, visitor: Signed, campaign_id: str, cursor: str = "") -> Response:
    """The videos of one campaign that went out: when, whether they still are, how many links there are."""
    persona_id = persona_id_of(visitor)
    row = campaign_with(campaign_id, brand_id=visitor.account.brand_id, persona_id=persona_id)
    found, total = videos_of(row, cursor=cursor)
    with reading() as session:
        asks = me_of(session, visitor, persona_id).reads
    here = f"/me/campaigns/{row.id}"
    return page(
        request,
        "appearances_campaign.html",
        visitor=visitor,
        row=row,
        asks=asks,
        found=found,
        total=total,
        address=lambda cursor="": f"{here}?cursor={cursor}" if cursor else here,
        is_first=not cursor,
    )


@router.get("/me/renders/{render_id}")
def one(request: Request, visitor: Signed, render_id: str) -> Response:
    """The video over which I decide; of any other, how it stands and no more."""
    return _show(request, visitor, render_id)


@router.get("/me/renders/{render_id}/video")
def video(visitor: Signed, render_id: str) -> Response:
    """The file over which I decide, while I do. Not a door: nobody else can fetch it."""
    _, row, _, waits = _waiting(visitor, render_id)
    if not waits:
        raise NotFound(
            "this video does not wait for your decision", where=render_id, next_step="go back to your page"
        )
    return FileResponse(
        blobs().get_file(row.sealed_sha256 or ""),
        media_type="video/mp4",
        headers={"cache-control": "private, no-store"},
    )


@router.post("/me/renders/{render_id}/approve")
def approve(
    request: Request, visitor: Sent, render_id: str, asset: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    return _decide(request, visitor, render_id, asset, verdict="approve")


@router.post("/me/renders/{render_id}/refuse")
def refuse(
    request: Request,
    visitor: Sent,
    render_id: str,
    asset: Annotated[str, Form(max_length=64)] = "",
    words: Words = "",
) -> Response:
    return _decide(request, visitor, render_id, asset, verdict="refuse", words=words)


@router.get("/me/withdraw")
def before_withdrawal(request: Request, visitor: Signed) -> Response:
    """What a withdrawal would do at this moment, before anything is done."""
    return _show_withdrawal(request, visitor)


@router.post("/me/withdraw")
def withdraw(request: Request, visitor: Sent, words: Words = "", sure: Sure = "") -> Response:
    """Withdraw my authority, with the effect that it states itself. As easy as it was to give."""
    persona_id = persona_id_of(visitor)
    with reading() as session:
        persona = owned(session, PersonaRow, persona_id, visitor.account.brand_id)
    try:
        if sure != "yes":
            raise InputError(
                "a withdrawal is for good and was not confirmed",
                where="sure",
                next_step="tick the box, then withdraw",
            )
        change(
            _version_in_force(visitor, persona),
            AuthorityStatus.REVOKED,
            words.strip() or _WITHDRAWN,
            brand_id=visitor.account.brand_id,
            actor_id=visitor.account.id,
        )
    except GreenroomError as problem:
        return _show_withdrawal(request, visitor, problem, words)
    return RedirectResponse("/me?done=withdrawn", status_code=303)


def _version_in_force(visitor: Visitor, persona: PersonaRow) -> str:
    with reading() as session:
        return look(session, persona.authority_id, brand_id=visitor.account.brand_id).standing.authority.id


def _campaigns(session: Session, renders: Any) -> list[CampaignRow]:
    return [session.get_one(CampaignRow, campaign_id) for campaign_id in {row.campaign_id for row in renders}]


def _scripts_waiting(session: Session, me: Me) -> tuple[Sequence[CampaignRow], Sequence[RenderRow]]:
    """Scripts and single texts that wait for my word."""
    if not me.reads or me.look is None:
        return [], []
    standing = me.look.standing
    return (
        scripts_waiting(session, me.persona.id, standing, limit=SHOWN_WAITING),
        texts_waiting(session, me.persona.id, standing, limit=SHOWN_WAITING),
    )


def _numbers(counts: Counts) -> dict[str, int]:
    return {words: sum(counts.get(state, 0) for state in states) for words, states in STAGES.items()}


def _waiting(visitor: Visitor, render_id: str) -> tuple[Me, RenderRow, CampaignRow, bool]:
    """One of my videos, and whether it waits for my decision."""
    persona_id = persona_id_of(visitor)
    with reading() as session:
        row = owned_by_persona(session, render_id, brand_id=visitor.account.brand_id, persona_id=persona_id)
        me = me_of(session, visitor, persona_id)
        campaign = session.get_one(CampaignRow, row.campaign_id)
        return me, row, campaign, me.decides and row.state == State.APPROVED


def _show(
    request: Request,
    visitor: Visitor,
    render_id: str,
    problem: GreenroomError | None = None,
    words: str = "",
) -> Response:
    me, row, campaign, waits = _waiting(visitor, render_id)
    return page(
        request,
        "appearances_video.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        me=me,
        row=row,
        campaign=campaign,
        waits=waits,
        stands=next(said for said, states in STAGES.items() if State(row.state) in states),
        problem=problem,
        words=words,
    )


def _decide(
    request: Request,
    visitor: Visitor,
    render_id: str,
    asset: str,
    *,
    verdict: PersonaVerdict,
    words: str = "",
) -> Response:
    persona_id = persona_id_of(visitor)
    account = visitor.account
    try:
        decide(
            render_id,
            brand_id=account.brand_id,
            persona_id=persona_id,
            account_id=account.id,
            sealed_sha256=asset,
            verdict=verdict,
            words=words,
        )
    except NotFound:
        raise
    except GreenroomError as problem:
        return _show(request, visitor, render_id, problem, words)
    return RedirectResponse(f"/me?done={verdict}", status_code=303)


def _show_withdrawal(
    request: Request, visitor: Visitor, problem: GreenroomError | None = None, words: str = ""
) -> Response:
    require(visitor.account, "appear")
    persona_id = persona_of(visitor.account)
    if persona_id is None:
        return page(request, "appearances_none.html", visitor=visitor)
    with reading() as session:
        me = me_of(session, visitor, persona_id)
        follows = ""
        if me.look is not None:
            authority = me.look.standing.authority
            links = open_links(session, authority)
            follows = would_follow(authority.scope.on_withdrawal, me.look.reach, links)
    return page(
        request,
        "appearances_withdraw.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        me=me,
        follows=follows,
        problem=problem,
        words=words,
    )
