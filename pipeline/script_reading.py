"""What the person who appears reads before they say yes to a script: its words as they will be spoken, what may be
filled in, and what is another than in what they said yes to before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from sqlalchemy import ColumnElement, exists, or_, select, true
from sqlalchemy.orm import Session, aliased

from audit.models import ScriptDecision
from audit.standing import AuthorityStanding, authority_standing
from audit.tables import LedgerEntryRow, ScriptDecisionRow
from core.errors import GreenroomError
from generate.aloud import read_aloud
from generate.fields import check_schema, longest_of
from generate.templates import compose_script
from pipeline.course import Course, is_at
from pipeline.drafts import example_of
from pipeline.final_cut import campaigns_of
from pipeline.script_approval import UNDECIDED, said_of, script_of
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

LOOKED_BACK = 20  # scripts that they said yes to, the newest ones
LOOKED_AT = 200  # videos that wait, the oldest ones
ALIKE = 0.5  # share of words in common from which a script is another version of one

_PIECES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\s+|[^\s{]+|\{", re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """Some words of a script: the same as before, new, or gone."""

    kind: Literal["same", "new", "gone"]
    text: str


@dataclass(frozen=True)
class Blank:
    """What may be filled in at one place: its name, and what it may say, in words."""

    name: str
    allows: str


@dataclass(frozen=True)
class Asked:
    """How a campaign's script stands with the person who appears, whose authority asks them.

    ``said``: what they said last; None: nothing that counts. ``name``: the persona's.
    """

    persona_id: str
    name: str
    said: ScriptDecision | None


@dataclass(frozen=True)
class Before:
    """What they said yes to before, and what is another now.

    ``words``: the script, piece by piece. ``facts``: of where and what for, (what, then, now).
    """

    campaign: CampaignRow
    words: tuple[Piece, ...]
    facts: tuple[tuple[str, str, str], ...]

    @property
    def same_words(self) -> bool:
        return all(piece.kind == "same" for piece in self.words)


def blanks_of(campaign: CampaignRow) -> list[Blank]:
    """What may be filled in in a campaign's script, in the order of its fields."""
    return [
        Blank(name, _allowed(described)) for name, described in check_schema(campaign.field_schema).items()
    ]


def example_of_script(campaign: CampaignRow) -> str:
    """One text that a campaign's script may become, as the voice reads it; "" where no example can be made."""
    values = {name: example_of(said) for name, said in check_schema(campaign.field_schema).items()}
    try:
        composed = compose_script(campaign.template, campaign.field_schema, values)
    except GreenroomError:
        return ""
    return read_aloud(composed.text, campaign.language)


def asked_of(session: Session, campaign: CampaignRow) -> Asked | None:
    """How a campaign's script stands; None where nobody is asked, or the authority does not stand.

    Raises ForgedApproval.
    """
    persona = session.get(PersonaRow, campaign.persona_id)
    if persona is None:
        return None
    try:
        standing = authority_standing(session, persona.authority_id, with_count=False)
    except GreenroomError:  # whoever acts on the campaign is told
        return None
    if not standing.valid or standing.authority.approval_mode != "script":
        return None
    return Asked(persona.id, persona.name, said_of(session, script_of(campaign), standing, persona.id))


def before_of(session: Session, campaign: CampaignRow) -> Before | None:
    """Of the scripts that they said yes to, the one that a campaign's is most like; None where it is like none."""
    yes = (
        select(ScriptDecisionRow.campaign_id)
        .where(
            ScriptDecisionRow.persona_id == campaign.persona_id,
            ScriptDecisionRow.render_id.is_(None),
            ScriptDecisionRow.verdict != "refuse",
            ScriptDecisionRow.campaign_id != campaign.id,
        )
        .order_by(ScriptDecisionRow.created_at.desc(), ScriptDecisionRow.id.desc())
        .limit(LOOKED_BACK)
    )
    best, alike = None, ALIKE
    for campaign_id in dict.fromkeys(session.scalars(yes)):
        old = session.get(CampaignRow, campaign_id)
        if old is None:
            continue
        ratio = SequenceMatcher(None, _split(old.template), _split(campaign.template), autojunk=False).ratio()
        if ratio > alike:  # of two that are as much alike, the newer
            best, alike = old, ratio
    if best is None:
        return None
    return Before(best, changes(best.template, campaign.template), _facts(best, campaign))


