"""What a list of renders is narrowed to, as the address says it: on the queue and on the pages reached from it.

A reviewer who narrowed the queue gets the next video of what they chose, so that the address of each video that they
come to holds it too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from urllib.parse import urlencode

from fastapi import Request

from core.errors import InputError
from pipeline.narrowing import Narrowing

AGES = {1: "an hour", 4: "4 hours", 24: "a day", 72: "3 days", 168: "a week"}
"""Hours since a video was asked for, by which the list is narrowed."""
LONGEST = 200


@dataclass(frozen=True)
class Chosen:
    """By the names in the address; "" where nothing was chosen."""

    campaign: str = ""
    order: str = ""
    risk: str = ""
    gate: str = ""
    persona: str = ""
    language: str = ""
    territory: str = ""
    hours: str = ""

    @property
    def filters(self) -> dict[str, str]:
        """What narrows the list, by name; "" where it does not."""
        return {name: value for name, value in asdict(self).items() if name not in ("campaign", "order")}

    @property
    def narrowing(self) -> Narrowing:
        return Narrowing(
            risk=self.risk,
            persona_id=self.persona,
            language=self.language,
            territory=self.territory,
            gate=self.gate,
            hours=int(self.hours or 0),
        )

    @property
    def query(self) -> str:
        """What follows the path of an address that keeps it: ``?risk=high``; "" where nothing was chosen."""
        said = {name: value for name, value in asdict(self).items() if value}
        return f"?{urlencode(said)}" if said else ""


def chosen_of(request: Request) -> Chosen:
    """What the request's address says; hours that are none of ``AGES`` narrow nothing.

    Raises InputError for more than anybody could have chosen.
    """
    said = {one.name: request.query_params.get(one.name, "") for one in fields(Chosen)}
    for name, value in said.items():
        if len(value) > LONGEST or "\x00" in value:  # PostgreSQL has no text with a NUL in it
            raise InputError(
                "this is nothing that the list can be narrowed to",
                where=name,
                next_step="choose it on the queue",
            )
    if said["hours"] not in map(str, AGES):
        said["hours"] = ""
    return Chosen(**said)
