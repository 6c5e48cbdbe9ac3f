"""kill -9 of the worker in each stage: the render finishes after a restart, once."""

from __future__ import annotations

import os
import signal
import time

import pytest
from sqlalchemy import func, select

from audit.tables import AuthorityRenderRow, ReceiptRow
from core.database import reading
from core.settings import get_settings
from core.tables import AssetRow
from greenroom.supervisor import Supervisor
from pipeline.service import CampaignSpec, create_campaign, get_campaign, request_render
from pipeline.states import STAGES, State
from pipeline.tables import RenderRow
from provenance.tables import MarkRow
from tests.end_to_end.conftest import DemoRun


@pytest.mark.slow
def test_a_render_survives_a_killed_worker_in_every_stage(in_demo: DemoRun, monkeypatch: pytest.MonkeyPatch):
    brand = in_demo.accounts["brand_id"]
    persona = get_campaign(in_demo.accounts["campaign_id"], brand_id=brand).persona_id
    campaign = create_campaign(
        brand_id=brand,
        persona_id=persona,
        spec=CampaignSpec(
            name="Short",
            template="Hello {{ first_name }}. Your new tea is on its way to you now.",
            fields={"type": "object", "properties": {"first_name": {"type": "string", "format": "name"}}},
            territory="in",
            channel="link",
            topic="food",
        ),
    )
    monkeypatch.setenv("GREENROOM_PIPELINE_SWEEP_SECONDS", "0.5")
    get_settings.cache_clear()
    row = request_render(
        campaign.id, {"first_name": "Mina"}, brand_id=brand, maker_id=in_demo.accounts["operator"]["id"]
    )
    supervisor = Supervisor(with_web=False)
    supervisor.start()
    killed = []
    try:
        until = time.monotonic() + 420
        while True:
            current = look(row.id)
            if current.state == State.IN_REVIEW:
                break
            assert current.state in {stage.start for stage in STAGES}, current.reason
            assert time.monotonic() < until, f"{current.state} after seven minutes, killed in {killed}"
            if current.lease_owner and current.state not in killed:
                os.kill(int(current.lease_owner.rsplit(":", 1)[1]), signal.SIGKILL)
                killed.append(current.state)
            supervisor.check()
            time.sleep(0.01)
    finally:
        supervisor.stop()
    assert len(killed) >= 4, killed  # the shortest stages may be over before they are seen
    assert {State.VOICED, State.ENCODED} <= set(killed)
    with reading() as session:
        assets = list(session.scalars(select(AssetRow).where(AssetRow.render_id == row.id)))
        marks = session.scalar(select(func.count()).select_from(MarkRow).where(MarkRow.render_id == row.id))
        counted = session.scalar(
            select(func.count()).select_from(AuthorityRenderRow).where(AuthorityRenderRow.render_id == row.id)
        )
        receipts = list(
            session.scalars(select(ReceiptRow.gate).where(ReceiptRow.essence == look(row.id).essence))
        )
    assert sorted(asset.role for asset in assets) == ["examined", "sealed"]
    assert (marks, counted) == (1, 1)
    assert len(receipts) == len(set(receipts)) > 5


def look(render_id: str) -> RenderRow:
    with reading() as session:
        return session.get_one(RenderRow, render_id)