def changes(old: str, new: str) -> tuple[Piece, ...]:
    """The words of two texts, piece by piece: what is the same, new, or gone."""
    before, after = _split(old), _split(new)
    pieces: list[Piece] = []
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(after[b0:b1])))
            continue
        if a1 > a0:
            pieces.append(Piece("gone", "".join(before[a0:a1])))
        if b1 > b0:
            pieces.append(Piece("new", "".join(after[b0:b1])))
    return tuple(pieces)


def scripts_waiting(
    session: Session, persona_id: str, standing: AuthorityStanding, *, limit: int
) -> Sequence[CampaignRow]:
    """Campaigns whose script this persona has said nothing of yet, oldest first; a cancelled one waits for nobody."""
    said = exists().where(
        ScriptDecisionRow.campaign_id == CampaignRow.id,
        ScriptDecisionRow.render_id.is_(None),
        _counts(session, standing),
    )
    query = select(CampaignRow).where(
        CampaignRow.persona_id == persona_id, ~said, ~is_at(CampaignRow.id, Course.CANCELLED)
    )
    return session.scalars(query.order_by(CampaignRow.created_at, CampaignRow.id).limit(limit)).all()


def texts_waiting(
    session: Session, persona_id: str, standing: AuthorityStanding, *, limit: int
) -> Sequence[RenderRow]:
    """Videos that wait for a word on their text, oldest first: each text once."""
    each = exists().where(
        ScriptDecisionRow.campaign_id == RenderRow.campaign_id,
        ScriptDecisionRow.render_id.is_(None),
        ScriptDecisionRow.verdict == "each",
    )
    other = aliased(RenderRow)
    said = exists().where(
        ScriptDecisionRow.campaign_id == RenderRow.campaign_id,
        ScriptDecisionRow.render_id == other.id,
        other.script == RenderRow.script,
        _counts(session, standing),
    )
    query = select(RenderRow).where(
        RenderRow.campaign_id.in_(campaigns_of(persona_id)),
        RenderRow.state.in_(UNDECIDED),
        RenderRow.script.is_not(None),
        or_(RenderRow.origin != "made", each),
        ~said,
    )
    oldest = query.order_by(RenderRow.created_at, RenderRow.id).limit(LOOKED_AT)
    texts: dict[tuple[str, str], RenderRow] = {}
    for row in session.scalars(oldest):
        texts.setdefault((row.campaign_id, row.script or ""), row)
    return list(texts.values())[:limit]


def _counts(session: Session, standing: AuthorityStanding) -> ColumnElement[bool]:
    """Whether a decision counts still: a yes from before the authority's last end does not."""
    ended = session.get(LedgerEntryRow, standing.ended)
    if ended is None:
        return true()
    return or_(ScriptDecisionRow.verdict == "refuse", ScriptDecisionRow.created_at > ended.created_at)


def _facts(old: CampaignRow, new: CampaignRow) -> tuple[tuple[str, str, str], ...]:
    """What else than the words is another: where it goes, what it is about, what may be filled in."""
    named = {"Territory": "territory", "Channel": "channel", "Topic": "topic", "Language": "language"}
    found = [(words, str(getattr(old, column)), str(getattr(new, column))) for words, column in named.items()]
    then = {blank.name: blank.allows for blank in blanks_of(old)}
    now = {blank.name: blank.allows for blank in blanks_of(new)}
    found += [
        (f"Filled in: {name}", then.get(name, "nothing"), now.get(name, "nothing"))
        for name in dict.fromkeys([*then, *now])
    ]
    return tuple((what, was, is_) for what, was, is_ in found if was != is_)


def _allowed(described: Mapping[str, Any]) -> str:
    """What a field may say."""
    if choices := described.get("enum"):
        return "one of: " + ", ".join(str(choice) for choice in choices)
    if "const" in described:
        return f"always: {described['const']}"
    kind = described.get("type")
    if kind in ("number", "integer"):
        low, high = described.get("minimum"), described.get("maximum")
        ends = [f"from {low}" if low is not None else "", f"to {high}" if high is not None else ""]
        return " ".join(
            ["a whole number" if kind == "integer" else "a number", *(end for end in ends if end)]
        )
    form = described.get("format", "")
    what = {"name": "a name", "place": "a place"}.get(form, "any words")
    return f"{what}, at most {longest_of(described)} characters"


def _split(text: str) -> list[str]:
    return _PIECES.findall(text)
