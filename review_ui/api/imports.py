"""Finished videos made elsewhere come in, one a call: many are many calls, each under a key of its own."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from core.canonical import digest_file
from pipeline import script_files
from pipeline.intake import MOST_ENGINE, import_video
from review_ui.api.documents import CHANGES, V1
from review_ui.api.once import Made, once
from review_ui.api.renders import RenderItem, item_of
from review_ui.uploads import kept

router = APIRouter(prefix=V1, tags=["campaigns"])

MOST_SCRIPT = 60_000  # characters, the times of captions among them


@router.post("/imports", status_code=201, response_model=RenderItem, responses=CHANGES)
async def bring_in(
    *,
    call: Made,
    campaign: Annotated[str, Form(max_length=40, description="The campaign that it belongs to.")],
    engine: Annotated[
        str,
        Form(pattern=r"\S", max_length=MOST_ENGINE, description="What it was made with, or the studio."),
    ],
    script: Annotated[
        str,
        Form(max_length=MOST_SCRIPT, description="What is meant to be said; without it a person is told so."),
    ] = "",
    captions: Annotated[
        bool, Form(description="`script` is SubRip or WebVTT: its words are taken, its times are not.")
    ] = False,
    file: UploadFile | None = None,
) -> Response:
    """A finished video enters a campaign and passes the same gates. The credential that it carries is kept with it."""
    who = call.caller
    words = script_files.script_of("script.vtt" if captions else "script.txt", script.encode())
    async with kept(file) as path:
        said = [campaign, engine, words, await run_in_threadpool(digest_file, path) if call.key else ""]

        def act() -> RenderItem:
            row = import_video(
                path,
                campaign,
                brand_id=who.brand_id,
                maker_id=who.maker_id,
                script=words or None,
                engine=engine,
            )
            return item_of(row)

        return await once(call, said, lambda: run_in_threadpool(act), status=201)
