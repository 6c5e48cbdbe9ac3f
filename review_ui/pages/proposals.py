"""The authority as a form: stated by who makes videos, with the signed document, and approved by legal before it
counts (trust step 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from audit.standing import authority_standing
from core.database import reading
from core.errors import GreenroomError, NotFound
from core.tables import BrandRow
from delivery.written import one_line_end
from pipeline.capture.documents import MOST_BYTES, open_document
from pipeline.capture.proposals import (
    approve_proposal,
    find_proposal,
    refuse_proposal,
)
from pipeline.capture.references import find_reference
from pipeline.capture.stating import KEEP_YEARS, MOST_NOTICE, propose, read_content
from pipeline.capture.tables import DocumentRow, ProposalRow
from pipeline.ownership import owned
from pipeline.tables import PersonaRow
from review_ui import authority_form
from review_ui.accounts import require
from review_ui.people import names_of
from review_ui.rendering import page
from review_ui.security import Sent, Signed, Visitor, check_brand

router = APIRouter()

Id = Annotated[str, Query(max_length=40, pattern=r"^\w*$")]
Words = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True)
class Filled:
    """What stands in the form, and whom it is about: a persona, or a reference that becomes one."""

    form: Mapping[str, Any]
    lists: Mapping[str, list[str]]
    persona: str
    reference: str


@router.get("/authorities/new")
def new(request: Request, visitor: Signed, persona: Id = "", reference: Id = "") -> Response:
    """An empty form for a reference that becomes a persona; for a persona that there is, what its authority says."""
    require(visitor.account, "make")
    form, lists = authority_form.USUAL, authority_form.USUAL_LISTS
    if persona:
        with reading() as session:
            row = owned(session, PersonaRow, persona, visitor.account.brand_id)
            form, lists = authority_form.filled_from(authority_standing(session, row.authority_id).authority)
    filled = Filled({"brands": visitor.account.brand_id} | form, lists, persona, reference)
    return _form(request, visitor, filled)


@router.post("/authorities/propose")
async def send(request: Request, visitor: Sent, document: UploadFile | None = None) -> Response:
    """The fields are many and of the form's own making: they are read here, and checked by the authority's model."""
    require(visitor.account, "make")
    fields = await request.form()
    signed = await document.read(MOST_BYTES + 1) if document is not None and document.filename else b""
    return await run_in_threadpool(_send, request, visitor, fields, signed)


@router.get("/authorities/proposals/{proposal_id}")
def one(request: Request, visitor: Signed, proposal_id: str) -> Response:
    """What was stated, for everybody; legal decides over it here."""
    require(visitor.account, "view")
    return _show(request, visitor, proposal_id)


@router.post("/authorities/proposals/{proposal_id}/document")
def document(visitor: Sent, proposal_id: str) -> Response:
    """The signed document, for legal; the ledger says who opened it."""
    require(visitor.account, "audit")
    account = visitor.account
    with reading() as session:
        row = find_proposal(session, proposal_id, brand_id=account.brand_id)
    if row.document_id is None:
        raise NotFound(
            "no document came with this proposal", where=proposal_id, next_step="read what it states"
        )
    kept, data = open_document(row.document_id, brand_id=account.brand_id, actor_id=account.id)
    suffix = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}[kept.media_type]
    headers = {"content-disposition": f'attachment; filename="{kept.id}.{suffix}"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.post("/authorities/proposals/{proposal_id}/approve")
def approve(request: Request, visitor: Sent, proposal_id: str) -> Response:
    require(visitor.account, "audit")
    account = visitor.account
    try:
        authority = approve_proposal(proposal_id, brand_id=account.brand_id, actor_id=account.id)
    except NotFound:
        raise
    except GreenroomError as problem:
        return _show(request, visitor, proposal_id, problem)
    return RedirectResponse(f"/authorities?done={authority.id}#{authority.id}", status_code=303)


@router.post("/authorities/proposals/{proposal_id}/refuse")
def refuse(request: Request, visitor: Sent, proposal_id: str, words: Words = "") -> Response:
    require(visitor.account, "audit")
    account = visitor.account
    try:
        refuse_proposal(proposal_id, brand_id=account.brand_id, actor_id=account.id, words=words)
    except NotFound:
        raise
    except GreenroomError as problem:
        return _show(request, visitor, proposal_id, problem, words)
    return RedirectResponse(f"/authorities/proposals/{proposal_id}", status_code=303)


def _send(request: Request, visitor: Visitor, fields: FormData, signed: bytes) -> Response:
    form = {name: value for name, value in fields.items() if isinstance(value, str)}
    lists = {name: [str(one) for one in fields.getlist(name)] for name in authority_form.LISTS}
    persona, reference = form.get("persona", "")[:40], form.get("reference", "")[:40]
    try:
        check_brand(visitor, form.get("at_brand", ""))
        years = form.get("keep_years", "")
        row = propose(
            authority_form.said_by(form, lists),
            brand_id=visitor.account.brand_id,
            actor_id=visitor.account.id,
            persona_id=persona or None,
            onboarding_id=reference or None,
            notice=one_line_end(form.get("notice", "")).strip(),  # as the person was shown it
            document=signed,
            keep_years=int(years) if years in map(str, KEEP_YEARS) else 0,
        )
    except NotFound:
        raise
    except GreenroomError as problem:
        return _form(request, visitor, Filled(form, lists, persona, reference), problem)
    return RedirectResponse(f"/authorities/proposals/{row.id}", status_code=303)


def _form(
    request: Request, visitor: Visitor, filled: Filled, problem: GreenroomError | None = None
) -> Response:
    """The form, with what was typed. A file that was chosen is chosen again: browsers keep none."""
    brand_id = visitor.account.brand_id
    with reading() as session:
        name = (
            owned(session, PersonaRow, filled.persona, brand_id).name
            if filled.persona
            else find_reference(session, filled.reference, brand_id=brand_id).name
        )
    return page(
        request,
        "authority_form.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        name=name,
        **vars(filled),
        problem=problem,
        words=authority_form,
        years=KEEP_YEARS,
        most_notice=MOST_NOTICE,
        most_bytes=MOST_BYTES,
    )


def _show(
    request: Request,
    visitor: Visitor,
    proposal_id: str,
    problem: GreenroomError | None = None,
    words: str = "",
) -> Response:
    brand_id = visitor.account.brand_id
    with reading() as session:
        row = find_proposal(session, proposal_id, brand_id=brand_id)
        kept = session.get(DocumentRow, row.document_id) if row.document_id is not None else None
        name = _name(row, session, brand_id)
        brand = session.get_one(BrandRow, brand_id)
    said = read_content(row.content)
    return page(
        request,
        "proposal.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        row=row,
        said=said,
        brands=[brand.name if one == brand.id else one for one in said.scope.brands],
        kept=kept,
        name=name,
        names=names_of([row.proposed_by, row.decided_by or ""], brand_id=brand_id),
        by_oneself=row.proposed_by == visitor.account.id,
        problem=problem,
        typed=words,
        form=authority_form,
    )


def _name(row: ProposalRow, session: Any, brand_id: str) -> str:
    if row.persona_id is not None:
        return owned(session, PersonaRow, row.persona_id, brand_id).name
    return find_reference(session, row.onboarding_id or "", brand_id=brand_id).name
