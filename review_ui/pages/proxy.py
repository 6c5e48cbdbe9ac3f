"""Where a reviewer whose browser cannot play a file asks for a proxy, and gets it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from core.blobs import blobs
from core.errors import NotFound
from pipeline import proxies
from pipeline.service import get_render
from review_ui.accounts import require
from review_ui.pages.player import FromScript
from review_ui.security import Signed

router = APIRouter()


@router.post("/renders/{render_id}/proxy")
def ask(visitor: FromScript, render_id: str) -> dict[str, bool]:
    """Whether there is one; where there is none it is being made from now on."""
    require(visitor.account, "review")
    return {"ready": proxies.ask_for(render_id, brand_id=visitor.account.brand_id)}


@router.get("/renders/{render_id}/proxy")
def is_there(visitor: Signed, render_id: str) -> dict[str, bool]:
    require(visitor.account, "review")
    render = get_render(render_id, brand_id=visitor.account.brand_id)
    return {"ready": proxies.proxy_of(render) is not None}


@router.get("/renders/{render_id}/proxy.webm")
def file(visitor: Signed, render_id: str) -> Response:
    """To accounts of the brand that may decide over it. Not a door: nothing else can fetch it."""
    require(visitor.account, "review")
    digest = proxies.proxy_of(get_render(render_id, brand_id=visitor.account.brand_id))
    if digest is None:
        raise NotFound(
            "there is no proxy of this video", where=render_id, next_step="ask for one on its page"
        )
    return FileResponse(
        blobs().get_file(digest, proxies.ROLE),
        media_type="video/webm",
        headers={"cache-control": "private, no-store"},
    )
