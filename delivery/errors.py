"""Errors of delivery."""

from __future__ import annotations

from core.errors import Conflict


class ReleaseRefused(Conflict):
    """A condition of trust step 12 does not hold; nothing was released and nothing was left behind."""

    code = "release_refused"
