"""Trust steps 1-3: the authority covers this use, the script is composed, the rule packs pass it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from audit.authorities import count_render
from core.database import reading
from core.models import Finding, Verdict
from core.tables import BrandRow
from generate.templates import ComposedScript, compose_script
from pipeline.jobs import Job, Outcome
from pipeline.states import State
from pipeline.uses import covered
from policy.service import check_text


def run(job: Job) -> Outcome:
    """Blocked by any step; a rule that asks for review flags the render and lets it go on."""
    # Trust step 1: fails closed; the exact count is taken in the transaction that records this stage.
    with reading() as session:
        scope = covered(session, job.render, job.campaign, job.persona, script=None)
        brand = session.get(BrandRow, job.render.brand_id)
    if scope.verdict is Verdict.BLOCK:
        return _blocked("authority", scope.findings, job.render.script)
    job.progress(0.2)

    # Trust step 2: fields are data, never template. An import brings its own words, or none.
    if job.render.origin == "made":
        composed = compose_script(job.campaign.template, job.campaign.field_schema, job.render.fields)
    else:
        composed = ComposedScript(text=job.render.script or "", fields=())
    with reading() as session:  # step 1 again: what the text is about
        scope = covered(session, job.render, job.campaign, job.persona, script=composed.text or None)
    if scope.verdict is Verdict.BLOCK:
        return _blocked("authority", scope.findings, composed.text)
    job.progress(0.5)

    # Trust step 3: the composed text, not the fields alone.
    findings: tuple[Finding, ...] = tuple(scope.findings)
    if composed.text:
        report = check_text(
            composed.text,
            pack=job.campaign.rule_pack,
            territory=job.campaign.territory,
            language=job.campaign.language,
            fields=composed.fields,
            facts={"brand": brand.name if brand else "", "visible_label": True},
        )
        findings += tuple(report.findings)
        if report.verdict is Verdict.BLOCK:
            return _blocked("policy", findings, composed.text)

    def record(session: Session) -> None:
        count_render(session, job.persona.authority_id, job.render.id)

    return Outcome(
        State.SCRIPTED,
        values={"script": composed.text or None, "script_findings": dump(findings)},
        record=record,
    )


def dump(findings: tuple[Finding, ...]) -> list[dict[str, object]]:
    """Findings as the JSON that a row keeps."""
    return [finding.model_dump(mode="json", exclude_none=True) for finding in findings]


def _blocked(code: str, findings: tuple[Finding, ...], text: str | None) -> Outcome:
    worst = [finding for finding in findings if finding.severity == "block"]
    message = worst[0].message if worst else "the authority does not cover this use"
    return Outcome(
        State.BLOCKED,
        values={"script": text, "script_findings": dump(tuple(findings)), "verdict": Verdict.BLOCK.value},
        reason={"code": code, "message": message, "findings": [finding.code for finding in worst]},
    )
