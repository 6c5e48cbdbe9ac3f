"""``greenroom up``: every process of one machine as a child; one that died or hangs is started again."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

from core.errors import DatabaseBusy
from core.settings import get_settings
from greenroom.status import health_of
from pipeline.leases import free_leases_of, owner_name
from pipeline.states import RELEASE

log = logging.getLogger("greenroom.up")

_MARGIN_SECONDS = 5.0  # past the drain: for what a child does last


@dataclass
class Supervisor:
    """Child processes by name. ``start()``, then ``watch()`` until stopped, then ``stop()``."""

    with_web: bool = True
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def commands(self) -> dict[str, list[str]]:
        """What is started under which name: the commands that a machine with one process of each would run.

        Beside the workers one takes the short stages alone: what was approved leaves while a long video is made.
        """
        greenroom = [sys.executable, "-m", "greenroom.cli"]
        pipeline = get_settings().pipeline
        names = [f"worker-{number + 1}" for number in range(pipeline.workers)]
        commands = {"relay": [*greenroom, "relay"], "sequencer": [*greenroom, "sequencer"]}
        commands |= {name: [*greenroom, "worker", "--name", name] for name in names}
        if names and RELEASE.kind in {kind.strip() for kind in pipeline.kinds.split(",")}:
            commands["worker-io"] = [*greenroom, "worker", "--name", "worker-io", "--queues", RELEASE.kind]
        if self.with_web:
            commands["web"] = [*greenroom, "web"]
        return commands

    def start(self) -> None:
        for name, arguments in self.commands().items():
            self._spawn(name, arguments)

    def check(self) -> list[str]:
        """Start children that died or hang again and free their leases; returns their names."""
        restarted = []
        commands = self.commands()
        for name, child in list(self.children.items()):
            if child.poll() is None and _hangs(name, child.pid):
                log.warning("%s gives no sign of life and is ended", name)
                child.kill()
                child.wait()
            if child.poll() is not None:
                log.warning("%s ended with %s and is started again", name, child.returncode)
                # A process known to be dead holds no lease: nobody has to wait for its end.
                try:
                    free_leases_of(owner_name(child.pid))
                except DatabaseBusy as busy:
                    log.warning("its leases end by themselves: %s", busy.code)
                self._spawn(name, commands[name])
                restarted.append(name)
        return restarted

    def watch(self) -> None:
        """Until SIGINT or SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            while True:
                time.sleep(0.5)
                self.check()
        except (KeyboardInterrupt, SystemExit):
            pass
        finally:
            self.stop()

    def stop(self) -> None:
        for child in self.children.values():
            child.terminate()
        deadline = time.monotonic() + get_settings().pipeline.drain_seconds + _MARGIN_SECONDS
        for child in self.children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _spawn(self, name: str, arguments: list[str]) -> None:
        # A group of its own: Ctrl-C reaches us alone, and we end the children in order.
        self.children[name] = subprocess.Popen(
            arguments,
            env=os.environ.copy(),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),  # ours is for one JSON document
        )


def _hangs(name: str, pid: int) -> bool:
    """By its own file. One that has not written any yet is about to start."""
    health = health_of(name)
    return health.pid == pid and not health.alive
