"""Trust step 1: the actual use of a persona, held against its authority as it stands at this moment.

Asked at the first stage and again by the release, each time in the transaction that acts on the answer.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from audit.authorities import get_authority
from core.canonical import digest_bytes
from core.database import now
from core.models import Finding, Verdict
from pipeline.tables import CampaignRow, PersonaRow, RenderRow
from policy.consent import ScopeDecision, Use, covers


def covered(
    session: Session, render: RenderRow, campaign: CampaignRow, persona: PersonaRow, script: str | None
) -> ScopeDecision:
    """Whether the persona's authority covers this render now.

    Args:
        script: the composed text, for its topics; None before step 2.
    """
    authority = get_authority(session, persona.authority_id)
    decision = covers(
        authority,
        Use(
            brand_id=render.brand_id,
            campaign_id=campaign.id,
            persona_id=persona.id,
            topic=campaign.topic,
            language=campaign.language,
            territory=campaign.territory,
            channel=campaign.channel,
            at=now(),
            # An import's words come from nobody's template.
            script_mode="template" if render.origin == "made" else "free",
            script_sha256=digest_bytes(campaign.template.encode()),
            script=script,
            personal_fields=tuple(render.fields),
        ),
    )
    if authority.approval_mode == "none":
        return decision
    # Fails closed: a persona who wants to approve has no page for it yet.
    wanted = Finding(
        code="persona_approval_needed",
        severity="block",
        message="The persona asks to approve first, which is not possible yet.",
        citation="Trust step 11",
    )
    return ScopeDecision(verdict=Verdict.BLOCK, findings=(*decision.findings, wanted))
