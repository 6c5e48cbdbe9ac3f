"""To whom the brand sends nothing more: keys in, keys out, and a look whether one is on the list."""

from __future__ import annotations

import hashlib
import io
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from pipeline import suppression
from review_ui.api.documents import CHANGES, V1, Asked
from review_ui.api.once import Released, once

router = APIRouter(prefix=f"{V1}/suppressions", tags=["sending"])


class Recipients(Asked):
    """E-mail addresses, telephone numbers, or the customer's own numbers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keys": ["asha@customer.example"]}]})

    keys: list[Annotated[str, Field(max_length=400)]] = Field(min_length=1, max_length=suppression.MOST_KEYS)


class AddedKeys(BaseModel):
    """What came of keys that were to be added. ``known``: were on the list already."""

    added: int
    known: int


class AddedLines(AddedKeys):
    """What came of a file. ``refused``: the first hundred lines that hold no key."""

    refused: list[int]


class RemovedKeys(BaseModel):
    """How many were on the list."""

    removed: int


class Looked(BaseModel):
    """For each key, in the order that they were sent, whether it is on the list."""

    suppressed: list[bool]


@router.post("", response_model=AddedKeys, responses=CHANGES)
async def suppress(call: Released, asked: Recipients) -> Response:
    """Nothing more is made, released or linked for these recipients."""
    who = call.caller

    def act() -> AddedKeys:
        done = suppression.add(asked.keys, brand_id=who.brand_id, actor_id=who.actor_id)
        return AddedKeys(added=done.added, known=done.known)

    return await once(call, asked.model_dump(), lambda: run_in_threadpool(act))


@router.post("/remove", response_model=RemovedKeys, responses=CHANGES)
async def unsuppress(call: Released, asked: Recipients) -> Response:
    """Take recipients off the list."""
    who = call.caller

    def act() -> RemovedKeys:
        return RemovedKeys(
            removed=suppression.remove(asked.keys, brand_id=who.brand_id, actor_id=who.actor_id)
        )

    return await once(call, asked.model_dump(), lambda: run_in_threadpool(act))


@router.post("/look", response_model=Looked, responses=CHANGES)
async def look(call: Released, asked: Recipients) -> Response:
    """Whether recipients are on the list. The list itself holds digests, and names nobody."""
    brand_id = call.caller.brand_id

    def act() -> Looked:
        return Looked(suppressed=suppression.on_list(asked.keys, brand_id=brand_id))

    return await once(call, asked.model_dump(), lambda: run_in_threadpool(act))


@router.post(
    "/import",
    response_model=AddedLines,
    responses=CHANGES,
    openapi_extra={
        "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}
    },
)
async def import_file(request: Request, call: Released) -> Response:
    """The keys of a CSV: the first cell of each line, at most 200,000 lines. Sent again it adds nothing twice."""
    who, body = call.caller, await request.body()

    def act() -> AddedLines:
        done = suppression.import_csv(io.BytesIO(body), brand_id=who.brand_id, actor_id=who.actor_id)
        return AddedLines(added=done.added, known=done.known, refused=list(done.refused))

    return await once(call, hashlib.sha256(body).hexdigest(), lambda: run_in_threadpool(act))
