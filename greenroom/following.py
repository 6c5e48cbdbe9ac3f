"""Runs a render's stages in this process with a progress bar each: the same code that a worker runs."""

from __future__ import annotations

import sys
import time

from core.database import reading
from greenroom.output import progress_bar
from pipeline import leases
from pipeline.runner import run_stage
from pipeline.states import WAITING, State
from pipeline.tables import RenderRow

STAGE_WORDS = {
    "script": "authority, script, policy",
    "voice": "voice",
    "picture": "lips, label, mark, encode",
    "examine": "gates",
    "seal": "credential and timestamp",
    "inspect": "independent verification",
}

_PATIENCE = 8  # pauses for a service that does not answer, before the render is left to the workers


def run_here(render_id: str) -> State:
    """Until the render waits for a person, for an authority or for a worker elsewhere, or has ended; its state."""
    while True:
        while taken := leases.claim(render_id):
            with progress_bar(f"  {STAGE_WORDS[taken.stage.name]}") as show:
                taken.watcher = show
                run_stage(taken)
        with reading() as session:
            row = session.get_one(RenderRow, render_id)
            pause = (row.retry_at or 0.0) - leases.database_seconds(session)
        state = State(row.state)
        if state not in WAITING or pause <= 0 or row.waits > _PATIENCE:
            return state
        print(f"  trying again in {pause:.0f} s", file=sys.stderr)
        time.sleep(pause)
