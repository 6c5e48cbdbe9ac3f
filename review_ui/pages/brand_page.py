"""What a brand says around its released videos, beside its name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from delivery.brand_page import MOST_WORDS, set_words, words_of
from review_ui.accounts import require
from review_ui.rendering import page
from review_ui.security import Sent, Signed

router = APIRouter()


@router.get("/brand-page")
def show(request: Request, visitor: Signed, saved: Annotated[bool, Query()] = False) -> Response:
    require(visitor.account, "release")
    words = words_of(visitor.account.brand_id)
    return page(request, "brand_page.html", visitor=visitor, words=words, most=MOST_WORDS, saved=saved)


@router.post("/brand-page")
def save(visitor: Sent, words: Annotated[str, Form()] = "") -> Response:
    require(visitor.account, "release")
    set_words(visitor.account.brand_id, words, actor_id=visitor.account.id)
    return RedirectResponse("/brand-page?saved=true", status_code=303)
