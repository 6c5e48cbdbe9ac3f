"""Trust step 8: the gates examine the encoded bytes, and each verdict becomes a signed receipt."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from audit.receipts import issue_all
from core.blobs import blobs
from core.canonical import digest_bytes, digest_json
from core.database import Base
from core.errors import IntegrityError
from core.gates import load_gate_set
from core.models import Brief, Finding, Verdict
from core.secrets import derived_key
from detect.service import examine
from pipeline.flags import flags_of
from pipeline.jobs import Job, Outcome
from pipeline.metrics import gates_decided
from pipeline.onboarding import load_material
from pipeline.states import State
from policy.service import check_text
from provenance.fingerprint import Fingerprinter
from provenance.mark import MarkReader
from provenance.service import save_fingerprint


def run(job: Job) -> Outcome:
    """A blocking gate ends the render; a flagged one goes on to a person, with its findings."""
    render, campaign = job.render, job.campaign
    essence = render.essence
    if render.examined_sha256 is None or essence is None:
        raise IntegrityError("the render has no encoded asset", where=render.id)
    gate_set = load_gate_set(campaign.gate_set)
    # What the gates measured against: one file with two scripts has two transcript receipts.
    brief_sha256 = digest_json(
        {
            "script": render.script,
            "language": campaign.language,
            "persona": job.persona.material_sha256,
            "label": campaign.label_profile,
            "mark": render.mark_id,
        }
    )
    fingerprinter = Fingerprinter()
    examination = examine(
        blobs().get_file(render.examined_sha256),
        brief=Brief(
            script=render.script,
            language=campaign.language,
            persona=load_material(job.persona),
            label_profile=campaign.label_profile,
            mark_id=render.mark_id,
        ),
        gate_set=gate_set,
        mark_reader=MarkReader(derived_key("mark"), expected_id=render.mark_id),
        check_text=lambda heard: _heard(job, heard),
        watchers=[fingerprinter],
        progress=job.progress,
    )
    gates_decided(examination.decisions)
    # The receipts are over the essence: what was examined must be what was encoded.
    if examination.essence.sha256 != essence:
        raise IntegrityError("the examined bytes are not those that were encoded", where=render.id)
    main = examination.heard.main if examination.heard is not None else None
    fingerprint = fingerprinter.fingerprint(main)
    facts: dict[str, Any] = {"receipts": {}}
    verdict = Verdict.worst([examination.verdict, *_script_verdicts(render.script_findings)])

    def record(session: Session) -> list[Base]:
        receipts = issue_all(
            session,
            essence=essence,
            decisions=examination.decisions,
            gate_set_sha256=gate_set.sha256,
            brand_id=render.brand_id,
            brief_sha256=brief_sha256,
        )
        facts["receipts"] = {receipt.gate: receipt.sha256 for receipt in receipts}
        kept = save_fingerprint(session, essence=essence, brand_id=render.brand_id, fingerprint=fingerprint)
        if verdict is not Verdict.BLOCK:
            session.add_all(flags_of(render, examination.decisions, gate_set))
        facts["fingerprint_sha256"] = digest_bytes(kept.data)
        return [kept]

    gravest = [finding.message for finding in examination.findings() if finding.severity != "note"]
    values = {
        "summary": gravest[0][:300] if gravest else "",
        "verdict": verdict.value,
        "gate_set_sha256": gate_set.sha256,
        "brief_sha256": brief_sha256,
    }
    if verdict is Verdict.BLOCK:
        blocking = [d.result.gate for d in examination.decisions if d.verdict is Verdict.BLOCK]
        return Outcome(
            State.BLOCKED,
            values=values,
            record=record,
            facts=facts,
            reason={"code": "gates", "message": _stopped_by(blocking), "findings": blocking},
        )
    return Outcome(State.EXAMINED, values=values, record=record, facts=facts)


def _stopped_by(gates: list[str]) -> str:
    """For people: their names as words."""
    names = ", ".join(gate.replace("_", " ") for gate in gates)
    return f"Blocked by the gate{'s' if len(gates) > 1 else ''}: {names}"


def _heard(job: Job, text: str) -> list[Finding]:
    """The rule packs over what was heard (trust step 3's rules, on the spoken words)."""
    report = check_text(
        text,
        pack=job.campaign.rule_pack,
        territory=job.campaign.territory,
        language=job.campaign.language,
    )
    return list(report.findings)


def _script_verdicts(findings: list[dict[str, str]]) -> list[Verdict]:
    return [Verdict(finding["severity"]) for finding in findings if finding["severity"] != "note"]
