"""A worker's shift: which kinds of stage it takes, the signs of life that it gives, and how it ends.

A worker that is told to end takes no further stage. The one in its hands it finishes, or gives back at a beat
once the time that it was left is over: the lease is free at once, the try does not count, and a message goes out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.database import transaction
from core.errors import DatabaseBusy
from pipeline import leases, outbox
from pipeline.leases import Claim
from pipeline.states import KINDS, State
from pipeline.tables import RenderRow

log = logging.getLogger("greenroom.pipeline")


SLICE_SECONDS = 10.0
"""For so long a worker is at what goes over many rows, such as a list; then the rest goes to the end of the queue. A
chunk that is begun is ended. A video's longer stages take more."""


class ShiftOver(Exception):
    """Raised by a beat: the time that the worker was left is over, its stage is given back."""


@dataclass
class Shift:
    """What a worker may take and for how long. The default takes everything, for ever.

    Attributes:
        kinds: of stages that this worker takes; only such a stage is ever claimed.
        on_beat: told of each beat of the work, thousands of times a second; shows that the worker is alive.
    """

    kinds: Collection[str] = KINDS
    on_beat: Callable[[], None] = lambda: None
    _until: float | None = field(default=None, init=False)

    def end_within(self, seconds: float) -> None:
        """No further stage is taken, and the one in hand is given back after this many seconds."""
        self._until = time.monotonic() + seconds

    @property
    def ending(self) -> bool:
        return self._until is not None

    def beat(self) -> None:
        """Raises ShiftOver once the time is over."""
        self.on_beat()
        if self._until is not None and time.monotonic() > self._until:
            raise ShiftOver

    def claim(self, render_id: str) -> Claim | None:
        """The stage that a render waits for, where it is of our kinds; None where there is nothing for us to do."""
        return None if self.ending else leases.claim(render_id, kinds=self.kinds)


def give_back(taken: Claim) -> None:
    """The stage waits again at once, as if it had not been taken; somebody else's by now is left alone."""
    try:
        with transaction() as session:
            _free(session, RenderRow.id == taken.render_id, RenderRow.fence == taken.fence)
    except DatabaseBusy as busy:
        log.warning("its lease ends by itself: %s %s", taken.render_id, busy.code)


def give_back_all(owner: str) -> None:
    """As :func:`give_back`, for every lease of a process that is about to end with its work undone."""
    with transaction() as session:
        _free(session, RenderRow.lease_owner == owner)


def _free(session: Session, *which: object) -> None:
    for row in session.scalars(select(RenderRow).where(*which, RenderRow.lease_owner.is_not(None))):  # type: ignore[arg-type]
        session.execute(
            update(RenderRow)
            .where(
                RenderRow.id == row.id, RenderRow.fence == row.fence, RenderRow.lease_owner == row.lease_owner
            )
            .values(
                lease_owner=None,
                lease_started=None,
                lease_until=None,
                **outbox.hinted(session, State(row.state)),
                # Its result, should it still come, is a late one.
                fence=RenderRow.fence + 1,
                attempts=max(0, row.attempts - 1),
            )
            .execution_options(synchronize_session=False)
        )
        outbox.hint(session, session.get_one(RenderRow, row.id, populate_existing=True))
