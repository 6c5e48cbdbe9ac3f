"""What legal takes out of the record: an authority as it was given, one entry's proof, the register of videos."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from audit.authorities import authority_receipt
from audit.ledger import prove, verify_proof
from audit.ledger.tiles import LedgerFiles
from audit.looked import note_export
from audit.models import AuthorityDocument
from audit.words import actor_of, said
from core.database import reading
from core.errors import Conflict
from core.tables import BrandRow
from delivery.register import as_csv, as_json, rows
from pipeline.capture.proposals import proposal_behind
from pipeline.tables import PersonaRow
from pipeline.timeline import entry_of
from review_ui import authority_form
from review_ui.accounts import require
from review_ui.authorities import standing_in_brand
from review_ui.pages.record import day, looks
from review_ui.people import names_of
from review_ui.rendering import page
from review_ui.security import Signed, Visitor

router = APIRouter()

Day = Annotated[str, Query(max_length=20)]


@router.get("/record/authorities/{authority_id}")
def authority(request: Request, visitor: Signed, authority_id: str) -> Response:
    """One version of a consent or a provenance statement, word for word; every signature was checked."""
    require(visitor.account, "papers")
    brand_id = visitor.account.brand_id
    with reading() as session:
        standing = standing_in_brand(session, authority_id, brand_id=brand_id)
        receipt = authority_receipt(session, authority_id)
        persona = session.get(PersonaRow, receipt["document"]["persona_id"])
        proposal = proposal_behind(session, authority_id, brand_id=brand_id)
    looks(visitor, "authority", authority_id)
    document = AuthorityDocument.model_validate(receipt["document"])
    return page(
        request,
        "record_authority.html",
        visitor=visitor,
        document=document,
        recorded=datetime.fromisoformat(document.made_at),
        signed=json.dumps(receipt["document"], indent=2, ensure_ascii=False),
        form=authority_form,
        key_id=receipt["signature"]["key_id"],
        standing=standing,
        persona=persona if persona is not None and persona.brand_id == brand_id else None,
        proposal=proposal,
    )


@router.get("/record/authorities/{authority_id}/signed.json")
def signed(visitor: Signed, authority_id: str) -> Response:
    """The document as it was signed, with its signature: what `verify_authority_receipt` takes."""
    require(visitor.account, "papers")
    with reading() as session:
        standing_in_brand(session, authority_id, brand_id=visitor.account.brand_id)
        receipt = authority_receipt(session, authority_id)
    _takes(visitor, "authority", authority_id)
    return JSONResponse(receipt, headers=_as_file(f"{authority_id}.json"))


@router.get("/record/entries/{entry_id}")
def entry(request: Request, visitor: Signed, entry_id: str) -> Response:
    """One entry: in words, as it stands in the log, and its proof where a checkpoint covers it."""
    require(visitor.account, "audit")
    brand_id = visitor.account.brand_id
    known = LedgerFiles().verifiers()
    proof, checkpoint = "", None
    with reading() as session:
        row = entry_of(session, entry_id, brand_id=brand_id)
        with suppress(Conflict):  # no checkpoint covers it yet; the page says so
            proof = prove(session, row.entry_id)
    if proof:
        checkpoint = verify_proof(proof, row.body.encode(), known)  # as whoever is handed it will
    looks(visitor, "entry", row.entry_id)
    who = actor_of(row.facts)
    return page(
        request,
        "record_entry.html",
        visitor=visitor,
        row=row,
        words=said(row.event, row.facts),
        who=names_of([who], brand_id=brand_id).get(who, ""),
        body=json.dumps(json.loads(row.body), indent=2, ensure_ascii=False),
        proof=proof,
        checkpoint=checkpoint,
        keys=[verifier.vkey for verifier in known],
    )


@router.get("/record/entries/{entry_id}/proof.txt")
def proof(visitor: Signed, entry_id: str) -> Response:
    """The proof as a file, for whoever checks it offline. Raises Conflict while no checkpoint covers the entry."""
    require(visitor.account, "audit")
    with reading() as session:
        row = entry_of(session, entry_id, brand_id=visitor.account.brand_id)
        text = prove(session, row.entry_id)
    _takes(visitor, "proof", row.entry_id)
    return PlainTextResponse(text, headers=_as_file(f"{entry_id}.proof.txt"))


@router.get("/record/register")
def register(request: Request, visitor: Signed) -> Response:
    require(visitor.account, "audit")
    with reading() as session:
        brand = session.get_one(BrandRow, visitor.account.brand_id)
    return page(request, "record_register.html", visitor=visitor, brand=brand)


@router.get("/record/register.csv")
def register_csv(visitor: Signed, since: Day = "", until: Day = "") -> Response:
    require(visitor.account, "audit")
    found = rows(visitor.account.brand_id, day(since, "since"), day(until, "until"))
    _takes(visitor, "register_csv", visitor.account.brand_id, {"since": since, "until": until})
    return _streamed(as_csv(found), "text/csv", "csv")


@router.get("/record/register.json")
def register_json(visitor: Signed, since: Day = "", until: Day = "") -> Response:
    require(visitor.account, "audit")
    first, last = day(since, "since"), day(until, "until")
    brand_id = visitor.account.brand_id
    found = rows(brand_id, first, last)
    _takes(visitor, "register_json", brand_id, {"since": since, "until": until})
    return _streamed(as_json(found, brand=brand_id, since=first, until=last), "application/json", "json")


def _streamed(pieces: Iterator[str], kind: str, ending: str) -> Response:
    return StreamingResponse(pieces, media_type=kind, headers=_as_file(f"register.{ending}"))


def _takes(visitor: Visitor, kind: str, subject: str, filters: dict[str, str] | None = None) -> None:
    """Write down that this visitor takes this out, before it leaves."""
    account = visitor.account
    note_export(kind, subject, brand_id=account.brand_id, actor=account.id, filters=filters)


def _as_file(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}
