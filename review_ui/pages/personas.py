"""The room of personas: who appears, a new reference, its examination in pictures, and the authority that it waits
for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from core.database import reading
from core.errors import GreenroomError
from core.settings import get_settings
from pipeline.capture.examining import CHECKS
from pipeline.capture.proposals import waiting_proposals
from pipeline.capture.references import (
    KEPT_DAYS,
    MOST_NAME,
    delete_reference,
    find_reference,
    open_references,
    receive,
)
from pipeline.lists import page_of_personas
from pipeline.tables import PersonaRow
from review_ui.accounts import require
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor, check_brand
from review_ui.uploads import kept

router = APIRouter()

PERSONAS_ON_A_PAGE = 50
REFRESH_SECONDS = 3

Name = Annotated[str, Form(max_length=1000)]


@router.get("/personas")
def index(request: Request, visitor: Signed, cursor: str = "") -> Response:
    require(visitor.account, "view")
    return _index(request, visitor, cursor)


@router.post("/personas")
async def add(
    request: Request,
    visitor: Sent,
    file: UploadFile | None = None,
    name: Name = "",
    at_brand: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """A reference clip is received; a worker examines it while its page says how far that is."""
    require(visitor.account, "make")
    account = visitor.account
    try:
        check_brand(visitor, at_brand)
        async with kept(file) as path:
            row = await run_in_threadpool(
                receive, path, brand_id=account.brand_id, actor_id=account.id, name=name
            )
    except GreenroomError as problem:
        return await run_in_threadpool(_index, request, visitor, "", problem, name)
    return RedirectResponse(f"/personas/references/{row.id}", status_code=303)


@router.get("/personas/references/{onboarding_id}")
def reference(request: Request, visitor: Signed, onboarding_id: str) -> Response:
    """What the examination found, or how far it is: the page asks again by itself while it runs."""
    require(visitor.account, "view")
    with reading() as session:
        row = find_reference(session, onboarding_id, brand_id=visitor.account.brand_id)
    answer = page(request, "persona_reference.html", visitor=visitor, row=row, checks=CHECKS, days=KEPT_DAYS)
    if row.state == "waiting":
        answer.headers["refresh"] = str(REFRESH_SECONDS)  # works without script
    return answer


@router.post("/personas/references/{onboarding_id}/delete")
def delete(visitor: Sent, onboarding_id: str) -> Response:
    """The clip, and all that was found in it."""
    require(visitor.account, "make")
    account = visitor.account
    delete_reference(onboarding_id, brand_id=account.brand_id, actor_id=account.id)
    return RedirectResponse("/personas", status_code=303)


def _index(
    request: Request,
    visitor: Visitor,
    cursor: str,
    problem: GreenroomError | None = None,
    name: str = "",
) -> Response:
    brand_id = visitor.account.brand_id
    with reading() as session:
        found = page_of_personas(session, brand_id=brand_id, cursor=cursor, limit=PERSONAS_ON_A_PAGE)
        references = open_references(session, brand_id=brand_id)
        proposals = waiting_proposals(session, brand_id=brand_id)
        names: dict[str, Any] = {row.id: row.name for row in references}
        for row in proposals:
            if row.persona_id is not None:
                names[row.persona_id] = session.get_one(PersonaRow, row.persona_id).name
    return page(
        request,
        "personas.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        found=found,
        references=references,
        proposals=[(row, names.get(row.persona_id or row.onboarding_id or "", "")) for row in proposals],
        problem=problem,
        name=name,
        most_name=MOST_NAME,
        most_bytes=get_settings().web.upload_max_bytes,
        address=lambda cursor="": f"/personas?cursor={cursor}" if cursor else "/personas",
        is_first=not cursor,
    )
