"""Finished videos made elsewhere come in: each with its script, what it was made with, and the credential that it
carries. They pass the same gates."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy import select
from starlette.datastructures import FormData, UploadFile

from core.database import reading
from core.errors import GreenroomError, InputError
from core.settings import get_settings
from pipeline import script_files
from pipeline.intake import MOST_ENGINE, import_video
from pipeline.tables import CampaignRow, PersonaRow
from review_ui.accounts import require
from review_ui.bodies import FORM_LIMITS
from review_ui.rendering import page, wants_json
from review_ui.security import Signed, Visitor, check_brand, check_token
from review_ui.uploads import kept

router = APIRouter()

CAMPAIGNS_OFFERED = 200
MOST_SCRIPT = 20_000  # characters that are pasted

MOST = {
    "csrf": 100,
    "at_brand": 40,
    "campaign": 40,
    "engine": 400,
    "script": MOST_SCRIPT,
    "key": 60,
}
"""The fields of the form, and the characters of each that are read."""


@router.get("/imports")
def index(
    request: Request, visitor: Signed, campaign: Annotated[str, Query(max_length=40, pattern=r"^\w*$")] = ""
) -> Response:
    require(visitor.account, "make")
    return _show(request, visitor, {"campaign": campaign})


@router.post("/imports")
async def bring_in(request: Request, visitor: Signed) -> Response:
    """One video, and a file with its script beside it: the one form here that holds two. A page's script sends several
    one after the other, and is answered with JSON."""
    require(visitor.account, "make")
    async with request.form(**FORM_LIMITS | {"max_files": 2}) as form:
        return await _bring_in(request, visitor, form)


async def _bring_in(request: Request, visitor: Visitor, form: FormData) -> Response:
    account = visitor.account
    typed = {name: str(form.get(name, ""))[: MOST[name]] for name in MOST}
    check_token(visitor, typed["csrf"])
    video, beside = form.get("file"), form.get("script_file")
    try:
        check_brand(visitor, typed["at_brand"])
        if not typed["engine"].strip():
            raise InputError(
                "this import does not say what it was made with",
                where="engine",
                next_step="name the engine or the studio",
            )
        words = await _script(typed["script"], beside if isinstance(beside, UploadFile) else None)
        async with kept(video if isinstance(video, UploadFile) else None) as path:
            row = await run_in_threadpool(
                import_video,
                path,
                typed["campaign"],
                brand_id=account.brand_id,
                maker_id=account.id,
                script=words or None,
                engine=typed["engine"],
                request_key=f"web-{typed['key']}" if typed["key"] else None,
            )
    except GreenroomError as problem:
        if wants_json(request):
            raise
        return await run_in_threadpool(_show, request, visitor, typed, problem)
    if wants_json(request):
        return JSONResponse({"render": row.id, "state": row.state})
    return RedirectResponse(f"/renders/{row.id}", status_code=303)


async def _script(pasted: str, sent: UploadFile | None) -> str:
    """The words of the file where one came, else those that were pasted; "" where there are none."""
    if sent is None or not sent.filename:
        return " ".join(pasted.split())
    return script_files.script_of(sent.filename, await sent.read(script_files.MOST_BYTES + 1))


def _show(
    request: Request, visitor: Visitor, typed: dict[str, str], problem: GreenroomError | None = None
) -> Response:
    return page(
        request,
        "imports.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        typed=typed,
        problem=problem,
        campaigns=_offered(visitor.account.brand_id),
        key=secrets.token_urlsafe(12),
        most_bytes=get_settings().web.upload_max_bytes,
        most_script=MOST_SCRIPT,
        most_engine=MOST_ENGINE,
        kinds=",".join(script_files.KINDS),
    )


def _offered(brand_id: str) -> list[Any]:
    """The newest campaigns with who appears in each: rows (id, name, persona)."""
    query = (
        select(CampaignRow.id, CampaignRow.name, PersonaRow.name.label("persona"))
        .join(PersonaRow, PersonaRow.id == CampaignRow.persona_id)
        .where(CampaignRow.brand_id == brand_id)
        .order_by(CampaignRow.created_at.desc(), CampaignRow.id.desc())
        .limit(CAMPAIGNS_OFFERED)
    )
    with reading() as session:
        return list(session.execute(query).all())
