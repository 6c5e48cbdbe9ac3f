"""The two checks of a file, as the API answers them: at once, or as a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from review_ui.child import run_child
from review_ui.uploads import Unreadable

Task = Literal["analyze", "verify"]


async def measure(task: Task, path: Path, url: str = "") -> dict[str, Any]:
    """The task's document.

    Args:
        url: where the child fetches the file from first; "" where it lies at the path.

    Raises as :func:`review_ui.child.run_child`; Unreadable for a file of which a verification says only that.
    """
    report = await run_child(task, path, url)
    if task == "verify" and report["verdict"] == "unreadable":
        raise Unreadable(report)
    return report
