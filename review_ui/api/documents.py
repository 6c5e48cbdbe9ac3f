"""The documents of the API that several resources share: errors, and what each operation may answer with."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

V1 = "/api/v1"


class Asked(BaseModel):
    """A body: what it does not know is refused, so that a slip of the pen is not taken for a wish."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(BaseModel):
    """`code` is stable and for programs; the other three are for people."""

    code: str
    what: str
    where: str
    next: str


class ErrorDocument(BaseModel):
    """Every error: what happened, where, what to do next."""

    error: ErrorBody


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """These statuses, for an operation's ``responses``."""
    return {code: {"model": ErrorDocument} for code in codes}


PUBLIC = errors(401, 408, 413, 422, 429, 500, 503)
"""What any operation may answer with."""
CLOSED = PUBLIC | errors(403)
"""Of one that asks who calls."""
MEASURES = PUBLIC | errors(409)
"""Of one that changes nothing, and may be sent again under its key."""
NAMED = CLOSED | errors(404)
"""Of one that names a thing."""
CHANGES = NAMED | errors(409)
"""Of one that changes something."""
