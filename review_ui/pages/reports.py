"""The room of cases: what people reported of released videos, and until when each is to be answered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from core.database import now
from delivery.reports import close, list_cases
from review_ui.accounts import require
from review_ui.pages.public import KINDS
from review_ui.rendering import page
from review_ui.security import Sent, Signed

router = APIRouter()


@router.get("/reports")
def cases(
    request: Request, visitor: Signed, closed: Annotated[str, Query(max_length=40, pattern=r"^\w*$")] = ""
) -> Response:
    require(visitor.account, "audit")
    found = list_cases(visitor.account.brand_id)
    return page(
        request, "reports.html", visitor=visitor, cases=found, kinds=KINDS, at=now(), just_closed=closed
    )


@router.post("/reports/{report_id}/close")
def end(
    visitor: Sent,
    report_id: str,
    outcome: Annotated[str, Form(max_length=20)] = "",
    answer: Annotated[str, Form(max_length=8000)] = "",
) -> Response:
    require(visitor.account, "audit")
    account = visitor.account
    close(report_id, brand_id=account.brand_id, actor_id=account.id, outcome=outcome, answer=answer)
    return RedirectResponse(f"/reports?closed={report_id}", status_code=303)
