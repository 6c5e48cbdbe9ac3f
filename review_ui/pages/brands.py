"""The room of brands: at which one this account works now, its others, and, for administrators, a new one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from core.database import transaction
from core.errors import GreenroomError
from pipeline.brands import DEFAULT_PACK, add_brand, brand_packs, organisation
from review_ui.accounts import own, require
from review_ui.memberships import brands_of, join, work_at
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor, check_brand
from review_ui.veil import is_veiled, set_veil

router = APIRouter(prefix="/brands")

Word = Annotated[str, Form(max_length=300)]


@router.get("")
def index(request: Request, visitor: Signed, begun: str = "", saved: str = "") -> Response:
    return _shown(request, visitor, begun=begun == "1", saved=saved == "1")


@router.post("")
def make(
    request: Request, visitor: Sent, name: Word = "", territory: Word = "", rule_pack: Word = DEFAULT_PACK
) -> Response:
    """A brand; who made it works at it too."""
    require(visitor.account, "administer")
    try:
        with transaction() as session:
            row = add_brand(session, name, territory=territory.strip(), rule_pack=rule_pack)
            account = own(session, visitor.account.id)
            join(session, account, [row.id], actor=account.id)
    except GreenroomError as problem:
        return _shown(request, visitor, problem=problem, name=name, territory=territory)
    return RedirectResponse("/brands", status_code=303)


@router.post("/{brand_id}/work-at")
def work_at_it(visitor: Sent, brand_id: str) -> Response:
    work_at(visitor.account.id, brand_id)
    return RedirectResponse("/brands", status_code=303)


@router.post("/veil")
def veil(
    visitor: Sent,
    veiled: Annotated[str, Form(max_length=3)] = "",
    at_brand: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Whether the videos of the brand of now are veiled for whoever reviews them."""
    require(visitor.account, "administer")
    check_brand(visitor, at_brand)
    set_veil(visitor.account.brand_id, veiled=veiled == "yes", actor_id=visitor.account.id)
    return RedirectResponse("/brands?saved=1", status_code=303)


def _shown(
    request: Request,
    visitor: Visitor,
    *,
    problem: GreenroomError | None = None,
    begun: bool = False,
    saved: bool = False,
    name: str = "",
    territory: str = "",
) -> Response:
    named = organisation()
    return page(
        request,
        "brands.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        problem=problem,
        begun=begun,
        saved=saved,
        veiled=is_veiled(visitor.account.brand_id),
        brands=brands_of(visitor.account),
        organisation=named.name if named is not None else "",
        packs=brand_packs(),
        usual_pack=DEFAULT_PACK,
        name=name,
        territory=territory,
    )
