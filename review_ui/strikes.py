"""Wrong answers counted in the row that they are about: eight within a quarter of an hour, and it rests as long.

The count is in the database, so it holds over every process; :mod:`review_ui.rates` is the cheaper wall before it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from review_ui.tables import Strikes

MOST = 8
REST = timedelta(minutes=15)


def resting(row: Strikes, moment: datetime) -> bool:
    """Whether even a right answer is refused now."""
    return row.locked_until is not None and row.locked_until > moment


def strike(row: Strikes, moment: datetime) -> None:
    """Count one wrong answer; older ones than the rest are forgotten."""
    late = row.failed_at is not None and row.failed_at > moment - REST
    row.failures = row.failures + 1 if late else 1
    row.failed_at = moment
    if row.failures >= MOST:
        row.failures, row.locked_until = 0, moment + REST


def forgive(row: Strikes) -> None:
    """The right answer came: start over. Writes nothing where nothing was counted."""
    if row.failures:
        row.failures = 0
