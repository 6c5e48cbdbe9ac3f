"""Trust steps 1-3: the authority covers this use, the script is composed, the rule packs pass it.

Pure and quick, so that intake answers with it at once (pipeline/intake.py); as a stage it runs for drafts that an older
version left behind.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from audit.allowance import count_render
from audit.models import Authority
from audit.standing import authority_standing
from core.database import Base, reading
from core.models import Finding, Verdict
from core.tables import BrandRow
from generate.sayable import check_sayable
from generate.templates import ComposedScript, compose_script
from generate.voice import check_language, load_voice
from pipeline.grounds import grounds_of
from pipeline.jobs import Job, Outcome
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from pipeline.uses import covered_by
from policy.models import PolicyReport
from policy.service import check_text


def run(job: Job) -> Outcome:
    """The stage: steps 1-3 over a draft."""
    return decide(job.render, job.campaign, job.persona)


def decide(render: RenderRow, campaign: CampaignRow, persona: PersonaRow) -> Outcome:
    """Blocked by any step; a rule that asks for review flags the render and lets it go on."""
    with reading() as session:
        standing = authority_standing(session, persona.authority_id)
        brand = session.get(BrandRow, render.brand_id)
        outcome = answer(session, render, campaign, standing.authority, brand.name if brand else "")

    def record(session: Session) -> list[Base]:
        standing = authority_standing(session, persona.authority_id)
        count_render(session, standing.authority.id, render.id)
        return []

    return replace(outcome, record=record) if outcome.state is State.SCRIPTED else outcome


def answer(
    session: Session, render: RenderRow, campaign: CampaignRow, authority: Authority, brand: str
) -> Outcome:
    """Steps 1-3 under one authority; the render is not counted. ``brand``: its name, for the packs."""
    # Trust step 1: fails closed; the exact count is taken in the transaction that records this.
    scope = covered_by(session, authority, render, script=None)
    if scope.verdict is Verdict.BLOCK:
        return _blocked("authority", scope.findings, render.script)

    # Trust step 2: fields are data, never template. An import brings its own words, or none.
    if render.origin == "made":
        persona = grounds_of(session, render).persona
        if persona is not None:
            check_language(campaign.language, load_voice(persona.voice))
        composed = compose_script(campaign.template, campaign.field_schema, render.fields)
        check_sayable(composed, campaign.language)
    else:
        composed = ComposedScript(text=render.script or "", fields=())
    scope = covered_by(session, authority, render, script=composed.text or None)  # step 1 again: its topics
    if scope.verdict is Verdict.BLOCK:
        return _blocked("authority", scope.findings, composed.text)

    # Trust step 3: the composed text, not the fields alone.
    findings: tuple[Finding, ...] = tuple(scope.findings)
    facts: dict[str, object] = {}
    if composed.text:
        report = checked(composed, campaign, brand)
        findings += tuple(report.findings)
        facts["packs"] = dict(report.packs)
        if report.verdict is Verdict.BLOCK:
            return _blocked("policy", findings, composed.text, facts)
    values = {"script": composed.text or None, "script_findings": dump(findings)}
    return Outcome(State.SCRIPTED, values=values, facts=facts)


def checked(composed: ComposedScript, campaign: CampaignRow, brand: str) -> PolicyReport:
    """Trust step 3 over a composed text. ``brand``: its name."""
    return check_text(
        composed.text,
        pack=campaign.rule_pack,
        territory=campaign.territory,
        language=campaign.language,
        fields=composed.fields,
        facts={"brand": brand, "visible_label": True},
    )


def dump(findings: tuple[Finding, ...]) -> list[dict[str, object]]:
    """Findings as the JSON that a row keeps."""
    return [finding.model_dump(mode="json", exclude_none=True) for finding in findings]


def _blocked(
    code: str, findings: tuple[Finding, ...], text: str | None, facts: dict[str, object] | None = None
) -> Outcome:
    worst = [finding for finding in findings if finding.severity == "block"]
    message = worst[0].message if worst else "the authority does not cover this use"
    return Outcome(
        State.BLOCKED,
        values={"script": text, "script_findings": dump(tuple(findings)), "verdict": Verdict.BLOCK.value},
        reason={"code": code, "message": message, "findings": [finding.code for finding in worst]},
        facts=facts or {},
    )
