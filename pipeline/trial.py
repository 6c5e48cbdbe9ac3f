"""A trial of a list of recipients: what would become of each row, before a second is rendered (trust steps 1-3).

Nothing is counted and no render is made. Memory holds one chunk and a bounded number of causes; what is said of every
row goes to a file, which a person may download.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from audit.standing import authority_standing
from core.database import reading
from core.errors import GreenroomError
from pipeline.batch import known_keys, row_of
from pipeline.csv_text import safe_cell
from pipeline.jobs import Outcome
from pipeline.recipients import Recipient
from pipeline.stages.script import answer
from pipeline.states import State
from pipeline.suppression import suppressed, suppressed_error
from pipeline.tables import CampaignRow, PersonaRow, RenderRow

Kind = Literal["ready", "flagged", "blocked", "refused", "suppressed", "over", "known"]
KINDS: tuple[Kind, ...] = ("ready", "flagged", "blocked", "refused", "suppressed", "over", "known")
"""Ready; made, and a person is told of a finding; recorded as blocked by a rule or the authority; not taken at all, for
the row itself; on the suppression list; past the number of videos that the authority allows; entered before."""
MADE: frozenset[Kind] = frozenset({"ready", "flagged"})

MOST_CAUSES = 100
FIRST_ROWS = 10  # of a cause, by number


@dataclass(frozen=True)
class Cause:
    """One thing that is said of a row. ``field``: which field it is about, where it is about one; ``words``: of the
    text that a rule fired on."""

    code: str
    what: str
    citation: str = ""
    fix: str = ""
    words: str = ""
    field: str = ""


@dataclass(frozen=True)
class RowVerdict:
    """What would become of one row. ``script``: what would be said, where it can be composed."""

    number: int
    kind: Kind
    causes: tuple[Cause, ...] = ()
    script: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Trial:
    """The rows of one list that were tried so far: how many of each kind, and why.

    Attributes:
        key: the batch's, under which rows of it may have been entered before.
        allowed: how many further videos the authority allows; None: any number.
    """

    campaign: CampaignRow
    persona: PersonaRow
    brand: str
    key: str
    allowed: int | None = None
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    causes: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    more_causes: int = 0
    _accepted: int = 0

    def take(self, chunk: Sequence[Recipient]) -> list[RowVerdict]:
        """The verdicts of some rows, in their order, under the authority as it stands in one snapshot."""
        verdicts = self._tried(chunk)
        for verdict in verdicts:
            self.counts[verdict.kind] += 1
            # One rule may fire twice in one text: it is one row.
            for cause in {(one.code, one.field): one for one in verdict.causes}.values():
                self._count(verdict, cause)
        return verdicts

    def as_dict(self) -> dict[str, Any]:
        """What is kept of the trial: numbers, causes and rows by number; no recipient's values."""
        causes = sorted(self.causes.values(), key=lambda one: -int(one["rows"]))
        return {"counts": dict(self.counts), "causes": causes, "more_causes": self.more_causes}

    @property
    def rows(self) -> int:
        """How many were tried."""
        return sum(self.counts.values())

    def go_on(self, told: Mapping[str, Any]) -> None:
        """After the rows that :meth:`as_dict` told of."""
        self.counts |= told["counts"]
        self.causes = {(one["kind"], one["code"], one["field"]): dict(one) for one in told["causes"]}
        self.more_causes = told["more_causes"]
        self._accepted = sum(self.counts[kind] for kind in MADE)

    def _tried(self, chunk: Sequence[Recipient]) -> list[RowVerdict]:
        asked: dict[int, RenderRow] = {}
        told: dict[int, RowVerdict] = {}
        for one in chunk:
            try:
                asked[one.number] = row_of(
                    one, self.campaign, key=f"{self.key}:{one.number}", maker_id="usr_trial"
                )
            except GreenroomError as error:
                told[one.number] = _refused(one.number, error, "refused", one.fields)
        with reading() as session:
            authority = authority_standing(session, self.persona.authority_id).authority
            numbers = list(asked)
            barred = suppressed(session, self.campaign, [asked[number].fields for number in numbers])
            entered = known_keys(session, self.campaign.brand_id, asked.values())
            for place, number in enumerate(numbers):
                row = asked[number]
                if row.request_key in entered:
                    told[number] = RowVerdict(number, "known", fields=row.fields)
                    continue
                if barred[place]:
                    told[number] = _refused(
                        number, suppressed_error(f"row {number}"), "suppressed", row.fields
                    )
                    continue
                try:
                    outcome = answer(session, row, self.campaign, authority, self.brand)
                    told[number] = self._judged(number, row, outcome)
                except GreenroomError as error:  # such as a script that grows too long
                    told[number] = _refused(number, error, "refused", row.fields)
        return [told[one.number] for one in chunk]

    def _judged(self, number: int, row: RenderRow, outcome: Outcome) -> RowVerdict:
        script = str(outcome.values.get("script") or "")
        findings = outcome.values.get("script_findings") or []
        if outcome.state is State.BLOCKED:
            causes = tuple(_cause(one) for one in findings if one["severity"] == "block")
            return RowVerdict(number, "blocked", causes, script, row.fields)
        if self.allowed is not None and self._accepted >= self.allowed:
            cause = Cause(
                "render_limit_reached",
                "the authority allows no more videos",
                fix="ask for a new version of the authority with a higher number",
            )
            return RowVerdict(number, "over", (cause,), script, row.fields)
        self._accepted += 1
        causes = tuple(_cause(one) for one in findings if one["severity"] == "review")
        return RowVerdict(number, "flagged" if causes else "ready", causes, script, row.fields)

    def _count(self, verdict: RowVerdict, cause: Cause) -> None:
        key = (verdict.kind, cause.code, cause.field)
        known = self.causes.get(key)
        if known is None and len(self.causes) >= MOST_CAUSES:
            self.more_causes += 1
            return
        if known is None:
            known = self.causes[key] = {
                "kind": verdict.kind,
                "code": cause.code,
                "what": cause.what,
                "field": cause.field,
                "citation": cause.citation,
                "fix": cause.fix,
                "rows": 0,
                "first": [],
            }
        known["rows"] += 1
        if len(known["first"]) < FIRST_ROWS:
            known["first"].append(verdict.number)


