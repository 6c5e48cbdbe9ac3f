"""What a forked process becomes: a worker, the relay or the web application, with recorded results for models."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from contextlib import ExitStack
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import core.database
from core.errors import DevelopmentPart
from core.settings import get_settings
from tests.faults import points
from tests.kit.models import Recorded, recorded_models
from tests.kit.signing import recorded_signing
from tests.kit.unconfined import unconfined


def run(role: str, name: str, home: Path) -> None:
    """Until it is ended."""
    warnings.simplefilter("ignore", DevelopmentPart)
    get_settings.cache_clear()
    _set_clock(float(os.environ.get("FAULTS_CLOCK", "0")))
    logging.basicConfig(level="INFO", stream=sys.stderr, format=f"%(asctime)s {name} %(name)s %(message)s")
    with ExitStack() as stack:
        for double in (recorded_models(Recorded()), recorded_signing(), unconfined(), points.installed(home)):
            stack.enter_context(double)
        {"worker": _worker, "relay": _relay, "web": _web}[role](name, home)


def _worker(name: str, _home: Path) -> None:
    from greenroom.worker import app

    app.worker_main(
        ["worker", "-P", "solo", "-Q", "cpu,gpu,io", "--without-gossip", "--without-mingle", "--without-heartbeat",
         "-l", "WARNING", "-n", f"{name}@%h"]
    )  # fmt: skip


def _relay(_name: str, home: Path) -> None:
    points.in_relay(home)
    import greenroom.relay

    greenroom.relay.main()


def _web(_name: str, _home: Path) -> None:
    import uvicorn

    port = get_settings().web.port
    uvicorn.run("review_ui.app:make_app", factory=True, host="127.0.0.1", port=port, log_level="error")


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
