"""The public API, version 1. Documents are those of the command line; errors are one shape everywhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, UploadFile
from pydantic import BaseModel

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


class GateVerdict(BaseModel):
    verdict: str
    score: float | None
    threshold: float | None
    unit: str
    version: str
    abstained: bool


class SyncPoint(BaseModel):
    t: float
    confidence: float


class Sync(BaseModel):
    offset_frames: float | None
    confidence: float | None
    curve: list[SyncPoint]
    abstained: bool


class Reason(BaseModel):
    code: str
    score: float | None
    threshold: float | None
    t0: float | None
    t1: float | None
    region: tuple[float, float, float, float] | None
    evidence: str


class Watermark(BaseModel):
    present: bool | None
    id: str | int | None
    p_false: float | None


class Provenance(BaseModel):
    credential_present: bool
    state: str
    watermark: Watermark


class Analysis(BaseModel):
    """What was measured. A gate that needs a campaign is absent; one that could not measure abstains."""

    asset: str
    essence: str
    duration_s: float
    deepfake_score: float | None
    quality_gate: str
    gates: dict[str, GateVerdict]
    sync: Sync
    reason_codes: list[str]
    reasons: list[Reason]
    provenance: Provenance


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
    code: {"model": ErrorDocument} for code in (401, 403, 413, 422, 500, 503)
}


@router.post("/analyze_video", response_model=Analysis, responses=_ERRORS)
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
