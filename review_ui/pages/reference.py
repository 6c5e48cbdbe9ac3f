"""The API described for people, from its own description: open to everybody, as the description itself is."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from core.settings import get_settings
from review_ui.reference import USUAL, reference_of
from review_ui.rendering import page
from review_ui.security import seen

router = APIRouter()

RESOURCES = {
    "checks": "Checks of a file",
    "campaigns": "Campaigns and recipients",
    "renders": "Renders, evidence, release and recall",
    "sending": "Further tries, progress, and to whom nothing goes",
    "links": "Links",
    "webhooks": "Webhooks",
    "events": "Events",
    "authorities": "Reference clips, and authorities",
    "holds": "Legal holds",
}


@router.get("/docs")
def docs(request: Request) -> Response:
    shown = reference_of(request.app.openapi(), get_settings().web.address)
    return page(
        request, "reference.html", visitor=seen(request), reference=shown, titles=RESOURCES, everywhere=USUAL
    )
