"""What delivery does with the pipeline's messages."""

from __future__ import annotations

import logging
from typing import Any

from audit.errors import LedgerInconsistent
from core.database import reading, transaction
from core.errors import Conflict, GreenroomError
from core.settings import get_settings
from delivery.asked import asked_by
from delivery.release import release
from pipeline.leases import claim
from pipeline.life import move
from pipeline.runner import failed
from pipeline.states import RELEASE, State
from pipeline.tables import CampaignRow, RenderRow

log = logging.getLogger("greenroom.delivery")


def on_approved(payload: dict[str, Any]) -> None:
    """Release an approved render whose campaign says so, or for which a person asked. The row decides: a repeated
    message does nothing."""
    render_id = str(payload["render_id"])
    with reading() as session:
        render = session.get(RenderRow, render_id)
        campaign = session.get(CampaignRow, render.campaign_id) if render else None
    if render is None or campaign is None or render.state != State.APPROVED or render.reason is not None:
        return
    asked = asked_by(render_id)
    if not (campaign.release_on_approval or asked) or _parked(render):
        return
    try:
        release(render_id, brand_id=render.brand_id, actor_id=asked or "sys_release-on-approval")
    except GreenroomError as error:
        # It stays approved with the reason: a person sees it, and may release by hand once it is mended.
        log.warning("not released: %s %s", render_id, error.code)
    except Exception:
        log.exception("release raised: %s", render_id)


def _parked(render: RenderRow) -> bool:
    """A release that ended its worker each time, or waited for another service for too long, is parked as failed."""
    settings = get_settings().pipeline
    if render.attempts < settings.max_attempts and render.waits < settings.max_waits:
        return False
    taken = claim(render.id, RELEASE)
    if taken is None:
        return True  # somebody is at it
    code = "poison" if render.attempts >= settings.max_attempts else "release_waited"
    outcome = failed(
        taken, code, f"the release was tried {render.attempts + render.waits} times without a result"
    )
    try:
        with transaction() as session:
            facts = {"reason_code": code}
            values = {"reason": outcome.reason}
            move(
                session,
                render.id,
                State.FAILED,
                start=State.APPROVED,
                claim=taken,
                values=values,
                facts=facts,
            )
    except Conflict:
        log.info("moved meanwhile: %s", render.id)
    except LedgerInconsistent as error:
        with transaction() as session:
            values = {"reason": {"code": error.code, "message": str(error)}}
            facts = {"reason_code": error.code}
            move(
                session,
                render.id,
                State.BLOCKED,
                start=State.APPROVED,
                claim=taken,
                values=values,
                facts=facts,
            )
    return True
