"""Runs a render's stages in this process with a progress bar each: the same code that a worker runs."""

from __future__ import annotations

from core.database import reading
from greenroom.output import progress_bar
from pipeline import leases
from pipeline.runner import run_stage
from pipeline.states import State
from pipeline.tables import RenderRow

STAGE_WORDS = {
    "script": "authority, script, policy",
    "voice": "voice",
    "picture": "lips, label, mark, encode",
    "examine": "gates",
    "seal": "credential and timestamp",
    "inspect": "independent verification",
}


def run_here(render_id: str) -> State:
    """Until the render waits for a person or has ended; answers with its state."""
    while taken := leases.claim(render_id):
        with progress_bar(f"  {STAGE_WORDS[taken.stage.name]}") as show:
            taken.watcher = show
            run_stage(taken)
    with reading() as session:
        row = session.get(RenderRow, render_id)
        return State(row.state) if row else State.FAILED
