"""What a brand says around its released videos, beside its name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import GreenroomError
from delivery.brand_page import MOST_WORDS, set_words, words_of
from pipeline.brands import list_brands
from review_ui.accounts import require
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor, check_brand

router = APIRouter()


@router.get("/brand-page")
def show(request: Request, visitor: Signed, saved: Annotated[bool, Query()] = False) -> Response:
    require(visitor.account, "release")
    brand_id = visitor.account.brand_id
    return _shown(request, visitor, brand_id=brand_id, words=words_of(brand_id), saved=saved)


@router.post("/brand-page")
def save(
    request: Request,
    visitor: Sent,
    words: Annotated[str, Form()] = "",
    at_brand: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Words that are refused come back as they were typed, for the brand that they were typed for."""
    require(visitor.account, "release")
    try:
        check_brand(visitor, at_brand)
        set_words(visitor.account.brand_id, words, actor_id=visitor.account.id)
    except GreenroomError as problem:
        return _shown(request, visitor, brand_id=at_brand, words=words, problem=problem)
    return RedirectResponse("/brand-page?saved=true", status_code=303)


def _shown(
    request: Request,
    visitor: Visitor,
    *,
    brand_id: str,
    words: str,
    saved: bool = False,
    problem: GreenroomError | None = None,
) -> Response:
    (now,) = list_brands([visitor.account.brand_id])
    return page(
        request,
        "brand_page.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        brand_id=brand_id,
        now=now.name,
        words=words,
        most=MOST_WORDS,
        saved=saved,
        problem=problem,
    )
