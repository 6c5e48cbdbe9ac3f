"""A person asks for a release where the claim-signing key is not: the ledger says who asked, the io worker releases.

The web process has no such key past one machine. What it writes is an entry, so that no message has to survive: the
sweeper sends one for as long as the render waits and nothing was refused.
"""

from __future__ import annotations

from sqlalchemy import select

from audit.ledger import Event
from audit.tables import LedgerEntryRow
from core.database import reading, transaction
from core.errors import Conflict
from core.settings import get_settings
from delivery.errors import ReleaseRefused
from delivery.release import release
from pipeline import outbox
from pipeline.course import check_goes
from pipeline.leases import database_seconds
from pipeline.life import note
from pipeline.ownership import owned
from pipeline.states import RELEASE, State
from pipeline.tables import RenderRow


def release_or_ask(render_id: str, *, brand_id: str, actor_id: str) -> RenderRow:
    """Release here where this process may sign (GREENROOM_PIPELINE_KINDS), else ask for it.

    Raises as :func:`delivery.release.release`, or as :func:`ask_for_release`.
    """
    if RELEASE.kind in get_settings().pipeline.kinds.split(","):
        return release(render_id, brand_id=brand_id, actor_id=actor_id)
    return ask_for_release(render_id, brand_id=brand_id, actor_id=actor_id)


def ask_for_release(render_id: str, *, brand_id: str, actor_id: str) -> RenderRow:
    """Write down that somebody asks; what was refused before is tried anew. Asking again asks once more.

    Raises:
        ReleaseRefused: it is not approved.
        Conflict: it is being released at this moment.
        CampaignHalted: its campaign is paused.
        NotFound: no such render of this brand.
    """
    with transaction() as session:
        row = owned(session, RenderRow, render_id, brand_id)
        if State(row.state) is State.RELEASED:
            return row
        if State(row.state) is not State.APPROVED:
            raise ReleaseRefused(
                f"only an approved render is released; this one is {row.state}",
                where=render_id,
                next_step="look at its page for the reason",
            )
        check_goes(session, row.campaign_id, asked=True)
        if row.lease_until is not None and row.lease_until > database_seconds(session):
            raise Conflict(
                "this render is being released at this moment",
                where=render_id,
                next_step="look again in a minute",
                code="release_in_progress",
            )
        row = note(
            session,
            render_id,
            Event.RELEASE_ASKED,
            start=State.APPROVED,
            values={"reason": None},
            facts={"actor": actor_id},
        )
        outbox.hint(session, row)
        return row


def asked_by(render_id: str) -> str | None:
    """The account that asked last for this render's release; None where nobody did."""
    with reading() as session:
        facts = session.scalar(
            select(LedgerEntryRow.facts)
            .where(LedgerEntryRow.subject == render_id, LedgerEntryRow.event == Event.RELEASE_ASKED.value)
            .order_by(LedgerEntryRow.id.desc())
            .limit(1)
        )
    return str(facts["actor"]) if facts else None
