"""A campaign while somebody writes it: what would be said, how long that is, what the rules say. Nothing is kept.

The same checks as at intake (trust steps 1 to 3), over the fields' example values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from audit.standing import NEXT_STEPS, SENTENCES, authority_standing
from core.database import reading
from core.errors import GreenroomError, InputError
from core.models import Finding
from core.tables import BrandRow
from generate.aloud import read_aloud, seconds_of
from generate.fields import check_schema
from generate.templates import ComposedScript, compose_script
from pipeline.campaign_spec import campaign_from
from pipeline.ownership import owned
from pipeline.script_approval import CODE as SCRIPT_CODE
from pipeline.service import campaign_row
from pipeline.stages.script import checked
from pipeline.tables import CampaignRow, PersonaRow
from pipeline.uses import covered

EXAMPLE_BY_FORMAT = {"name": "Asha", "place": "Pune"}


@dataclass(frozen=True)
class Look:
    """What is said of a draft.

    Attributes:
        script: composed with the examples; "" where it cannot be.
        heard: its words as the voice reads them. seconds: about how long the video is.
        findings: of the authority and the rules, the gravest first.
        problems: why it cannot be a campaign as it stands.
    """

    script: str = ""
    heard: str = ""
    seconds: float = 0.0
    findings: tuple[Finding, ...] = ()
    problems: tuple[GreenroomError, ...] = ()

    @property
    def verdict(self) -> str:
        """The gravest finding's severity, or ``pass``; "" where nothing could be checked."""
        if not self.script:
            return ""
        found = {finding.severity for finding in self.findings}
        return next((severity for severity in ("block", "review") if severity in found), "pass")


@dataclass
class _Looking:
    problems: list[GreenroomError] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def look_at(
    values: Mapping[str, Any], *, persona_id: str, examples: Mapping[str, Any], brand_id: str
) -> Look:
    """What would be said of a campaign with these values (:class:`pipeline.campaign_spec.CampaignSpec`).

    Args:
        examples: a value for each field of the template, by name; a field without one is given one.

    Raises NotFound: no such brand.
    """
    found = _Looking()
    composed, campaign, brand = ComposedScript("", ()), None, ""
    with reading() as session:
        row = owned(session, BrandRow, brand_id, brand_id)
        brand = row.name
        try:
            spec = campaign_from({**values, "name": values.get("name") or "New campaign"})
            campaign = campaign_row(row, persona_id, spec)
        except GreenroomError as error:
            found.problems.append(error)
        if campaign is not None:
            composed = _composed(campaign, examples, found)
        if campaign is not None and persona_id:
            _ask_authority(session, campaign, composed, found)
        elif not persona_id:
            found.problems.append(
                InputError("nobody was chosen to appear", where="persona", next_step="choose who appears")
            )
    if campaign is not None and composed.text:
        found.findings += checked(composed, campaign, brand).findings
    order = {"block": 0, "review": 1, "note": 2}
    return Look(
        script=composed.text,
        heard=read_aloud(composed.text, campaign.language if campaign is not None else "en"),
        seconds=seconds_of(composed.text),
        findings=tuple(sorted(found.findings, key=lambda finding: order[finding.severity])),
        problems=tuple(found.problems),
    )


def _composed(campaign: CampaignRow, examples: Mapping[str, Any], found: _Looking) -> ComposedScript:
    try:
        schema = check_schema(campaign.field_schema)
        values = {name: examples.get(name, example_of(described)) for name, described in schema.items()}
        return compose_script(campaign.template, campaign.field_schema, values)
    except GreenroomError as error:
        found.problems.append(error)
        return ComposedScript("", ())


def _ask_authority(
    session: Session, campaign: CampaignRow, composed: ComposedScript, found: _Looking
) -> None:
    try:
        persona = owned(session, PersonaRow, campaign.persona_id, campaign.brand_id)
        standing = authority_standing(session, persona.authority_id)
    except GreenroomError as error:
        found.problems.append(error)
        return
    if not standing.valid:
        found.problems.append(
            InputError(SENTENCES[standing.state], where="persona", next_step=NEXT_STEPS[standing.state])
        )
        return
    if standing.authority.approval_mode == "script":
        found.findings.append(
            Finding(
                code=SCRIPT_CODE,
                severity="note",
                message="The person who appears approves the script before anything is made.",
                hint="They are asked on their own page once the campaign is there.",
                citation="Trust step 1: an authority covers this use",
            )
        )
    fields = campaign.field_schema.get("properties", {})
    found.findings += covered(
        standing.authority, campaign, fields=fields, script=composed.text or None
    ).findings


def example_of(described: Mapping[str, Any]) -> Any:
    """A value that a field takes, as far as one can be guessed from its description."""
    if examples := described.get("examples"):
        return examples[0]
    if "default" in described:
        return described["default"]
    if choices := described.get("enum"):
        return choices[0]
    if described.get("type") in ("integer", "number"):
        return described.get("minimum", min(5, described.get("maximum", 5)))
    words = EXAMPLE_BY_FORMAT.get(described.get("format", ""), "a few words")
    return words[: described.get("maxLength", len(words))]
