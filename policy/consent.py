"""Does an authority cover this use? (trust step 1; asked at intake, render, approval and each release)

Every limit of the scope has a finding code of its own. What the scope does not state is not allowed: an
empty list, an unknown mode or a missing date blocks. Topics are matched by rules; an unsure match goes to
a person. The answer holds for the moment ``use.at`` and the authority as it was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from audit.models import ANY, Authority, AuthorityStatus
from core.models import Finding, Verdict
from policy.models import ScopeDecision, Use
from policy.packs import territory_pack
from policy.topics import SURE, topics, topics_of

__all__ = ["ScopeDecision", "Use", "covers"]

_MODES = {"exact": {"exact"}, "template": {"exact", "template"}, "free": {"exact", "template", "free"}}
_CITATION = "Trust step 1: an authority covers this use"


def covers(authority: Authority, use: Use) -> ScopeDecision:
    """Hold a use against an authority: block when any limit is crossed, review when a topic is unsure.

    It does not count the render (``audit.allowance.count_render`` does, exactly), and does not fetch a
    newer state: read the authority in the transaction that acts on the answer.
    """
    findings = tuple(
        finding
        for part in (_standing, _who, _where, _when, _script, _topics)
        for finding in part(authority, use)
    )
    verdicts = [Verdict.PASS, *(Verdict(finding.severity) for finding in findings)]
    return ScopeDecision(verdict=Verdict.worst(verdicts), findings=findings)


def _standing(authority: Authority, _use: Use) -> Iterator[Finding]:
    if authority.status is not AuthorityStatus.GRANTED:
        yield _block("authority_not_granted", f"The authority is {authority.status.value}.")
    if authority.superseded_by is not None:
        yield _block("authority_superseded", "A newer version of the authority is in force.")
    if authority.document.kind == "consent" and not authority.document.evidence:
        yield _block("evidence_missing", "No evidence of the consent is on record.")


def _who(authority: Authority, use: Use) -> Iterator[Finding]:
    scope = authority.scope
    if use.persona_id is not None and authority.document.persona_id != use.persona_id:
        yield _block("persona_not_covered", "The authority speaks of another persona.")
    if not _listed(use.brand_id, scope.brands):
        yield _block("brand_not_covered", "The authority does not name this brand.")
    if not _listed(use.campaign_id, scope.campaigns):
        yield _block("campaign_not_covered", "The authority does not name this campaign.")
    for kind in use.likeness:
        if kind not in scope.likeness:
            yield _block("likeness_not_covered", f"The authority does not allow use of the {kind}.")
    if not use.likeness:
        yield _block("likeness_not_covered", "The use does not say what of the person it shows.")
    if use.training and not scope.training:
        yield _block("training_not_covered", "The authority does not allow training of models.")


def _where(authority: Authority, use: Use) -> Iterator[Finding]:
    scope = authority.scope
    if not any(_language_in(use.language, allowed) for allowed in scope.languages):
        yield _block("language_not_covered", "The authority does not allow this language.")
    if not any(_territory_in(use.territory, allowed) for allowed in scope.territories):
        yield _block("territory_not_covered", "The authority does not allow this territory.")
    if not _listed(use.channel, scope.channels):
        yield _block("channel_not_covered", "The authority does not allow this channel.")


def _when(authority: Authority, use: Use) -> Iterator[Finding]:
    scope = authority.scope
    if use.at.tzinfo is None:
        yield _block("time_unknown", "The time of the use has no time zone.")
        return
    # Nobody's likeness is used without a beginning and an end; a presenter who does not exist has no such
    # right, so a provenance statement may leave them open.
    consent = authority.document.kind == "consent"
    if scope.not_before is None and consent:
        yield _block("start_not_stated", "The authority does not say when it begins.")
    elif scope.not_before is not None and use.at < scope.not_before:
        yield _block("not_yet_valid", "The authority is not in force yet.")
    if scope.not_after is None and consent:
        yield _block("end_not_stated", "The authority does not say when it ends.")
    elif scope.not_after is not None and use.at >= scope.not_after:
        yield _block("no_longer_valid", "The authority has ended.")
    if scope.max_renders is None:
        yield _block("renders_not_stated", "The authority does not say how many renders it allows.")
    elif scope.max_renders != "unlimited" and authority.renders_counted + use.renders > scope.max_renders:
        yield _block("renders_used_up", f"All {scope.max_renders} renders of the authority are used.")


def _script(authority: Authority, use: Use) -> Iterator[Finding]:
    scope = authority.scope
    if scope.script_mode is None:
        yield _block("script_mode_not_stated", "The authority does not say how scripts may be made.")
    elif use.script_mode not in _MODES[scope.script_mode]:
        yield _block(
            "script_mode_not_covered",
            f"The authority allows {scope.script_mode} scripts, not {use.script_mode}.",
        )
    elif scope.script_mode == "exact" and (not use.script_sha256 or use.script_sha256 not in scope.scripts):
        yield _block("script_not_covered", "The authority does not list this script.")
    elif scope.script_mode == "template" and not {ANY, use.script_sha256} & set(scope.scripts):
        yield _block("script_not_covered", "The authority does not list this template.")
    for field in use.personal_fields:
        if not _listed(field, scope.personal_fields):
            yield _block("field_not_covered", f"The authority does not allow the field '{field[:40]}'.")


def _topics(authority: Authority, use: Use) -> Iterator[Finding]:
    scope = authority.scope
    seen = topics_of(use.script) if use.script else {}
    for topic in scope.topics_barred:
        if topic in (ANY, use.topic) or seen.get(topic, 0) >= SURE:
            yield _block("topic_barred", f"The authority bars the topic '{topic[:40]}'.")
        elif topic in seen:
            yield _unsure(f"The script may touch the barred topic '{topic[:40]}'.")
        elif topic not in topics():
            yield _unsure(f"No rule can tell whether the script touches the barred topic '{topic[:40]}'.")
    if not scope.topics_allowed:
        yield _block("topic_not_covered", "The authority names no topic that it allows.")
        return
    if ANY in scope.topics_allowed:
        return
    if use.topic and use.topic not in scope.topics_allowed:
        yield _block("topic_not_covered", f"The authority does not allow the topic '{use.topic[:40]}'.")
    for topic, words in seen.items():
        if words >= SURE and topic not in scope.topics_allowed and topic not in scope.topics_barred:
            yield _unsure(f"The script seems to speak of '{topic}', which is not an allowed topic.")
    if not use.topic and not any(
        count >= SURE and topic in scope.topics_allowed for topic, count in seen.items()
    ):
        yield _unsure("The campaign declares no topic, and the script does not show one that is allowed.")


def _listed(value: str, allowed: Sequence[str]) -> bool:
    return bool(value) and (ANY in allowed or value in allowed)


def _language_in(language: str, allowed: str) -> bool:
    wanted, listed = language.lower(), allowed.lower()
    return bool(wanted) and (listed in (ANY, wanted) or wanted.startswith(f"{listed}-"))


def _territory_in(territory: str, allowed: str) -> bool:
    wanted, listed = territory.lower(), allowed.lower()
    if not wanted:
        return False
    if listed in (ANY, wanted) or wanted.startswith(f"{listed}-"):
        return True
    return listed == "eu" and territory_pack(wanted) == "eu"


def _finding(code: str, severity: Literal["review", "block"], message: str) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        message=message,
        hint="Change the use, or ask for an authority that covers it.",
        citation=_CITATION,
        rule=f"greenroom:{code}",
    )


def _block(code: str, message: str) -> Finding:
    return _finding(code, "block", message)


def _unsure(message: str) -> Finding:
    return _finding("topic_unsure", "review", message)
