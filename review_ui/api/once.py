"""``Idempotency-Key``: a POST that is sent again under its key is answered as the first time, and does nothing.

A key is the caller's own, for one request of one brand and account, and is remembered for a day from then. With it
stand a digest of what was asked and, once there is one, the answer. What was refused or failed did nothing, so that its
key is free again. An answer longer than ``LONGEST_ANSWER`` is not kept: its request only measured a file, and is done
again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core.database import add_once, now, transaction
from core.errors import Conflict, InputError
from pipeline.errors import RequestKeyReused
from review_ui.api.caller import Caller, anybody, caller
from review_ui.api.tables import KeptAnswerRow
from review_ui.locked import lock, unlock
from review_ui.rates import TooManyTries
from review_ui.seals import keyed

KEPT = timedelta(hours=24)
IN_HAND = timedelta(minutes=30)
"""After this long without an answer whoever worked on it is gone: the next one does it."""
MOST_KEPT = 10_000  # of one brand at a time
LONGEST_ANSWER = 1_000_000  # characters

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class Posted:
    """A POST as it came. ``what``: its method and path; ``key``: the caller's, "" without one."""

    caller: Caller
    what: str
    key: str


@dataclass(frozen=True)
class PostedByAnybody:
    """One that is open to everybody. ``caller``: None for a stranger."""

    caller: Caller | None
    what: str
    key: str


IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=200,
        description="A word of yours for this request, such as a UUID. Sent again within a day, with the same body, "
        "it is answered as the first time and nothing is done twice.",
    ),
]


def posted(
    request: Request, found: Annotated[Caller, Security(caller)], idempotency_key: IdempotencyKey = None
) -> Posted:
    """A POST of a known caller. Raises InputError for a key that is none."""
    return Posted(found, _what(request), _word(idempotency_key))


def posted_by_anybody(
    request: Request,
    found: Annotated[Caller | None, Depends(anybody)],
    idempotency_key: IdempotencyKey = None,
) -> PostedByAnybody:
    """A POST that is open to everybody. A stranger's changes nothing and is done again each time."""
    return PostedByAnybody(found, _what(request), _word(idempotency_key))


def _what(request: Request) -> str:
    return f"{request.method} {request.url.path}"


def _word(key: str | None) -> str:
    if key is not None and not _KEY.fullmatch(key):
        raise InputError(
            "an idempotency key is 1 to 200 visible ASCII characters",
            where="idempotency-key",
            next_step="take a UUID",
        )
    return key or ""


Watched = Annotated[Posted, Security(posted, scopes=["view"])]
Made = Annotated[Posted, Security(posted, scopes=["make"])]
Released = Annotated[Posted, Security(posted, scopes=["release"])]
Audited = Annotated[Posted, Security(posted, scopes=["audit"])]
Open = Annotated[PostedByAnybody, Depends(posted_by_anybody)]


async def once(
    call: Posted | PostedByAnybody, said: Any, act: Callable[[], Awaitable[BaseModel]], *, status: int = 200
) -> Response:
    """Do it and answer with its document, or answer as the first time.

    Args:
        said: what was asked for, as JSON: the same again is the same request.

    Raises:
        RequestKeyReused: the key belongs to another request.
        Conflict: the same request is being answered at this moment.
        TooManyTries: the brand has ``MOST_KEPT`` keys of the last day.
        whatever ``act`` raises.
    """
    if not call.key or call.caller is None:
        return _answer(_json(await act()), status)
    digest = hashlib.sha256(json.dumps([call.what, said], sort_keys=True).encode()).hexdigest()
    row_id = keyed("api-answers", call.caller.brand_id, call.caller.account.id, call.key)
    first = await run_in_threadpool(_claim, row_id, call.caller.brand_id, digest)
    if first is not None:
        kept = unlock(first.answer or "", purpose="api-answers", place=_place(first))
        return _answer(kept, first.status or 200, replayed=True)
    try:
        answer = _json(await act())
    except Exception:
        await run_in_threadpool(_let_go, row_id)
        raise
    await run_in_threadpool(_keep, row_id, answer, status)
    return _answer(answer, status)


def _json(document: BaseModel) -> str:
    return document.model_dump_json()


def _answer(text: str, status: int, *, replayed: bool = False) -> Response:
    headers = {"idempotency-replayed": "true"} if replayed else None
    return Response(text, status, headers=headers, media_type=JSONResponse.media_type)


def _claim(row_id: str, brand_id: str, digest: str) -> KeptAnswerRow | None:
    """The first answer, or None: the request is this caller's to do."""
    moment = now()
    with transaction() as session:
        row = session.get(KeptAnswerRow, row_id, with_for_update=True)
        if row is not None and row.expires_at <= moment:
            session.delete(row)
            session.flush()
            row = None
        if row is None:
            _check_room(session, brand_id)
            new = KeptAnswerRow(
                id=row_id, brand_id=brand_id, request_sha256=digest, began_at=moment, expires_at=moment + KEPT
            )
            if add_once(session, new):
                return None
            row = session.get_one(KeptAnswerRow, row_id)  # its twin was faster
        _check_same(row, digest)
        if row.status is not None:
            return row
        if row.began_at > moment - IN_HAND:
            raise Conflict(
                "this very request is being answered at this moment",
                where="idempotency-key",
                next_step="send it again in a few seconds",
                code="request_in_hand",
            )
        row.began_at = moment
        return None


def _check_same(row: KeptAnswerRow, digest: str) -> None:
    if row.request_sha256 != digest:
        raise RequestKeyReused(
            "this request key belongs to another request",
            where="idempotency-key",
            next_step="send the first request again unchanged, or take a new key",
        )


def _check_room(session: Session, brand_id: str) -> None:
    mine = select(KeptAnswerRow.id).where(
        KeptAnswerRow.brand_id == brand_id, KeptAnswerRow.expires_at > now()
    )
    if session.scalar(select(func.count()).select_from(mine.limit(MOST_KEPT).subquery())) == MOST_KEPT:
        raise TooManyTries(3600, f"this brand has sent {MOST_KEPT:,} requests with a key in a day")


def _keep(row_id: str, answer: str, status: int) -> None:
    with transaction() as session:
        row = session.get(KeptAnswerRow, row_id, with_for_update=True)
        if row is None:
            return
        if len(answer) > LONGEST_ANSWER:
            session.delete(row)
            return
        row.status = status
        row.answer = lock(answer, purpose="api-answers", place=_place(row))


def _place(row: KeptAnswerRow) -> str:
    return f"{row.id}:{row.request_sha256}:{row.status}"


def _let_go(row_id: str) -> None:
    with transaction() as session:
        session.execute(
            delete(KeptAnswerRow).where(KeptAnswerRow.id == row_id, KeptAnswerRow.status.is_(None))
        )
