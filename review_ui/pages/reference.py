"""The API described for people, from its own description: open to everybody, as the description itself is."""

from __future__ import annotations

from typing import Any

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
    """Its operations, by resource."""
    return _page(request, "reference.html", titles=RESOURCES, everywhere=USUAL)


@router.get("/docs/documents")
def documents(request: Request) -> Response:
    """What they take and answer."""
    return _page(request, "reference_documents.html")


def _page(request: Request, template: str, **more: Any) -> Response:
    shown = reference_of(request.app.openapi(), get_settings().web.address)
    return page(request, template, visitor=seen(request), reference=shown, **more)
