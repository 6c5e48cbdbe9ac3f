"""A campaign while somebody writes it: what would be said, how long that is, what the rules say. Nothing is kept.

The same checks as at intake (trust steps 1 to 3), over the fields' example values and over each other way that the
text's conditions make of it: a rule that fires for one recipient of a thousand is seen before anything is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from audit.models import Authority
from core.database import reading
from core.errors import GreenroomError, InputError
from core.models import Finding
from core.tables import BrandRow
from generate.aloud import read_aloud, seconds_of, speaks
from generate.fields import check_schema
from generate.sayable import check_sayable
from generate.templates import check_template, compose_script
from generate.ways import Way, Ways, ways_through
from pipeline.campaign_spec import campaign_from
from pipeline.ownership import owned
from pipeline.script_approval import CODE as SCRIPT_CODE
from pipeline.service import campaign_row
from pipeline.stages.script import checked
from pipeline.tables import CampaignRow, PersonaRow
from pipeline.uses import covered, valid_authority

EXAMPLE_BY_FORMAT = {"name": "Asha", "place": "Pune"}
_ASKS_SCRIPT = Finding(
    code=SCRIPT_CODE,
    severity="note",
    message="The person who appears approves the script before anything is made.",
    hint="They are asked on their own page once the campaign is there.",
    citation="Trust step 1: an authority covers this use",
)
_GRAVITY = ("block", "refused", "review", "pass")


@dataclass(frozen=True)
class Said:
    """What some recipients hear: one way through the text (:mod:`generate.ways`).

    Attributes:
        script: composed; "" where it cannot be, for the ``problem``.
        heard: its words as the voice reads them. seconds: about how long the video is.
        findings: of the authority and the rules, the gravest first.
        where: the fields in which it differs from the examples, each with its value; None: left out.
    """

    script: str = ""
    heard: str = ""
    seconds: float = 0.0
    findings: tuple[Finding, ...] = ()
    where: tuple[tuple[str, Any], ...] = ()
    problem: GreenroomError | None = None

    @property
    def verdict(self) -> str:
        """``refused`` where it cannot be composed; else the gravest finding's severity, or ``pass``."""
        if self.problem is not None:
            return "refused"
        found = {finding.severity for finding in self.findings}
        return next((severity for severity in ("block", "review") if severity in found), "pass")


@dataclass(frozen=True)
class Look:
    """What is said of a draft.

    Attributes:
        said: with the examples, and then on each other way through the text, the gravest first; empty where nothing
            can be composed.
        more: there are more ways than these. unreached: lines of parts that no value was found to lead to.
        silent: the persona's voice does not speak the language, so that videos are brought in and none is made.
        problems: why it cannot be a campaign as it stands.
    """

    said: tuple[Said, ...] = ()
    more: bool = False
    unreached: tuple[int, ...] = ()
    silent: bool = False
    problems: tuple[GreenroomError, ...] = ()

    @property
    def script(self) -> str:
        """With the examples; "" where it cannot be composed."""
        return self.said[0].script if self.said else ""

    def further(self, said: Said) -> list[Finding]:
        """Findings of one way that the examples' have not: each is told once."""
        known = {(finding.code, finding.message) for finding in self.said[0].findings}
        return [finding for finding in said.findings if (finding.code, finding.message) not in known]

    @property
    def verdict(self) -> str:
        """The gravest of all that would be said; "" where nothing could be checked."""
        found = {said.verdict for said in self.said}
        return next((verdict for verdict in _GRAVITY if verdict in found), "")


def look_at(
    values: Mapping[str, Any], *, persona_id: str, examples: Mapping[str, Any], brand_id: str
) -> Look:
    """What would be said of a campaign with these values (:class:`pipeline.campaign_spec.CampaignSpec`).

    Args:
        examples: a value for each field of the template, by name; a field without one is given one.

    Raises NotFound: no such brand.
    """
    problems: list[GreenroomError] = []
    ways, authority, silent = Ways(()), None, False
    with reading() as session:
        brand = owned(session, BrandRow, brand_id, brand_id)
        try:
            spec = campaign_from({**values, "name": values.get("name") or "New campaign"})
            campaign = campaign_row(brand, persona_id, spec)
            ways = _ways(campaign, examples)
        except GreenroomError as error:
            problems.append(error)
        try:
            persona, authority = _who(session, persona_id, brand_id)
            silent = bool(ways.ways) and not speaks(persona.voice, campaign.language)
        except GreenroomError as error:
            problems.append(error)
    said = [_said(way, campaign, authority, brand.name) for way in ways.ways]
    if said and said[0].problem is not None:
        return Look(problems=(said[0].problem, *problems))
    others = sorted(said[1:], key=lambda one: _GRAVITY.index(one.verdict))
    return Look((*said[:1], *others), ways.more, ways.unreached, silent, tuple(problems))


def _ways(campaign: CampaignRow, examples: Mapping[str, Any]) -> Ways:
    schema = check_schema(campaign.field_schema)
    values = {name: examples.get(name, example_of(described)) for name, described in schema.items()}
    check_template(campaign.template, campaign.field_schema)
    return ways_through(campaign.template, campaign.field_schema, values)


def _who(session: Session, persona_id: str, brand_id: str) -> tuple[PersonaRow, Authority]:
    """Who is to appear, and the authority, which allows new work. Raises what is in its way."""
    if not persona_id:
        raise InputError("nobody was chosen to appear", where="persona", next_step="choose who appears")
    persona = owned(session, PersonaRow, persona_id, brand_id)
    return persona, valid_authority(session, persona.authority_id, where="persona").authority


def _said(way: Way, campaign: CampaignRow, authority: Authority | None, brand: str) -> Said:
    """Trust steps 1 to 3 over one way; step 1 where an authority is known."""
    where = tuple((name, way.values.get(name)) for name in way.changed)
    try:
        composed = compose_script(campaign.template, campaign.field_schema, way.values)
        check_sayable(composed, campaign.language)
    except GreenroomError as problem:
        return Said(where=where, problem=problem)
    findings = list(checked(composed, campaign, brand).findings)
    if authority is not None:
        fields = campaign.field_schema.get("properties", {})
        findings += covered(authority, campaign, fields=fields, script=composed.text).findings
        findings += [_ASKS_SCRIPT] if authority.approval_mode == "script" else []
    order = {"block": 0, "review": 1, "note": 2}
    return Said(
        script=composed.text,
        heard=read_aloud(composed.text, campaign.language),
        seconds=seconds_of(composed.text),
        findings=tuple(sorted(findings, key=lambda finding: order[finding.severity])),
        where=where,
    )


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
