"""Another try from the console: one video made again, and all of a campaign that failed for one cause."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from core.errors import GreenroomError
from pipeline.again import make_again, retry_cause
from pipeline.service import get_campaign, get_render
from review_ui.accounts import require
from review_ui.fields import sent_fields, typed
from review_ui.pages.console import show
from review_ui.security import Sent, Signed, Visitor

router = APIRouter()


@router.post("/renders/{render_id}/again")
async def again(request: Request, visitor: Signed, render_id: str) -> Response:
    """Make it again: as it was, or with the fields of the form (``as-edited``). What was typed comes back where it is
    refused."""
    require(visitor.account, "make")
    sent = await sent_fields(request, visitor)
    return await run_in_threadpool(_again, request, visitor, render_id, sent)


def _again(request: Request, visitor: Visitor, render_id: str, sent: dict[str, str]) -> Response:
    edited = sent.pop("as-edited", "") == "yes"
    brand_id = visitor.account.brand_id
    old = get_render(render_id, brand_id=brand_id)
    fields = script = None
    if edited and old.origin == "import":
        script = sent.get("script", "")
    elif edited:
        fields = typed(get_campaign(old.campaign_id, brand_id=brand_id).field_schema, sent)
    try:
        row = make_again(
            render_id, brand_id=brand_id, maker_id=visitor.account.id, fields=fields, script=script
        )
    except GreenroomError as problem:
        return show(request, visitor, render_id, problem, sent=sent if edited else None)
    return RedirectResponse(f"/renders/{row.id}", status_code=303)


@router.post("/campaigns/{campaign_id}/retry")
def retry_all(
    visitor: Sent, campaign_id: str, cause: Annotated[str, Form(max_length=60, pattern=r"^[\w.-]*$")] = ""
) -> Response:
    require(visitor.account, "make")
    who = visitor.account
    done = retry_cause(campaign_id, cause, brand_id=who.brand_id, actor_id=who.id)
    said = {"retried": done.renders, "left": "yes" if done.left else ""}
    return RedirectResponse(
        f"/campaigns/{campaign_id}?{urlencode({name: value for name, value in said.items() if value != ''})}#stopped",
        status_code=303,
    )