def _refused(number: int, error: GreenroomError, kind: Kind, fields: Mapping[str, Any]) -> RowVerdict:
    about = error.where.removeprefix("field '").removesuffix("'") if error.where.startswith("field '") else ""
    return RowVerdict(
        number, kind, (Cause(error.code, error.what, fix=error.next_step, field=about),), "", fields
    )


def _cause(finding: Mapping[str, Any]) -> Cause:
    """A finding as it was dumped (pipeline/stages/script.py)."""
    spans = finding.get("spans") or [{}]
    return Cause(
        str(finding["code"]),
        str(finding["message"]),
        str(finding.get("citation", "")),
        str(finding.get("hint", "")),
        str(spans[0].get("text") or ""),
    )


class VerdictFile:
    """What is said of each row, as a CSV that a spreadsheet opens and calculates nothing of."""

    HEAD = ("row", "verdict", "cause", "field", "what", "citation", "fix", "words", "said")

    def __init__(self, file: IO[str], fields: Sequence[str], *, begun: bool = False):
        """Args: file: opened in UTF-8 with a byte-order mark and ``newline=""``. fields: the campaign's. begun: the
        file has its head already."""
        self._writer = csv.writer(file)
        self._fields = list(fields)
        if not begun:
            self._writer.writerow([*self.HEAD, *self._fields])

    def write(self, verdicts: Sequence[RowVerdict]) -> None:
        """One line for each cause of each row, and one for a row without any."""
        for verdict in verdicts:
            values = [verdict.fields.get(name, "") for name in self._fields]
            for cause in verdict.causes or (Cause("", ""),):
                line = (verdict.number, verdict.kind, cause.code, cause.field, cause.what, cause.citation)
                rest = (cause.fix, cause.words, verdict.script)
                self._writer.writerow([safe_cell(cell) for cell in (*line, *rest, *values)])
