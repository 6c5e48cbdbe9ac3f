"""Measure any video, made by us or not: what `greenroom analyze` prints and `POST /api/v1/analyze_video` answers.

A gate that needs a campaign is absent here, not abstaining. Nothing of a stranger is kept: no file, no template.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.canonical import digest_file
from core.gates import GateSet, load_gate_set
from core.models import Finding, GateDecision, Verdict
from core.secrets import derived_key
from core.settings import get_settings
from detect.models import Examination
from detect.service import examine
from pipeline.registry import DatabaseRegistry
from provenance.fingerprint import Fingerprinter
from provenance.mark import MarkReader
from provenance.models import VerifyReport
from provenance.senses import SeenSenses
from provenance.verify import verify


def analyze(video: Path, *, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
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
        limits,
    )
    report = verify(video, registry=DatabaseRegistry(), senses=senses, limits=limits)
    return document(digest_file(video), examination, gate_set, report)


def document(asset: str, examination: Examination, gate_set: GateSet, report: VerifyReport) -> dict[str, Any]:
    """The document of one examination; pure, so that the console shows the same numbers."""
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
    provenance = report.as_dict()
    return {
        "asset": asset,
        "essence": examination.essence.sha256,
        "duration_s": round(float(examination.info.duration), 3),
        "deepfake_score": authenticity.result.score if authenticity else None,
        "quality_gate": Verdict.worst(counted).value,
        "gates": {name: _gate(decision) for name, decision in decisions.items()},
        "sync": _sync(decisions.get("lip_sync")),
        "reason_codes": list(dict.fromkeys(reason["code"] for reason in reasons)),
        "reasons": reasons,
        "provenance": {
            "credential_present": bool(provenance["credential"].get("present")),
            "state": provenance["verdict"],
            "watermark": {key: provenance["watermark"].get(key) for key in ("present", "id", "p_false")},
        },
    }


def _gate(decision: GateDecision) -> dict[str, Any]:
    result = decision.result
    return {
        "verdict": decision.verdict.value,
        "score": result.score,
        "threshold": decision.threshold,
        "unit": result.unit,
        "version": result.version,
        "abstained": result.abstained,
    }


def _sync(decision: GateDecision | None) -> dict[str, Any]:
    if decision is None:
        return {"offset_frames": None, "confidence": None, "curve": [], "abstained": True}
    result = decision.result
    return {
        "offset_frames": result.measures.get("offset_frames"),
        "confidence": result.measures.get("confidence"),
        "curve": [{"t": t, "confidence": value} for t, value in result.curve],
        "abstained": result.abstained,
    }


def _reasons(finding: Finding) -> list[dict[str, Any]]:
    """One reason a span; a finding about the whole file has one without seconds."""
    base = {
        "code": finding.code,
        "score": finding.score,
        "threshold": finding.threshold,
        "evidence": finding.message,
    }
    if not finding.spans:
        return [{**base, "t0": None, "t1": None, "region": None}]
    return [{**base, "t0": span.t0, "t1": span.t1, "region": span.region} for span in finding.spans]
