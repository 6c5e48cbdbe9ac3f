"""The table of sabotages: every trust check by step and name, how it is switched off, and which tests must then fail.

Adding a check to the trust path means adding a line here. A sabotage whose tests still pass fails the build.
"""

from __future__ import annotations

from tests.sabotage.doors import DOORS
from tests.sabotage.entering import ENTERING
from tests.sabotage.making import MAKING
from tests.sabotage.reading import READING
from tests.sabotage.record import RECORD
from tests.sabotage.releasing import RELEASING
from tests.sabotage.reviewing import REVIEWING
from tests.sabotage.sending import SENDING
from tests.sabotage.words import Sabotage

__all__ = ["SABOTAGES", "Sabotage"]

SABOTAGES: tuple[Sabotage, ...] = (
    *MAKING,
    *ENTERING,
    *REVIEWING,
    *RELEASING,
    *DOORS,
    *SENDING,
    *RECORD,
    *READING,
)
