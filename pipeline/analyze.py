"""Measure any video, made by us or not: what `greenroom analyze` prints and `POST /api/v1/analyze_video` answers.

A gate that needs a campaign is absent here, not abstaining. Nothing of a stranger is kept: no file, no template.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.canonical import digest_file
from core.gates import GateSet, load_gate_set
from core.models import Finding, GateDecision, Verdict
from core.secrets import derived_key
from core.settings import get_settings
from detect.models import Examination
from detect.service import examine
from pipeline.models import (
    CLEARNESS_UNIT,
    Analysis,
    GateVerdict,
    Provenance,
    Reason,
    Sync,
    SyncPoint,
    Watermark,
)
from pipeline.registry import DatabaseRegistry
from provenance.fingerprint import Fingerprinter
from provenance.mark import MarkReader
from provenance.models import VerifyReport
from provenance.senses import SeenSenses
from provenance.verify import verify


def analyze(video: Path, *, progress: Callable[[float], None] | None = None) -> Analysis:
    """The analysis document (architecture, "What the command line shows").

    Raises:
        MediaError: the file is no video that can be read, or breaks a limit.
    """
    media = get_settings().media
    limits = media.model_copy(update={"max_seconds": media.max_seconds_analyze})
    gate_set = load_gate_set()
    reader, fingerprinter = MarkReader(derived_key("mark")), Fingerprinter()
    examination = examine(
        video,
        brief=None,
        gate_set=gate_set,
        mark_reader=reader,
        watchers=[fingerprinter],
        limits=limits,
        progress=progress,
    )
    heard = examination.heard
    # One decode: the verifier answers from what the examination saw and heard.
    senses = SeenSenses(
        reader.reading(),
        lambda: fingerprinter.fingerprint(heard.main if heard is not None else None),
        heard,
        examination.decoded,
        limits,
    )
    report = verify(video, registry=DatabaseRegistry(), senses=senses, limits=limits)
    return document(digest_file(video), examination, gate_set, report)


def document(asset: str, examination: Examination, gate_set: GateSet, report: VerifyReport) -> Analysis:
    """The document of one examination; pure."""
    decisions = {decision.result.gate: decision for decision in examination.decisions}
    counted = [d.verdict for name, d in decisions.items() if not gate_set.gates[name].informational]
    reasons = [
        reason
        for decision in examination.decisions
        for finding in decision.result.findings
        if finding.severity != "note"
        for reason in _reasons(finding)
    ]
    authenticity = decisions.get("authenticity")
    mark = report.watermark
    return Analysis(
        asset=asset,
        essence=examination.essence.sha256,
        duration_s=round(float(examination.info.duration), 3),
        deepfake_score=authenticity.result.score if authenticity else None,
        quality_gate=Verdict.worst(counted).value,
        gates={name: _gate(decision) for name, decision in decisions.items()},
        sync=_sync(decisions.get("lip_sync")),
        reason_codes=list(dict.fromkeys(reason["code"] for reason in reasons)),
        reasons=reasons,
        provenance=Provenance(
            credential_present=bool(report.credential.get("present")),
            state=report.verdict,
            watermark=Watermark(present=mark.get("present"), id=mark.get("id"), p_false=mark.get("p_false")),
        ),
    )


def _gate(decision: GateDecision) -> GateVerdict:
    result = decision.result
    return GateVerdict(
        verdict=decision.verdict.value,
        score=result.score,
        threshold=decision.threshold,
        unit=result.unit,
        version=result.version,
        abstained=result.abstained,
    )


def _sync(decision: GateDecision | None) -> Sync:
    result = decision.result if decision is not None and not decision.result.abstained else None
    return Sync(
        offset_frames=result.measures.get("offset_frames") if result else None,
        confidence=result.measures.get("confidence") if result else None,
        curve=[SyncPoint(t=t, clearness=value) for t, value in result.curve] if result else [],
        clearness_unit=CLEARNESS_UNIT,
        abstained=result is None,
    )


def _reasons(finding: Finding) -> list[Reason]:
    """One reason a span; a finding about the whole file has one without seconds."""
    return [
        Reason(
            code=finding.code,
            score=finding.score,
            threshold=finding.threshold,
            t0=getattr(span, "t0", None),
            t1=getattr(span, "t1", None),
            region=getattr(span, "region", None),
            track=getattr(span, "track", None),
            evidence=finding.message,
        )
        for span in finding.spans or (None,)
    ]
