"""A running Greenroom of real processes, on SQLite and files or on PostgreSQL, Redis and S3, and hands to break it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from core.database import reading
from core.errors import DatabaseBusy
from core.settings import get_settings
from delivery.links import make_link
from pipeline.leases import free_leases_of, owner_name
from pipeline.service import request_render
from pipeline.states import WAITING, State
from pipeline.tables import CampaignRow, RenderRow
from review_ui.security import COOKIE
from review_ui.sessions import open_session, signed_in
from review_ui.tables import AccountRow
from tests.faults import points
from tests.faults.faulty_store import FaultyStore, faulty_store
from tests.greenroom.processes import nobody_writes
from tests.kit.home import Signer
from tests.kit.world import ASHA, World
from tests.kit.world import world as open_world
from tests.servers.postgres import Postgres
from tests.servers.processes import free_port
from tests.servers.proxy import Proxy, proxy
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis
from tests.servers.s3 import S3

ON_SERVERS = pytest.mark.parametrize("shape", ["servers"], indirect=True)
"""On a test of the large shape alone."""
FULL = os.environ.get("FULL") == "1"
AGAIN = 3 if FULL else 1
"""How often a fault is made whose three times take long; the page says which those are."""

ROOT = Path(__file__).parents[2]
USUAL = {"relay": "relay", "sequencer": "sequencer", "worker-1": "worker", "web": "web"}
PATIENCE_SECONDS = 45.0

# What the large shape sets: an installation of it may be up beside one of the small shape.
SMALL = dict.fromkeys(
    [f"GREENROOM_{name}" for name in ("DATABASE_URL", "BROKER_URL", "BLOB_URL", "MASTER_SECRET")], ""
)
# What takes seconds in production takes a part of one here; what is counted is the same.
QUICK = {
    "GREENROOM_ENVIRONMENT": "test",
    "GREENROOM_PIPELINE_SWEEP_SECONDS": "0.2",
    "GREENROOM_PIPELINE_RESEND_SECONDS": "1",
    "GREENROOM_PIPELINE_LEASE_SECONDS": "3",
    # A machine under load takes a lease twice now and then: that is not what parks a render here.
    "GREENROOM_PIPELINE_MAX_ATTEMPTS": "20",
    "GREENROOM_BLOB_SECONDS": "0.5",
}


class Nursery:
    """The process that forks the others (nursery.py)."""

    def __init__(self) -> None:
        # One thread: whoever forks with more would leave the child with locks that nobody holds.
        one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT, env={**os.environ, **one}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._read() == "ready"

    def fork(self, role: str, name: str, environment: dict[str, str], log: Path) -> int:
        """The pid of a new process."""
        asked = {"role": role, "name": name, "environment": environment, "log": str(log)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._read())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:  # a busy machine: nothing of it is needed any more
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@dataclass
class Servers:
    """What the large shape stands on, with something in between that can be told to fail."""

    postgres: Postgres
    broker: Redis | RabbitMQ
    s3: S3
    database: str
    to_database: Proxy
    store: FaultyStore


@dataclass
class Installation:
    """``world`` is the brand in this process; ``pids`` are its processes by name."""

    world: World
    environment: dict[str, str]
    nursery: Nursery
    servers: Servers | None
    pids: dict[str, int] = field(default_factory=dict)
    roles: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    submitted: list[str] = field(default_factory=list)
    restarts: int = 0
    faults: int = 0  # how many were made in this test: what its mark says (table.py)
    tokens: dict[str, str] = field(default_factory=dict)  # sessions of the people who use the web

    @property
    def home(self) -> Path:
        return self.world.home

    def fault(self) -> None:
        """One more was made."""
        self.faults += 1

    # Processes

    def start(self, name: str, role: str, **environment: str) -> int:
        """A process that :meth:`supervise` starts again when it has died."""
        self.roles[name] = (role, environment)
        self.pids[name] = self.nursery.fork(
            role, name, {**self.environment, **environment}, self.home / "processes.log"
        )
        return self.pids[name]

    def supervise(self, *, free: bool = True) -> list[str]:
        """Start again what has died, as `greenroom up` does; ``free``: and end its leases."""
        dead = [name for name, pid in self.pids.items() if not alive(pid)]
        for name in dead:
            if free:
                with suppress(DatabaseBusy):  # they end by themselves
                    free_leases_of(owner_name(self.pids[name]))
            role, environment = self.roles[name]
            self.start(name, role, **environment)
            self.restarts += 1
        return dead

    def mend(self) -> None:
        """As at the beginning: relay, worker and web run, alone and undisturbed, and so do the servers."""
        points.withdraw(self.home)
        if self.servers:
            self.servers.to_database.mend()
            self.servers.store.mode = ""
            if self.servers.broker.child.poll() is not None:
                self.servers.broker.start()
        self.stop(*(self.pids.keys() - USUAL.keys()))
        for name, role in USUAL.items():
            environment = (
                {"GREENROOM_WEB_PORT": str(self.port(name) if name in self.roles else free_port())}
                if role == "web"
                else {}
            )
            pid = self.pids.get(name, 0)
            if not pid or not alive(pid) or self.roles[name] != (role, environment):
                self.stop(name)
                self.start(name, role, **environment)
            else:
                self.signal(name, signal.SIGCONT)
        self.until(self.answers, supervised=False)

    def signal(self, name: str, number: signal.Signals) -> None:
        if alive(self.pids[name]):
            os.kill(self.pids[name], number)

    def pause(self, name: str) -> None:
        """SIGSTOP, between two transactions: on SQLite nobody could write while a process stands still in one."""
        while True:
            self.signal(name, signal.SIGSTOP)
            if self.servers is not None or nobody_writes(self.home / "greenroom.db"):
                return
            self.signal(name, signal.SIGCONT)
            time.sleep(0.05)

    def stop(self, *names: str) -> None:
        """kill -9, where they run; they are not started again."""
        for name in names:
            pid = self.pids.pop(name, 0)
            if not pid:
                continue
            while alive(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.005)

    # Renders

    def submit(self, campaign: CampaignRow) -> str:
        """One more video is asked for."""
        row = request_render(
            campaign.id, dict(ASHA), brand_id=self.world.brand_id, maker_id=self.world.operator
        )
        self.submitted.append(row.id)
        return row.id

    def released(self) -> tuple[RenderRow, str]:
        """A video that is out, and the path of its file."""
        render = self.submit(self.world.campaign(release_on_approval=True))
        self.until_state(render, State.IN_REVIEW)
        self.world.approve(render)
        row = self.until_state(render, State.RELEASED)
        path = f"/v/{make_link(render, brand_id=row.brand_id)}/video.mp4"
        assert self.ask(path)[0] == 200
        return row, path

    def state(self, render_id: str) -> State:
        return State(self.world.now_is(render_id).state)

    def at_rest(self) -> bool:
        """Whether nobody works on any render, nor will."""
        rows = [self.world.now_is(render) for render in self.submitted]
        return all(row.state not in WAITING and row.lease_until is None for row in rows)

    def until(
        self,
        what: Callable[[], Any],
        *,
        seconds: float = PATIENCE_SECONDS,
        supervised: bool = True,
        free: bool = True,
    ) -> Any:
        """Wait for something; what dies meanwhile is started again."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(DatabaseBusy):
                if answer := what():
                    return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing came of it in {seconds:g} s\n{self.told()}")
            if supervised:
                self.supervise(free=free)
            time.sleep(0.02)

    def until_state(self, render_id: str, *states: State, **how: Any) -> RenderRow:
        """Wait until a render is in one of these states."""
        self.until(lambda: self.state(render_id) in states, **how)
        return self.world.now_is(render_id)

    def told(self) -> str:
        """The end of what the processes said, and where every render is."""
        for pid in self.pids.values():  # where each stands (roles.py)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR2)
        time.sleep(0.2)
        log = self.home / "processes.log"
        said = log.read_text(errors="replace")[-12000:] if log.exists() else ""
        rows = [self.world.now_is(render) for render in self.submitted[-3:]]
        where = [
            f"{row.id} {row.state} attempts={row.attempts} waits={row.waits} owner={row.lease_owner} {row.reason}"
            for row in rows
        ]
        return "\n".join([*where, said])

    # The web

    def ask(self, path: str, name: str = "web") -> tuple[int, bytes]:
        """GET from one web process, as a stranger."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port(name), timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask_for(self, campaign: CampaignRow, name: str = "web") -> int | None:
        """A video, asked for with the campaign's form; what came of it is among the submitted."""
        status = self._send(self.world.operator, f"/campaigns/{campaign.id}/renders", dict(ASHA), name)
        known = set(self.submitted)
        with reading() as session:
            rows = session.scalars(select(RenderRow.id).where(RenderRow.campaign_id == campaign.id))
            self.submitted += [render for render in rows if render not in known]
        return status

    def approve(self, render_id: str, name: str = "web") -> int | None:
        """A reviewer's approval, sent as the page's form sends it; the status, None where no answer came."""
        asset = self.world.now_is(render_id).sealed_sha256
        return self._send(self.world.reviewer, f"/renders/{render_id}/approve", {"asset": asset}, name)

    def _send(self, person: str, path: str, values: dict[str, Any], name: str) -> int | None:
        if person not in self.tokens:
            with reading() as session:
                account = session.get_one(AccountRow, person)
            self.tokens[person] = open_session(account)
        found = signed_in(self.tokens[person])
        assert found is not None
        headers = {
            "cookie": f"{COOKIE}={self.tokens[person]}",
            "content-type": "application/x-www-form-urlencoded",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port(name), timeout=10)
        try:
            connection.request("POST", path, urlencode({"csrf": found[1].csrf, **values}), headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def port(self, name: str) -> int:
        return int(self.roles[name][1]["GREENROOM_WEB_PORT"])

    def answers(self, name: str = "web") -> bool:
        try:
            return self.ask("/sign-in", name)[0] == 200
        except (OSError, http.client.HTTPException):
            return False


@contextmanager
def installation(
    home: Path,
    nursery: Nursery,
    *,
    on: tuple[Postgres, Redis | RabbitMQ, S3] | None = None,
    signer: Signer = "recorded",
    **environment: str,
) -> Iterator[Installation]:
    """A brand in a fresh home with a relay, a sequencer, a worker and a web process, all running.

    Args:
        on: the servers of the large shape; None: SQLite, a folder and the filesystem transport.
        signer: see :mod:`tests.kit.signing`; ``real`` takes seconds a render.
    """
    with ExitStack() as stack:
        servers, more = stack.enter_context(_servers(*on)) if on else (None, SMALL)
        variables = {**QUICK, **more, **environment, "FAULTS_SIGNER": signer, "GREENROOM_HOME": str(home)}
        stack.enter_context(_variables(variables))
        world = stack.enter_context(open_world(home, signer=signer))
        greenroom = Installation(world, variables, nursery, servers)
        stack.callback(lambda: greenroom.stop(*greenroom.pids))
        greenroom.mend()
        yield greenroom


@contextmanager
def _servers(
    postgres: Postgres, broker: Redis | RabbitMQ, s3: S3
) -> Iterator[tuple[Servers, dict[str, str]]]:
    database = postgres.create()
    try:
        with proxy(postgres.port) as to_database, faulty_store(s3.port) as store:
            environment = {
                "GREENROOM_DATABASE_URL": postgres.url(database, port=to_database.port),
                "GREENROOM_BROKER_URL": broker.url,
                "GREENROOM_MASTER_SECRET": "a made-up master secret of the tests",
                "GREENROOM_BLOB_URL": s3.bucket(),
                **s3.environment(port=store.server_port),
            }
            yield Servers(postgres, broker, s3, database, to_database, store), environment
    finally:
        postgres.drop(database)


@contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    get_settings.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        get_settings.cache_clear()


def alive(pid: int) -> bool:
    """Whether there is such a process. The nursery reaps the dead at once."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
