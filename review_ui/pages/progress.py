"""How a campaign gets on, as it happens."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pipeline.service import get_campaign
from review_ui.accounts import require
from review_ui.live import shared, stream
from review_ui.progress import look
from review_ui.security import Signed, visitor

router = APIRouter()


@router.get("/campaigns/{campaign_id}/progress")
def progress(request: Request, signed: Signed, campaign_id: str) -> Response:
    """Server-sent events; each is the whole of it."""
    require(signed.account, "view")
    get_campaign(campaign_id, brand_id=signed.account.brand_id)

    def again() -> dict[str, Any]:
        account = visitor(request).account  # signed out, or at another brand, since: the stream ends
        require(account, "view")
        row = get_campaign(campaign_id, brand_id=account.brand_id)
        return shared(row.id, lambda: look(row))

    return stream(signed.account.id, again)
