"""What the brand says around its released videos, beside its name."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import Field

from delivery.brand_page import MOST_WORDS, set_words, words_of
from review_ui.api.caller import Releaser
from review_ui.api.documents import CHANGES, CLOSED, V1, Asked
from review_ui.api.once import Released, once

router = APIRouter(prefix=f"{V1}/brand", tags=["links"])


class BrandWords(Asked):
    """The brand's own words on the pages of its videos; empty: none."""

    words: str = Field(max_length=MOST_WORDS)


@router.get("/words", responses=CLOSED)
def words(caller: Releaser) -> BrandWords:
    """What the brand says beside its videos."""
    return BrandWords(words=words_of(caller.brand_id))


@router.post("/words", response_model=BrandWords, responses=CHANGES)
async def say(call: Released, asked: BrandWords) -> Response:
    """Say something else from now on."""
    who = call.caller

    def act() -> BrandWords:
        set_words(who.brand_id, asked.words, actor_id=who.actor_id)
        return BrandWords(words=words_of(who.brand_id))

    return await once(call, asked.model_dump(), lambda: run_in_threadpool(act))
