"""Lists of recipients that are tried before a second is rendered: every row's verdict first, then a start."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field

from core.errors import NotFound
from pipeline import recipient_lists
from pipeline.service import get_campaign
from pipeline.tables import RecipientListRow
from pipeline.trial import Kind
from review_ui.api.caller import Caller, Maker
from review_ui.api.campaigns import FORMATS, form_of
from review_ui.api.documents import CHANGES, NAMED, V1, ErrorBody
from review_ui.api.once import Made, once
from review_ui.bodies import LIST_BYTES, TooLarge
from review_ui.uploads import room_for

router = APIRouter(prefix=f"{V1}/campaigns/{{campaign_id}}/lists", tags=["campaigns"])


class ListCause(BaseModel):
    """One thing that is said of rows of a list. `first`: the numbers of the first rows that it is said of."""

    kind: Kind
    code: str
    what: str
    field: str
    citation: str
    fix: str
    rows: int
    first: list[int]


class RecipientList(BaseModel):
    """A list and its trial. `counts`: rows by what would become of them; `videos`: how many would be made; `entered`:
    what came of the rows once it was started."""

    list: str
    campaign: str
    name: str
    phase: Literal["checking", "checked", "entering", "entered", "unusable", "discarded"]
    bytes: int
    bytes_read: int
    counts: dict[Kind, int]
    causes: tuple[ListCause, ...]
    more_causes: int = Field(description="Causes past those that are listed.")
    videos: int
    entered: dict[Literal["rows", "made", "blocked", "known", "refused"], int]
    problem: ErrorBody | None
    created_at: datetime
    changed_at: datetime


class RecipientLists(BaseModel):
    """The newest lists of a campaign, newest first."""

    lists: list[RecipientList]


@router.get("", responses=NAMED)
def index(caller: Maker, campaign_id: str) -> RecipientLists:
    """The newest lists of a campaign."""
    row = get_campaign(campaign_id, brand_id=caller.brand_id)
    return RecipientLists(lists=[_document(one) for one in recipient_lists.lists_of(row.id)])


@router.post(
    "",
    status_code=201,
    response_model=RecipientList,
    responses=CHANGES,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string"}} for kind in FORMATS},
        }
    },
)
async def send(
    request: Request,
    call: Made,
    campaign_id: str,
    name: Annotated[str, Query(max_length=80, description="What people here call the file.")] = "",
) -> Response:
    """Send a whole list; its dry run begins. Nothing is made of it until it is started. A list that waits already is
    answered as it stands."""
    who = call.caller
    form = form_of(request)
    with room_for("list") as path:
        digest, size = hashlib.sha256(), 0
        with path.open("wb") as file:
            async for block in request.stream():
                size += len(block)
                if size > LIST_BYTES:
                    raise TooLarge(
                        f"a list has at most {LIST_BYTES / 1e6:g} MB", next_step="send it in parts"
                    )
                digest.update(block)
                file.write(block)

        def act() -> RecipientList:
            row = recipient_lists.receive(
                path, campaign_id, brand_id=who.brand_id, maker_id=who.maker_id, name=name, form=form
            )
            return _document(row)

        said = [form, name, digest.hexdigest()]
        return await once(call, said, lambda: run_in_threadpool(act), status=201)


@router.get("/{list_id}", responses=NAMED)
def one(caller: Maker, campaign_id: str, list_id: str) -> RecipientList:
    """How far a list is, what would become of its rows, and why."""
    return _document(_row(caller, campaign_id, list_id))


@router.get(
    "/{list_id}/verdicts",
    responses={**NAMED, 200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
def verdicts(caller: Maker, campaign_id: str, list_id: str) -> Response:
    """What was said of every row, as CSV; it is forgotten a month after the list was last touched."""
    path = recipient_lists.verdicts_path(_row(caller, campaign_id, list_id))
    return FileResponse(path, media_type="text/csv; charset=utf-8")


@router.post("/{list_id}/start", response_model=RecipientList, responses=CHANGES)
async def begin(call: Made, campaign_id: str, list_id: str) -> Response:
    """Enter a list that was tried: each row that can be made becomes a render of whoever starts it."""
    who = call.caller
    return await _done(
        call,
        campaign_id,
        list_id,
        lambda: recipient_lists.start(list_id, brand_id=who.brand_id, actor=who.maker_id),
    )


@router.post("/{list_id}/discard", response_model=RecipientList, responses=CHANGES)
async def throw_away(call: Made, campaign_id: str, list_id: str) -> Response:
    """Nobody wants a list: its file is forgotten. What was entered of it stays."""
    brand_id = call.caller.brand_id
    return await _done(
        call, campaign_id, list_id, lambda: recipient_lists.discard(list_id, brand_id=brand_id)
    )


async def _done(call: Made, campaign_id: str, list_id: str, do: Callable[[], Any]) -> Response:
    def act() -> RecipientList:
        _row(call.caller, campaign_id, list_id)
        do()
        return _document(_row(call.caller, campaign_id, list_id))

    return await once(call, None, lambda: run_in_threadpool(act))


def _row(caller: Caller, campaign_id: str, list_id: str) -> RecipientListRow:
    """The list, under the campaign that its address names. Raises NotFound."""
    row = recipient_lists.get_list(list_id, brand_id=caller.brand_id)
    if row.campaign_id != campaign_id:
        raise NotFound("no such list of this campaign", where=list_id, next_step="check the address")
    return row


def _document(row: RecipientListRow) -> RecipientList:
    return RecipientList.model_validate(
        {
            "list": row.id,
            "campaign": row.campaign_id,
            "name": row.name,
            "phase": row.phase,
            "bytes": row.size,
            "bytes_read": row.bytes_read,
            "counts": row.trial.get("counts", {}),
            "causes": row.trial.get("causes", []),
            "more_causes": row.trial.get("more_causes", 0),
            "videos": recipient_lists.videos_of(row),
            "entered": row.entered,
            "problem": row.problem,
            "created_at": row.created_at,
            "changed_at": row.changed_at,
        }
    )
