"""Authorities that are stated by who makes videos and count once legal has approved them (trust step 1).

Who states one does not approve it, whether by a page or by a key: both are written down as the person's own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import pydantic_core
from fastapi import APIRouter, File, Form, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field

from core.canonical import digest_bytes
from core.database import reading
from core.errors import InputError, NotFound
from delivery.written import one_line_end
from pipeline.authority_file import AuthorityFile
from pipeline.capture import proposals, stating
from pipeline.capture.documents import MOST_BYTES, open_document
from pipeline.capture.tables import ProposalRow
from review_ui.api.caller import Viewer
from review_ui.api.documents import CHANGES, CLOSED, NAMED, V1, Asked
from review_ui.api.once import Audited, Made, once

router = APIRouter(prefix=f"{V1}/proposals", tags=["authorities"])

MOST_STATED = 60_000  # characters of an authority as JSON


class Proposal(BaseModel):
    """An authority that somebody states, for a persona that there is or for a reference that becomes one. It counts for
    nothing until it is `approved`; then `authority` names what came of it."""

    proposal: str
    persona: str | None
    reference: str | None
    supersedes: str | None = Field(description="The version of the persona's authority that it would follow.")
    states: AuthorityFile
    notice: str
    has_document: bool
    proposed_by: str
    state: Literal["waiting", "approved", "refused"]
    words: str = Field(description="Why it was refused.")
    decided_at: datetime | None
    authority: str | None
    created_at: datetime


class Proposals(BaseModel):
    """What waits for legal, the oldest fifty."""

    proposals: list[Proposal]


class Refusal(Asked):
    """Why a proposal is refused, for who stated it."""

    words: str = Field(max_length=proposals.MOST_WORDS)


@router.get("", responses=CLOSED)
def index(caller: Viewer) -> Proposals:
    """What waits for legal at the brand, oldest first."""
    with reading() as session:
        rows = proposals.waiting_proposals(session, brand_id=caller.brand_id)
    return Proposals(proposals=[_document(row) for row in rows])


@router.get("/{proposal_id}", responses=NAMED)
def one(caller: Viewer, proposal_id: str) -> Proposal:
    """What was stated, and what legal said."""
    with reading() as session:
        return _document(proposals.find_proposal(session, proposal_id, brand_id=caller.brand_id))


@router.post("", status_code=201, response_model=Proposal, responses=CHANGES)
async def state(
    *,
    call: Made,
    authority: Annotated[
        str,
        Form(
            max_length=MOST_STATED,
            description="An AuthorityFile as JSON: `scope`, and `consent` or `statement`.",
        ),
    ],
    persona: Annotated[str, Form(max_length=40, description="For a new version: whose.")] = "",
    reference: Annotated[str, Form(max_length=40, description="For a new persona: of which clip.")] = "",
    notice: Annotated[
        str, Form(max_length=stating.MOST_NOTICE, description="The words that the person was shown.")
    ] = "",
    keep_years: Annotated[
        int, Form(description="For how many years past its end the document is kept: 1, 3, 6 or 10.")
    ] = stating.KEEP_YEARS[0],
    document: Annotated[
        UploadFile | None, File(description="What the person signed: PDF, PNG or JPEG. A consent needs one.")
    ] = None,
) -> Response:
    """State an authority for a persona or a reference; legal decides over it."""
    who = call.caller
    stated = _stated(authority)
    signed = await document.read(MOST_BYTES + 1) if document is not None and document.filename else b""

    def act() -> Proposal:
        row = stating.propose(
            stated,
            brand_id=who.brand_id,
            actor_id=who.maker_id,
            persona_id=persona or None,
            onboarding_id=reference or None,
            notice=one_line_end(notice).strip(),
            document=signed,
            keep_years=keep_years,
        )
        return _document(row)

    said = [stated, persona, reference, notice, keep_years, digest_bytes(signed)]
    return await once(call, said, lambda: run_in_threadpool(act), status=201)


@router.post(
    "/{proposal_id}/document",
    responses={
        **CHANGES,
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    },
    response_class=Response,
)
def document(call: Audited, proposal_id: str) -> Response:
    """The document that the person signed, for legal; the ledger says who took it out."""
    who = call.caller
    with reading() as session:
        row = proposals.find_proposal(session, proposal_id, brand_id=who.brand_id)
    if row.document_id is None:
        raise NotFound(
            "no document came with this proposal", where=proposal_id, next_step="read what it states"
        )
    _, data = open_document(row.document_id, brand_id=who.brand_id, actor_id=who.actor_id)
    return Response(data, media_type="application/octet-stream")


@router.post("/{proposal_id}/approve", response_model=Proposal, responses=CHANGES)
async def approve(call: Audited, proposal_id: str) -> Response:
    """Let it count from now on. Who stated it cannot; a new persona begins with it."""
    who = call.caller

    def act() -> Proposal:
        proposals.approve_proposal(proposal_id, brand_id=who.brand_id, actor_id=who.maker_id)
        return one(who, proposal_id)

    return await once(call, None, lambda: run_in_threadpool(act))


@router.post("/{proposal_id}/refuse", response_model=Proposal, responses=CHANGES)
async def refuse(call: Audited, proposal_id: str, why: Refusal) -> Response:
    """Say no to it, with the reason for who stated it."""
    who = call.caller

    def act() -> Proposal:
        proposals.refuse_proposal(proposal_id, brand_id=who.brand_id, actor_id=who.maker_id, words=why.words)
        return one(who, proposal_id)

    return await once(call, why.model_dump(), lambda: run_in_threadpool(act))


def _stated(text: str) -> dict[str, object]:
    """What the JSON says; whether that is an authority the service asks. Raises InputError."""
    try:
        found = pydantic_core.from_json(text)
    except ValueError as error:
        raise InputError(
            "the authority is no JSON",
            where="authority",
            next_step="send an AuthorityFile as JSON: /docs shows it",
        ) from error
    if not isinstance(found, dict):
        raise InputError("the authority is no JSON object", where="authority", next_step="send an object")
    return found


def _document(row: ProposalRow) -> Proposal:
    return Proposal.model_validate(
        {
            "proposal": row.id,
            "persona": row.persona_id,
            "reference": row.onboarding_id,
            "supersedes": row.supersedes,
            "states": stating.read_content(row.content),
            "notice": row.notice,
            "has_document": row.document_id is not None,
            "proposed_by": row.proposed_by,
            "state": row.verdict or "waiting",
            "words": row.words,
            "decided_at": row.decided_at,
            "authority": row.authority_id,
            "created_at": row.created_at,
        }
    )
