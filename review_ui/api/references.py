"""Reference clips: sent in, examined by a worker, and what to film again. An approved authority makes one a persona."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field

from core.canonical import digest_file
from core.database import reading
from pipeline.capture import references
from pipeline.capture.tables import OnboardingRow
from review_ui.api.caller import Caller, Viewer
from review_ui.api.documents import CHANGES, NAMED, V1
from review_ui.api.once import Made, once
from review_ui.uploads import kept

router = APIRouter(prefix=f"{V1}/references", tags=["authorities"])


class Reference(BaseModel):
    """A clip of who is to appear, and its examination. `checks`: each check that was made, in order; where one failed,
    `code` and `what` say why and `film_again` what to do. A clip that `passed` waits for its authority."""

    reference: str
    name: str
    state: Literal["waiting", "passed", "refused", "deleted"]
    progress: float = Field(description="Of the examination, 0 to 1.")
    checks: dict[str, Literal["passed", "failed"]]
    notes: list[str]
    code: str | None
    what: str | None
    film_again: str | None
    persona: str | None
    created_at: datetime
    changed_at: datetime


@router.post("", status_code=201, response_model=Reference, responses=CHANGES)
async def send(
    *,
    call: Made,
    name: Annotated[str, Form(max_length=1000, description="What people here call who appears.")],
    file: UploadFile | None = None,
) -> Response:
    """Send a reference clip; a worker examines it. One that becomes no persona is deleted after a month."""
    who = call.caller
    async with kept(file) as path:
        said = [name, await run_in_threadpool(digest_file, path) if call.key else ""]

        def act() -> Reference:
            row = references.receive(path, brand_id=who.brand_id, actor_id=who.actor_id, name=name)
            return _document(row)

        return await once(call, said, lambda: run_in_threadpool(act), status=201)


@router.get("/{reference_id}", responses=NAMED)
def one(caller: Viewer, reference_id: str) -> Reference:
    """How far the examination of a clip is, and what it found."""
    return _document(_row(caller, reference_id))


@router.post("/{reference_id}/delete", response_model=Reference, responses=CHANGES)
async def delete(call: Made, reference_id: str) -> Response:
    """Delete a clip that became no persona, with all that was found in it. It cannot be undone."""
    who = call.caller

    def act() -> Reference:
        references.delete_reference(reference_id, brand_id=who.brand_id, actor_id=who.actor_id)
        return _document(_row(who, reference_id))

    return await once(call, None, lambda: run_in_threadpool(act))


def _row(caller: Caller, reference_id: str) -> OnboardingRow:
    with reading() as session:
        return references.find_reference(session, reference_id, brand_id=caller.brand_id)


def _document(row: OnboardingRow) -> Reference:
    found = row.result
    return Reference.model_validate(
        {
            "reference": row.id,
            "name": row.name,
            "state": row.state,
            "progress": row.progress,
            "checks": found.get("checks", {}),
            "notes": found.get("notes", []),
            "code": found.get("code"),
            "what": found.get("what"),
            "film_again": found.get("film_again"),
            "persona": row.persona_id,
            "created_at": row.created_at,
            "changed_at": row.changed_at,
        }
    )
