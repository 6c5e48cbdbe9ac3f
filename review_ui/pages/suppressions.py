"""To whom the brand sends nothing more: keys in, keys out, and a look whether one is on the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import Response

from core.errors import GreenroomError, InputError
from pipeline import suppression
from pipeline.brands import list_brands
from review_ui.accounts import require
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor, check_brand

router = APIRouter(prefix="/suppressions")

Keys = Annotated[str, Form(max_length=60_000)]
AtBrand = Annotated[str, Form(max_length=40)]


@router.get("")
def show(request: Request, visitor: Signed) -> Response:
    require(visitor.account, "release")
    return _shown(request, visitor, brand_id=visitor.account.brand_id)


@router.post("")
def add(request: Request, visitor: Sent, keys: Keys = "", at_brand: AtBrand = "") -> Response:
    def act(brand_id: str) -> str:
        done = suppression.add(_lines(keys), brand_id=brand_id, actor_id=visitor.account.id)
        return f"{_keys(done.added)} added, {done.known:,} on the list before."

    return _done(request, visitor, at_brand, act, keys=keys)


@router.post("/remove")
def remove(request: Request, visitor: Sent, keys: Keys = "", at_brand: AtBrand = "") -> Response:
    def act(brand_id: str) -> str:
        gone = suppression.remove(_lines(keys), brand_id=brand_id, actor_id=visitor.account.id)
        return f"{_keys(gone)} taken off the list."

    return _done(request, visitor, at_brand, act, keys=keys)


@router.post("/look")
def look(request: Request, visitor: Sent, keys: Keys = "", at_brand: AtBrand = "") -> Response:
    def act(brand_id: str) -> str:
        found = suppression.on_list(_lines(keys), brand_id=brand_id)
        return f"{sum(found):,} of {_keys(len(found))} on the list."

    return _done(request, visitor, at_brand, act, keys=keys)


@router.post("/import")
def import_file(
    request: Request, visitor: Sent, file: UploadFile | None = None, at_brand: AtBrand = ""
) -> Response:
    def act(brand_id: str) -> str:
        if file is None or not file.filename:
            raise InputError("no file was sent", where="file", next_step="choose a CSV file")
        done = suppression.import_csv(file.file, brand_id=brand_id, actor_id=visitor.account.id)
        left = f" Lines without a key: {', '.join(map(str, done.refused[:20]))}." if done.refused else ""
        return f"{_keys(done.added)} added, {done.known:,} on the list before.{left}"

    return _done(request, visitor, at_brand, act)


def _lines(keys: str) -> list[str]:
    return [line.strip() for line in keys.splitlines() if line.strip()]


def _keys(number: int) -> str:
    return f"{number:,} {'key' if number == 1 else 'keys'}"


def _done(
    request: Request, visitor: Visitor, at_brand: str, act: Callable[[str], str], *, keys: str = ""
) -> Response:
    """Do it for the brand of the page; what is refused comes back as it was typed."""
    require(visitor.account, "release")
    try:
        check_brand(visitor, at_brand)
        said = act(visitor.account.brand_id)
    except GreenroomError as problem:
        return _shown(request, visitor, brand_id=at_brand, keys=keys, problem=problem)
    return _shown(request, visitor, brand_id=at_brand, said=said)


def _shown(
    request: Request,
    visitor: Visitor,
    *,
    brand_id: str,
    keys: str = "",
    said: str = "",
    problem: GreenroomError | None = None,
) -> Response:
    (now,) = list_brands([visitor.account.brand_id])
    number = suppression.count(now.id)
    return page(
        request,
        "suppressions.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        brand_id=brand_id,
        now=now.name,
        number=number,
        most=suppression.MOST_COUNTED,
        keys=keys,
        said=said,
        problem=problem,
    )
