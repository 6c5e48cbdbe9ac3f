"""The runs that a list of renders is read from, each in the order of an index, and the order of the whole.

A page of the list (pipeline/lists.py) and the next one of a reviewer (pipeline/assignment.py) read the same runs: what
comes next is what stands next in the list that the reviewer came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, exists, literal_column
from sqlalchemy.orm import Session

from core.errors import InputError
from core.models import Verdict
from pipeline.narrowing import EVERYTHING, Narrowing, held
from pipeline.ownership import owned
from pipeline.paging import Part
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow, ReviewFlagRow

Order = Literal["oldest", "newest", "gravest"]

GRAVEST: tuple[Verdict | None, ...] = (Verdict.BLOCK, Verdict.REVIEW, None, Verdict.PASS)
"""Verdicts as a reviewer wants them: what no gate has decided stands before what passed."""

Conditions = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True)
class Listing:
    """A brand's renders in some states, of one campaign where one is named, narrowed and in an order.

    Attributes:
        order: by when they were asked for; ``gravest``: the gravest verdict first, then the oldest. A verdict is
            settled in review, so that only the list of those in review has this order, and no list of one gate.
    """

    brand_id: str
    states: tuple[State, ...]
    campaign_id: str = ""
    order: Order = "oldest"
    narrowing: Narrowing = EVERYTHING

    def check(self) -> None:
        """Raises InputError for an order that the list does not have, and for a gate of others than those in review."""
        in_review = self.states == (State.IN_REVIEW,)
        if self.order == "gravest" and not in_review:
            raise InputError(
                "only what is in review can be listed by its verdict",
                where="order",
                next_step="list the state in_review, or order by oldest or newest",
            )
        if self.narrowing.gate and (self.order == "gravest" or not in_review):
            raise InputError(
                "by a gate only what is in review can be listed, and by age alone",
                where="gate",
                next_step="list the state in_review, and order by oldest or newest",
            )

    def campaign(self, session: Session) -> CampaignRow | None:
        """The campaign that was named. Raises NotFound unless it is the brand's."""
        return owned(session, CampaignRow, self.campaign_id, self.brand_id) if self.campaign_id else None

    def held(self, session: Session) -> dict[tuple[str, State], int] | None:
        """How many renders each campaign that fits holds, by state; None where nothing narrows by campaign.

        Raises InputError as :func:`pipeline.narrowing.held`.
        """
        if not self.narrowing.by_campaign:
            return None
        return held(session, self.brand_id, self.states, self.narrowing, self.campaign_id)

    def parts(self, runs: Iterable[tuple[str, State]] | None = None, also: Conditions = ()) -> list[Part]:
        """The list as parts.

        Args:
            runs: the campaigns and states of :meth:`held`; None: each state, of the brand or of the campaign named.
            also: more conditions on renders.
        """
        # A run is read by campaign or by brand: each has its index, and with both a planner may take the longer one.
        found = [(self.campaign_id, state) for state in self.states] if runs is None else runs
        return [part for campaign_id, state in found for part in self._parts(campaign_id, state, also)]

    @property
    def keys(self) -> type[ReviewFlagRow] | None:
        """The table that the parts are of, where it is not the renders' own."""
        return ReviewFlagRow if self.narrowing.gate else None

    def rank_of(self, verdict: str | None) -> int:
        """Of which rank a render with this verdict is in this list."""
        return GRAVEST.index(Verdict(verdict) if verdict else None) if self.order == "gravest" else 0

    def _parts(self, campaign_id: str, state: State, also: Conditions) -> Sequence[Part]:
        table: type[RenderRow] | type[ReviewFlagRow] = self.keys or RenderRow
        scope = table.campaign_id == campaign_id if campaign_id else table.brand_id == self.brand_id
        asked = self.narrowing.old_enough(table.created_at)
        if self.narrowing.gate:
            still = exists().where(
                RenderRow.id == ReviewFlagRow.id, RenderRow.state == State.IN_REVIEW, *also
            )
            return [Part((scope, ReviewFlagRow.gate == self.narrowing.gate, still, *asked))]
        if self.order != "gravest":
            return [Part((scope, RenderRow.state == state, *asked, *also))]
        return [
            Part(
                (
                    scope,
                    RenderRow.verdict == verdict if verdict else RenderRow.verdict.is_(None),
                    _IN_REVIEW,
                    *asked,
                    *also,
                ),
                rank,
            )
            for rank, verdict in enumerate(GRAVEST)
        ]


_IN_REVIEW: ColumnElement[bool] = literal_column("renders.state = 'in_review'")
"""Word for word what the partial indexes hold."""
