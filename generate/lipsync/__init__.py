"""The lip-sync engine: real mouths of the same person, chosen by speech, warped to the shape that speech needs."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from core.errors import InputError

if TYPE_CHECKING:
    from generate.lipsync.models import LipSync


def load_lipsync(name: str = "hybrid") -> LipSync:
    """The engine of that name: ``hybrid``, ``null``, or one that a package offers under ``greenroom.lipsync``.

    Raises InputError for an unknown one.
    """
    from generate.lipsync.hybrid import HybridLipSync
    from generate.lipsync.null import NullLipSync

    made: dict[str, type[LipSync]] = {"hybrid": HybridLipSync, "null": NullLipSync}
    plugins = {entry.name: entry for entry in metadata.entry_points(group="greenroom.lipsync")}
    if name in made:
        return made[name]()
    if name in plugins:
        engine: LipSync = plugins[name].load()()
        return engine
    raise InputError(
        f"there is no lip-sync engine '{name[:40]}'",
        where="lip-sync engine",
        next_step=f"use one of: {', '.join(sorted({*made, *plugins}))}",
        code="lipsync_unknown",
    )
