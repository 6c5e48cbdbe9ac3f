"""Do the walls around the readers of hostile files stand on this host? Asked at the start of whoever reads any.

Without the filter of system calls a child that a file has taken over reaches the network and other processes: that is
a fault, and production does not start. The wall of files alone is missing before Linux 5.13: the filter refuses to
open files, too, so that is told and no fault.
"""

from __future__ import annotations

from core.media.standing import standing_walls
from core.settings import Settings, get_settings
from delivery.errors import UnfitParts
from delivery.models import Fault

_STEP = "run on Linux (x86_64, aarch64), and let its unit or container allow seccomp and Landlock"
_WHERE = "the readers of files (docs/threat-model.md)"


def wall_faults() -> list[Fault]:
    """Why no foreign file should be read here; empty when nothing speaks against it."""
    if "calls" in standing_walls():
        return []
    what = "nothing keeps a reader that a hostile file took over from the network and from other processes"
    return [Fault("no_wall_of_calls", what, _WHERE, _STEP)]


def wall_cautions(settings: Settings) -> list[Fault]:
    """What is no fault and should be known; outside of production the fault as well."""
    found = [] if settings.environment == "production" else wall_faults()
    if "calls" in standing_walls() and "files" not in standing_walls():
        what = "the readers of files have one wall of two: no Landlock, as before Linux 5.13"
        found.append(Fault("no_wall_of_files", what, _WHERE, _STEP))
    return found


def check_walls() -> list[str]:
    """For every process that reads files. Returns lines of caution to show.

    Raises:
        UnfitParts: in production, without the wall that has to stand.
    """
    settings = get_settings()
    if settings.environment == "production" and (faults := wall_faults()):
        raise UnfitParts(
            f"production does not read files here: {faults[0].what}", where=_WHERE, next_step=_STEP
        )
    return [fault.line() for fault in wall_cautions(settings)]
