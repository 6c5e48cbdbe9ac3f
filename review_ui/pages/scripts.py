"""The page on which the person who appears reads a script, or one text, and says yes or no before anything is made of
it (trust step 1), where their authority asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, cast

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from audit.models import ScriptVerdict
from core.database import reading
from core.errors import GreenroomError, InputError, NotFound
from pipeline.final_cut import campaign_of_persona, owned_by_persona
from pipeline.script_approval import UNDECIDED, decide_script, decide_text, said_of, script_of, text_of
from pipeline.script_reading import before_of, blanks_of, example_of_script
from pipeline.states import State
from pipeline.tables import CampaignRow
from review_ui.appearing import me_of, persona_id_of
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor

router = APIRouter(prefix="/me")

Words = Annotated[str, Form(max_length=2000)]
Digest = Annotated[str, Form(max_length=64)]
Verdict = Annotated[str, Form(max_length=10)]

DONE = {"approve": "script", "each": "each", "refuse": "no"}
DONE_TEXT = {"approve": "text", "refuse": "no"}


@router.get("/scripts/{campaign_id}")
def script(request: Request, visitor: Signed, campaign_id: str) -> Response:
    """What a campaign says, what may be filled in, and what is another than before."""
    return _show_script(request, visitor, campaign_id)


@router.post("/scripts/{campaign_id}")
def say_of_script(
    request: Request,
    visitor: Sent,
    campaign_id: str,
    *,
    verdict: Verdict = "",
    sha256: Digest = "",
    words: Words = "",
) -> Response:
    persona_id = persona_id_of(visitor)

    def decide() -> None:
        decide_script(
            campaign_id,
            brand_id=visitor.account.brand_id,
            persona_id=persona_id,
            account_id=visitor.account.id,
            sha256=sha256,
            verdict=cast("ScriptVerdict", verdict),
            words=words,
        )

    return _answered(
        verdict, DONE, decide, lambda problem: _show_script(request, visitor, campaign_id, problem, words)
    )


@router.get("/texts/{render_id}")
def text(request: Request, visitor: Signed, render_id: str) -> Response:
    """The text of one video that waits for me before it is made; of any other, that it does not."""
    return _show_text(request, visitor, render_id)


@router.post("/texts/{render_id}")
def say_of_text(
    request: Request,
    visitor: Sent,
    render_id: str,
    *,
    verdict: Verdict = "",
    sha256: Digest = "",
    words: Words = "",
) -> Response:
    persona_id = persona_id_of(visitor)

    def decide() -> None:
        decide_text(
            render_id,
            brand_id=visitor.account.brand_id,
            persona_id=persona_id,
            account_id=visitor.account.id,
            sha256=sha256,
            verdict="approve" if verdict == "approve" else "refuse",
            words=words,
        )

    return _answered(
        verdict, DONE_TEXT, decide, lambda problem: _show_text(request, visitor, render_id, problem, words)
    )


def _answered(
    verdict: str,
    done: Mapping[str, str],
    decide: Callable[[], None],
    show: Callable[[GreenroomError], Response],
) -> Response:
    """Decide, and on to the private page; what is refused comes back with what was typed."""
    try:
        if verdict not in done:
            raise InputError(
                "neither yes nor no was said", where="verdict", next_step="press one of the buttons"
            )
        decide()
    except NotFound:
        raise
    except GreenroomError as problem:
        return show(problem)
    return RedirectResponse(f"/me?done={done[verdict]}", status_code=303)


def _show_script(
    request: Request,
    visitor: Visitor,
    campaign_id: str,
    problem: GreenroomError | None = None,
    words: str = "",
) -> Response:
    persona_id = persona_id_of(visitor)
    with reading() as session:
        row = campaign_of_persona(
            session, campaign_id, brand_id=visitor.account.brand_id, persona_id=persona_id
        )
        me = me_of(session, visitor, persona_id)
        wanted = script_of(row)
        standing = me.look.standing if me.reads and me.look is not None else None
        said = said_of(session, wanted, standing, persona_id) if standing is not None else None
        before = before_of(session, row) if standing is not None else None
    return page(
        request,
        "appearances_script.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        row=row,
        asks=standing is not None,
        said=said,
        before=before,
        blanks=blanks_of(row),
        example=example_of_script(row),
        sha256=wanted.sha256,
        problem=problem,
        words=words,
    )


def _show_text(
    request: Request, visitor: Visitor, render_id: str, problem: GreenroomError | None = None, words: str = ""
) -> Response:
    persona_id = persona_id_of(visitor)
    with reading() as session:
        row = owned_by_persona(session, render_id, brand_id=visitor.account.brand_id, persona_id=persona_id)
        me = me_of(session, visitor, persona_id)
        campaign = session.get_one(CampaignRow, row.campaign_id)
        waits = me.reads and me.look is not None and bool(row.script) and State(row.state) in UNDECIDED
        if waits and me.look is not None:
            waits = said_of(session, text_of(row), me.look.standing, persona_id) is None
    return page(
        request,
        "appearances_text.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        row=row,
        campaign=campaign,
        waits=waits,
        sha256=text_of(row).sha256,
        problem=problem,
        words=words,
    )
