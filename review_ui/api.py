"""The public API, version 1. Documents are those of the command line; errors are one shape everywhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, UploadFile
from pydantic import BaseModel

from pipeline.models import Analysis
from review_ui.accounts import require
from review_ui.child import run_child
from review_ui.security import ApiAccount
from review_ui.uploads import kept

router = APIRouter(prefix="/api/v1", tags=["v1"])


class ErrorBody(BaseModel):
    code: str
    what: str
    where: str
    next: str


class ErrorDocument(BaseModel):
    """Every error: what happened, where, what to do next."""

    error: ErrorBody


class Verification(BaseModel):
    """Is this file what it claims to be?"""

    verdict: str
    sentence: str
    trusted: bool
    release: str
    credential: dict[str, Any]
    watermark: dict[str, Any]
    system: dict[str, Any]
    problems: list[dict[str, Any]]


_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorDocument} for code in (400, 408, 413, 422, 429, 500, 503)
}
_CLOSED = _ERRORS | {code: {"model": ErrorDocument} for code in (401, 403)}


@router.post("/analyze_video", response_model=Analysis, responses=_CLOSED)
async def analyze_video(account: ApiAccount, file: UploadFile) -> dict[str, Any]:
    """Measure a video: quality, authenticity, lip sync, provenance. The upload is deleted after the answer."""
    require(account, "view")
    async with kept(file) as path:
        return await run_child("analyze", path)


@router.post("/verify", response_model=Verification, responses=_ERRORS)
async def verify_video(file: UploadFile) -> dict[str, Any]:
    """Check a video's credential, mark and release. Open to everyone; the upload is deleted after the answer."""
    async with kept(file) as path:
        return await run_child("verify", path)
