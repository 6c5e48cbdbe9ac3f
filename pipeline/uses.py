"""Trust step 1: the actual use of a persona, held against its authority as it stands at this moment.

Asked at intake, at the approval, at the release and for each new link, in the transaction that acts on the answer.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from audit.models import Authority
from audit.standing import NEXT_STEPS, SENTENCES, AuthorityStanding, authority_standing
from core.canonical import digest_bytes
from core.database import now
from core.errors import NotFound
from pipeline.errors import AuthorityInvalid
from pipeline.grounds import grounds_of
from pipeline.tables import CampaignRow, RenderRow
from policy.consent import ScopeDecision, Use, covers


def valid_authority(session: Session, authority_id: str, *, where: str) -> AuthorityStanding:
    """The standing of an authority that allows new work. Raises :class:`AuthorityInvalid` with the next step."""
    standing = authority_standing(session, authority_id)
    if not standing.valid:
        raise AuthorityInvalid(
            SENTENCES[standing.state],
            where=where,
            next_step=NEXT_STEPS[standing.state],
            code=f"authority_{standing.state}",
        )
    return standing


def covered_by(
    session: Session, authority: Authority, render: RenderRow, *, script: str | None
) -> ScopeDecision:
    """Whether one authority covers this use now."""
    campaign = grounds_of(session, render).campaign
    if campaign is None:
        raise NotFound("the render has no campaign", where=render.id)
    return covered(authority, campaign, fields=render.fields, script=script, made=render.origin == "made")


def covered(
    authority: Authority,
    campaign: CampaignRow,
    *,
    fields: Iterable[str],
    script: str | None,
    made: bool = True,
) -> ScopeDecision:
    """Whether one authority covers a video of a campaign now; the campaign may be one that nobody has stored.

    Args:
        fields: names of the personal fields. made: from the campaign's template; else its words are somebody else's.
    """
    return covers(
        authority,
        Use(
            brand_id=campaign.brand_id,
            campaign_id=campaign.id,
            persona_id=campaign.persona_id,
            topic=campaign.topic,
            language=campaign.language,
            territory=campaign.territory,
            channel=campaign.channel,
            at=now(),
            # An import's words come from nobody's template.
            script_mode="template" if made else "free",
            script_sha256=digest_bytes(campaign.template.encode()),
            script=script,
            personal_fields=tuple(fields),
        ),
    )
