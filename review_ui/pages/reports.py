"""The room of cases: what people reported of released videos, and until when each is to be answered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from core.database import now
from core.errors import GreenroomError, InputError
from delivery.reports import MOST_WORDS, close, list_cases
from review_ui.accounts import require
from review_ui.pages.public import KINDS
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor

router = APIRouter()


@router.get("/reports")
def cases(
    request: Request, visitor: Signed, closed: Annotated[str, Query(max_length=40, pattern=r"^\w*$")] = ""
) -> Response:
    require(visitor.account, "audit")
    return _shown(request, visitor, just_closed=closed)


@router.post("/reports/{report_id}/close")
def end(
    request: Request,
    visitor: Sent,
    report_id: str,
    outcome: Annotated[str, Form()] = "",
    answer: Annotated[str, Form()] = "",
) -> Response:
    """An answer that is refused comes back as it was typed."""
    require(visitor.account, "audit")
    account = visitor.account
    try:
        close(report_id, brand_id=account.brand_id, actor_id=account.id, outcome=outcome, answer=answer)
    except InputError as problem:
        typed = {"id": report_id, "outcome": outcome, "answer": answer}
        return _shown(request, visitor, problem=problem, typed=typed)
    return RedirectResponse(f"/reports?closed={report_id}", status_code=303)


def _shown(
    request: Request,
    visitor: Visitor,
    *,
    just_closed: str = "",
    problem: GreenroomError | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    return page(
        request,
        "reports.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        cases=list_cases(visitor.account.brand_id),
        kinds=KINDS,
        at=now(),
        just_closed=just_closed,
        problem=problem,
        typed=typed or {"id": ""},
        most_words=MOST_WORDS,
    )
