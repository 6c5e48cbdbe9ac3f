"""The first-run page: organisation, brand and first administrator, for whoever holds the console's code.

It is there only while the installation has no account.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from core.errors import GreenroomError, InputError, NotFound
from core.settings import get_settings
from pipeline.brands import DEFAULT_PACK, brand_packs
from review_ui.beginning import begin, fits, nobody_is_here, signs_for_real, wrong_code
from review_ui.pages.signin import inside
from review_ui.rates import retry_headers
from review_ui.rendering import page
from review_ui.security import address_of
from review_ui.sessions import open_session

router = APIRouter(prefix="/begin")

Code = Annotated[str, Form(max_length=200)]
Word = Annotated[str, Form(max_length=300)]


@router.get("")
def show(request: Request, code: str = "") -> Response:
    """The form under the right code, else the question for it."""
    _only_while_nobody_is_here()
    if not code:
        return _shown(request, "")
    if not fits(code[:200], address=address_of(request)):
        return _shown(request, "", problem=wrong_code())
    return _shown(request, code)


@router.post("")
def enter(
    *,
    request: Request,
    code: Code = "",
    organisation: Word = "",
    brand: Word = "",
    territory: Word = "",
    rule_pack: Word = DEFAULT_PACK,
    email: Word = "",
    password: Word = "",
    again: Word = "",
    development: Word = "",
) -> Response:
    _only_while_nobody_is_here()
    if not fits(code, address=address_of(request)):
        return _shown(request, "", problem=wrong_code())
    said = {"organisation": organisation, "brand": brand, "territory": territory, "email": email}
    try:
        if password != again:
            raise InputError(
                "the two passwords differ", where="password", next_step="type the password twice"
            )
        if not signs_for_real() and not development:
            raise InputError(
                "what this installation signs proves nothing outside, and you have to know that",
                where="signing",
                next_step="tick the box, or end here and set a signing certificate (docs/operations.md)",
            )
        account = begin(
            organisation=organisation,
            brand=brand,
            territory=territory,
            rule_pack=rule_pack,
            email=email,
            password=password,
            code=code,
        )
    except GreenroomError as problem:
        return _shown(request, code, problem=problem, rule_pack=rule_pack, **said)
    return inside(request, open_session(account), "/brands?begun=1")


def _only_while_nobody_is_here() -> None:
    if not nobody_is_here():
        raise NotFound("this installation is set up already", next_step="sign in, or ask to be invited")


def _shown(
    request: Request,
    code: str,
    *,
    problem: GreenroomError | None = None,
    rule_pack: str = DEFAULT_PACK,
    **said: str,
) -> Response:
    values = dict.fromkeys(("organisation", "brand", "territory", "email"), "") | said
    answer = page(
        request,
        "begin.html",
        status=problem.http_status if problem is not None else 200,
        code=code,
        problem=problem,
        said=values,
        rule_pack=rule_pack,
        packs=brand_packs(),
        for_real=signs_for_real(),
        certificate=get_settings().signing_chain,
    )
    answer.headers.update(retry_headers(problem) if problem is not None else {})
    return answer
