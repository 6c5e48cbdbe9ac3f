"""Errors of the pipeline."""

from __future__ import annotations

from core.errors import Conflict, GreenroomError


class LeaseLost(Conflict):
    """Another worker holds the stage now, or its deadline has passed; this worker's result is thrown away."""

    code = "lease_lost"


class StageBlocked(GreenroomError):
    """A trust step said no. Not a failure: the render ends as blocked, with the findings that say why."""

    code = "blocked"
