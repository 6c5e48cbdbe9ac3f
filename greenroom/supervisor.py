"""``greenroom up``: the web application, the workers and the relay as child processes; a dead one is started again."""

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
from pipeline.leases import free_leases_of, owner_name

log = logging.getLogger("greenroom.up")

_PATIENCE_SECONDS = 10.0


@dataclass
class Supervisor:
    """Child processes by name. ``start()``, then ``watch()`` until stopped, then ``stop()``."""

    with_web: bool = True
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def commands(self) -> dict[str, list[str]]:
        settings = get_settings()
        python = sys.executable
        commands = {"relay": [python, "-m", "greenroom.relay"]}
        for number in range(settings.pipeline.workers):
            commands[f"worker-{number + 1}"] = [
                python, "-m", "celery", "-A", "greenroom.worker:app", "worker", "-P", "solo", "-Q", "cpu,gpu,io",
                "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING",
                "-n", f"worker-{number + 1}@%h",
            ]  # fmt: skip
        if self.with_web:
            commands["web"] = [
                python, "-m", "uvicorn", "review_ui.app:make_app", "--factory", "--host", settings.web.host,
                "--port", str(settings.web.port), "--log-level", "warning", "--no-server-header",
            ]  # fmt: skip
        return commands

    def start(self) -> None:
        for name, arguments in self.commands().items():
            self._spawn(name, arguments)

    def check(self) -> list[str]:
        """Start dead children again and free their leases; returns their names."""
        restarted = []
        commands = self.commands()
        for name, child in list(self.children.items()):
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
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for child in self.children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _spawn(self, name: str, arguments: list[str]) -> None:
        # A group of its own: Ctrl-C reaches us alone, and we end the children in order.
        self.children[name] = subprocess.Popen(
            arguments, env=os.environ.copy(), start_new_session=True, stdin=subprocess.DEVNULL
        )
