"""A home folder as this process's own, with every stand-in in place."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from core.database import engine
from core.errors import DevelopmentPart
from core.settings import get_settings
from greenroom.installation import initialise
from tests.kit.clock import Clock
from tests.kit.models import Recorded, recorded_models
from tests.kit.signing import real_signing, recorded_signing
from tests.kit.tables import make_tables
from tests.kit.unconfined import unconfined

Signer = Literal["real", "recorded"]


@contextmanager
def at_home(
    home: Path, *, signer: Signer = "real", confined: bool = False
) -> Iterator[tuple[Recorded, Clock]]:
    """A home, with all stand-ins in place, as this process's own; nothing is made in it."""
    recorded, clock = Recorded(), Clock()
    with ExitStack() as stack:
        stack.enter_context(_settings(home))
        stack.enter_context(recorded_models(recorded))
        if not confined:
            stack.enter_context(unconfined())
        stack.enter_context(recorded_signing() if signer == "recorded" else real_signing())
        stack.enter_context(clock.moved())
        yield recorded, clock


@contextmanager
def _settings(home: Path) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ("GREENROOM_HOME", "GREENROOM_ENVIRONMENT")}
    home.mkdir(parents=True, exist_ok=True)
    os.environ["GREENROOM_HOME"] = str(home)
    os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
    get_settings.cache_clear()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevelopmentPart)
            yield
    finally:
        engine().dispose()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        get_settings.cache_clear()


def all_tables() -> None:
    make_tables()
    if get_settings().shared_database:
        initialise()  # on a shared database nothing is made by its first use
