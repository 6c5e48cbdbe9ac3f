"""What a forked process becomes: a worker, relay, sequencer or web process, with recorded results for models."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import core.database
import core.engines
from core.errors import DevelopmentPart
from core.settings import get_settings
from pipeline.states import KINDS
from tests.faults import points
from tests.kit.models import Recorded, recorded_models
from tests.kit.signing import real_signing, recorded_signing
from tests.kit.unconfined import unconfined


def run(role: str, name: str, home: Path) -> None:
    """Until it is ended."""
    warnings.simplefilter("ignore", DevelopmentPart)
    get_settings.cache_clear()
    tempfile.tempdir = None  # where TMPDIR says
    faulthandler.register(signal.SIGUSR2)
    _set_clock(float(os.environ.get("FAULTS_CLOCK", "0")))
    core.engines.IDLE_SECONDS = int(os.environ.get("FAULTS_IDLE", core.engines.IDLE_SECONDS))
    logging.basicConfig(level="INFO", stream=sys.stderr, format=f"%(asctime)s {name} %(name)s %(message)s")
    with ExitStack() as stack:
        signing = real_signing if os.environ.get("FAULTS_SIGNER") == "real" else recorded_signing
        for double in (recorded_models(Recorded()), signing(), unconfined(), points.installed(home)):
            stack.enter_context(double)
        points.in_loops(home)
        _start(role, name)


def _start(role: str, name: str) -> None:
    """As `greenroom worker`, `relay`, `sequencer` and `web` start them."""
    import greenroom.relay
    import greenroom.sequencer
    import greenroom.web
    import greenroom.worker

    if role == "worker":
        greenroom.worker.main(name, KINDS)
    elif role == "web":
        greenroom.web.main()
    else:
        {"relay": greenroom.relay, "sequencer": greenroom.sequencer}[role].main(name)


def _set_clock(ahead: float) -> None:
    """This process's wall clock is wrong by so many seconds; the database's is not."""
    if not ahead:
        return
    real = time.time
    time.time = lambda: real() + ahead

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=ahead)

    core.database.datetime = Wrong  # type: ignore[misc]
