"""What delivery does with the pipeline's messages."""

from __future__ import annotations

import logging
from typing import Any

from core.database import reading, transaction
from core.errors import GreenroomError
from delivery.release import release
from pipeline.states import State
from pipeline.tables import CampaignRow, RenderRow

log = logging.getLogger("greenroom.delivery")


def on_approved(payload: dict[str, Any]) -> None:
    """Release an approved render whose campaign says so. The row decides: a repeated message does nothing."""
    render_id = str(payload["render_id"])
    with reading() as session:
        render = session.get(RenderRow, render_id)
        campaign = session.get(CampaignRow, render.campaign_id) if render else None
    if render is None or campaign is None or render.state != State.APPROVED:
        return
    if not campaign.release_on_approval:
        return
    try:
        release(render_id, brand_id=render.brand_id, actor_id="sys_release-on-approval")
    except GreenroomError as error:
        # It stays approved with the reason: a person sees it, and may release by hand once it is mended.
        log.warning("not released: %s %s", render_id, error.code)
        with transaction() as session:
            row = session.get(RenderRow, render_id)
            if row is not None and row.state == State.APPROVED:
                row.reason = {"code": error.code, "message": str(error)}
