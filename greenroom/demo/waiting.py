"""Shows how the workers get on with some renders: a bar each, until all wait for a person or have ended."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from greenroom.following import STAGE_WORDS
from pipeline.service import get_render
from pipeline.states import STAGE_AT, STAGES, State


def show_until_settled(renders: dict[str, str], brand_id: str) -> None:
    """Blocks until no stage is left to run."""
    columns = (TextColumn("{task.description:<44}"), BarColumn(30), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks = {name: progress.add_task(name, total=len(STAGES)) for name in renders}
        while True:
            running = False
            for name, render_id in renders.items():
                row = get_render(render_id, brand_id=brand_id)
                stage = STAGE_AT.get(State(row.state))
                running = running or stage is not None
                done = len(STAGES) if stage is None else STAGES.index(stage) + row.progress
                words = STAGE_WORDS[stage.name] if stage else row.state.replace("_", " ")
                progress.update(tasks[name], completed=done, description=f"{name}: {words}")
            if not running:
                return
            time.sleep(0.3)
