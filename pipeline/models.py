"""The analysis of one video as the command line and the API print it; the types say what may be absent."""

from __future__ import annotations

from typing_extensions import TypedDict  # typing's own has no schema in Python 3.11

CLEARNESS_UNIT = "standard deviations of the far offsets' similarity above their mean"
"""Unit of the lip-sync curve: how far the found offset's similarity stands out in the two seconds around ``t``."""


class GateVerdict(TypedDict):
    """One gate. ``score`` is None when it abstained, ``threshold`` where the gate decides by its findings alone."""

    verdict: str
    score: float | None
    threshold: float | None
    unit: str
    version: str
    abstained: bool


class SyncPoint(TypedDict):
    t: float
    clearness: float


class Sync(TypedDict):
    """Sound against lips. No offset without a clear one; no confidence when the gate abstained or is absent."""

    offset_frames: float | None
    confidence: float | None
    curve: list[SyncPoint]
    clearness_unit: str
    abstained: bool


class Reason(TypedDict):
    """A finding, once for each of its spans; no seconds for one about the whole file. ``track`` numbers the file's
    tracks; None where the finding is about none."""

    code: str
    score: float | None
    threshold: float | None
    t0: float | None
    t1: float | None
    region: tuple[float, float, float, float] | None
    track: int | None
    evidence: str


class Watermark(TypedDict):
    """``present`` None: nobody looked."""

    present: bool | None
    id: str | None
    p_false: float | None


class Provenance(TypedDict):
    credential_present: bool
    state: str
    watermark: Watermark


class Analysis(TypedDict):
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
