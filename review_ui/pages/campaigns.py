"""The operator's room: campaigns, and a form that asks for one personalised video."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import Forbidden, GreenroomError
from pipeline.service import get_campaign, list_campaigns, request_render
from review_ui.accounts import require
from review_ui.rendering import page
from review_ui.security import Signed

router = APIRouter()


@router.get("/campaigns")
def index(request: Request, visitor: Signed) -> Response:
    require(visitor.account, "view")
    rows = list_campaigns(brand_id=visitor.account.brand_id)
    return page(request, "campaigns.html", visitor=visitor, rows=rows)


@router.get("/campaigns/{campaign_id}")
def one(request: Request, visitor: Signed, campaign_id: str) -> Response:
    require(visitor.account, "view")
    row = get_campaign(campaign_id, brand_id=visitor.account.brand_id)
    return page(request, "campaign.html", visitor=visitor, row=row, values={}, problem=None)


@router.post("/campaigns/{campaign_id}/renders")
async def ask(request: Request, visitor: Signed, campaign_id: str) -> Response:
    """The fields of a form are the template's, so they are read here and checked by the campaign's schema."""
    require(visitor.account, "make")
    form = await request.form(max_files=0, max_fields=60)
    sent = {name: str(value) for name, value in form.items()}
    if not secrets.compare_digest(sent.pop("csrf", "").encode(), visitor.csrf.encode()):
        raise Forbidden(
            "this form is out of date", next_step="reload the page and try again", code="stale_form"
        )
    row = get_campaign(campaign_id, brand_id=visitor.account.brand_id)
    try:
        render = request_render(
            campaign_id, _typed(row.field_schema, sent), brand_id=row.brand_id, maker_id=visitor.account.id
        )
    except GreenroomError as problem:
        # What was typed stays in the form.
        return page(
            request,
            "campaign.html",
            status=problem.http_status,
            visitor=visitor,
            row=row,
            values=sent,
            problem=problem,
        )
    return RedirectResponse(f"/renders/{render.id}", status_code=303)


def _typed(schema: dict[str, object], sent: dict[str, str]) -> dict[str, object]:
    """Numbers as numbers: a form sends text. What is no number stays text, and the schema says so."""
    properties = schema.get("properties", {})
    typed: dict[str, object] = {}
    for name, value in sent.items():
        field = properties.get(name, {}) if isinstance(properties, dict) else {}
        typed[name] = value
        if field.get("type") in ("number", "integer"):
            try:
                typed[name] = int(value) if field["type"] == "integer" else float(value)
            except ValueError:
                continue
    return typed
