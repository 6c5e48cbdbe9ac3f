"""What takes seconds to make is made in threads of its own: no other page, and no recall, waits for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, WouldBlock
from anyio.to_thread import run_sync

from pipeline.derived import Busy

Made = TypeVar("Made")


async def in_line(places: CapacityLimiter, make: Callable[[], Made]) -> Made:
    """Make it in a thread; at once, or not at all. Raises Busy where every place is taken."""
    place = object()
    try:
        places.acquire_on_behalf_of_nowait(place)
    except WouldBlock as error:
        raise Busy("this is not ready yet", next_step="reload the page in a moment") from error
    try:
        return await run_sync(make, limiter=CapacityLimiter(1))
    finally:
        places.release_on_behalf_of(place)
