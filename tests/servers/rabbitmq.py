"""RabbitMQ, for the runs with FULL=1: it takes ten seconds to start."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kombu import Connection

from pipeline.states import KINDS
from tests.servers.processes import answers, folder, free_port, program, spawn, stop, wait_until


@dataclass
class RabbitMQ:
    """A running node; ``stop`` and ``start`` are a broker that is down and comes back with what it had stored."""

    port: int
    root: Path
    mapper: int
    distribution: int
    child: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """What GREENROOM_BROKER_URL is set to."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def stop(self) -> None:
        """kill -9 of the script and of the node that it runs."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        _end_mapper(self.mapper)

    def start(self) -> None:
        self.child = _start(self.port, self.root, self.mapper, self.distribution)

    def wipe(self) -> None:
        """Every message is gone."""
        with Connection(self.url) as connection:
            for queue in KINDS:
                connection.default_channel.queue_purge(queue)


@contextmanager
def rabbitmq_server() -> Iterator[RabbitMQ]:
    """A fresh node without plugins, gone at the end. Its Erlang port mapper is its own and goes too."""
    with folder() as root:
        port, distribution, mapper = free_port(), free_port(), free_port()
        node = RabbitMQ(port, root, mapper, distribution, _start(port, root, mapper, distribution))
        try:
            yield node
        finally:
            stop(node.child, signal.SIGTERM)
            _end_mapper(mapper)


def _start(port: int, root: Path, mapper: int, distribution: int) -> subprocess.Popen[bytes]:
    environment = {
        "RABBITMQ_NODENAME": f"greenroom{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(root / "mnesia"),
        "RABBITMQ_LOG_BASE": str(root / "logs"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(root / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(root / "none"),
        "HOME": str(root),
    }
    # The script behind Debian's wrapper, which would change to its own user and folders.
    command = [program("rabbitmq-server", "rabbitmq-server", "/usr/lib/rabbitmq/bin")]
    child = spawn(command, root / "log", environment=environment)
    try:
        wait_until(lambda: answers(port), child, command[0], root / "log", patience=120.0)
    except BaseException:
        stop(child, signal.SIGKILL)
        _end_mapper(mapper)
        raise
    return child


def _end_mapper(port: int) -> None:
    found = next(iter(sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))), Path("epmd"))
    subprocess.run([str(found), "-port", str(port), "-kill"], capture_output=True, check=False)
