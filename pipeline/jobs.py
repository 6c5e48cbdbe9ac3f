"""What a stage is given and what it gives back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.database import Base
from core.errors import NotFound
from core.settings import get_settings
from pipeline.leases import Claim
from pipeline.states import State
from pipeline.tables import CampaignRow, PersonaRow, RenderRow


@dataclass(frozen=True)
class Job:
    """One stage's work on one render: rows as they were when the lease was taken, to read only."""

    claim: Claim
    render: RenderRow
    campaign: CampaignRow
    persona: PersonaRow

    def progress(self, fraction: float) -> None:
        """Report progress in [0, 1]; renews the lease. Raises LeaseLost when the work is no longer ours."""
        self.claim.progress(fraction)


@dataclass
class Outcome:
    """A stage's result: the state it leads to, the columns it sets, and what else its transaction records.

    ``record`` runs in the transaction that makes the state true, and gives the rows that were made (assets, manifests,
    fingerprints): the entry of the state commits to them. ``facts``: what the entry states beside.
    """

    state: State
    values: dict[str, Any] = field(default_factory=dict)
    record: Callable[[Session], Sequence[Base]] = lambda _session: ()
    facts: dict[str, Any] = field(default_factory=dict)
    reason: dict[str, Any] | None = None


def load_job(session: Session, claim: Claim) -> Job:
    """The rows of a claimed render."""
    rows = session.execute(
        select(RenderRow, CampaignRow, PersonaRow)
        .join(CampaignRow, CampaignRow.id == RenderRow.campaign_id)
        .join(PersonaRow, PersonaRow.id == CampaignRow.persona_id)
        .where(RenderRow.id == claim.render_id)
    ).one_or_none()
    if rows is None:
        raise NotFound("the render, its campaign or its persona is gone", where=claim.render_id)
    return Job(claim, *rows)


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder for a stage's files, gone when the stage ends. In the home, so that a rename into blobs is cheap."""
    root = get_settings().home / "work"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        yield Path(folder)
