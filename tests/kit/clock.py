"""Time that a test moves: the wall clock of ``core.database.now`` and the database's clock of the leases.

Certificates, timestamps and the operating system's clock stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any

import core.database
import pipeline.leases
from tests.kit.standing_in import standing_in


class Clock:
    """Ahead of the real clock by what was ticked."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def tick(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    def back(self) -> None:
        """As if it had never moved."""
        self.ahead = timedelta()

    @contextmanager
    def moved(self) -> Iterator[None]:
        """``now()`` is imported by name and kept in column defaults: what moves is the clock that it reads."""
        clock = self

        class Moved(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:
                return datetime.now(tz) + clock.ahead

        of_database = pipeline.leases.database_clock

        def database_clock(session: Any) -> Any:
            return of_database(session) + clock.ahead.total_seconds()

        real = core.database.datetime
        core.database.datetime = Moved  # type: ignore[misc]
        try:
            with standing_in((of_database, database_clock)):
                yield
        finally:
            core.database.datetime = real  # type: ignore[misc]
