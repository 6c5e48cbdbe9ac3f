"""The decision table: what each risk class asks of the decisions over a render, and whose approvals count."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from audit.approvals import approvals_for
from audit.models import Approval, Factor, Manner
from core.errors import Forbidden
from pipeline.grounds import grounds_of
from pipeline.tables import RenderRow


@dataclass(frozen=True)
class Rule:
    """What a risk class asks of the decisions over a render.

    Attributes:
        people: how many different people must approve.
        manners: the manners that count. ``seen`` is what the player reported: 95 % of the seconds, and every second
            with a finding.
        factor: each proves a passkey, or a one-time code, at the decision itself.
        hours: asked for so long ago and not decided over yet, the queue says that it is late.
    """

    people: int
    manners: frozenset[Manner]
    factor: bool
    hours: int


# The decision table. An unknown class asks for the most.
RULES: dict[str, Rule] = {
    "standard": Rule(people=1, manners=frozenset({"seen", "decided"}), factor=False, hours=24),
    "high": Rule(people=2, manners=frozenset({"seen"}), factor=True, hours=4),
}
STRICTEST = RULES["high"]


def rule_of(session: Session, row: RenderRow) -> Rule:
    """The line of the decision table that holds for a render."""
    campaign = grounds_of(session, row).campaign
    return rule_for(campaign.risk_class if campaign is not None else "")


def rule_for(risk: str) -> Rule:
    """The line of a risk class; the strictest for one that is not known."""
    return RULES.get(risk, STRICTEST)


def approvers(session: Session, row: RenderRow, rule: Rule) -> dict[str, Approval]:
    """Who approved this very asset in a way that counts, by reviewer. Empty when anybody rejected it.

    Raises ForgedApproval when one of the decisions is not what was signed.
    """
    decisions = approvals_for(session, row.sealed_sha256 or "", render_id=row.id)
    if any(decision.verdict == "reject" for decision in decisions):
        return {}
    return {
        decision.reviewer_id: decision
        for decision in decisions
        if decision.reviewer_id not in (row.maker_id, decision.maker_id)
        and (decision.render_id, decision.essence, decision.brand_id) == (row.id, row.essence, row.brand_id)
        and decision.manner in rule.manners
        and (decision.factor != "none" or not rule.factor)
    }


def check_rule(row: RenderRow, rule: Rule, manner: Manner, factor: Factor, proxy_sha256: str | None) -> None:
    """Raises Forbidden where an approval in this manner, with this factor, would not count.

    Args:
        proxy_sha256: what was played, where it was not the file itself.
    """
    if rule.factor and factor == "none":
        raise Forbidden(
            "a high-risk video is approved with a passkey or a one-time code",
            where=row.id,
            next_step="decide on the video's page in the console, where you can prove it",
            code="factor_needed",
        )
    if manner not in rule.manners and proxy_sha256 is not None:
        raise Forbidden(
            "this video must be seen before it is approved, and a proxy of it is what was played",
            where=row.id,
            next_step="play the file itself, in a browser that can",
            code="proxy_seen",
        )
    if manner not in rule.manners:
        raise Forbidden(
            "this video must be seen before it is approved, and the player has not reported that",
            where=row.id,
            next_step="play it on its page in the console, above all the seconds with a finding",
            code="not_seen",
        )
