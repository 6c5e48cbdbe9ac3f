"""From a script to a released, verified and recalled video on several machines: each process has a home of its own, and
they share PostgreSQL, Redis, an S3 store and settings, nothing else. Workers are killed in the long stages and in the
release (in each stage, with recorded models: tests/faults). What was made ready of the reference lies on each machine:
that one without it makes it again is shown by tests/delivery/test_second_machine.py.

With FULL=1 the messages go through RabbitMQ too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import func, select

from audit.events import Event
from audit.ledger import verify_ledger
from audit.tables import AuthorityRenderRow, LedgerEntryRow
from core.blobs import blobs
from core.database import engine, reading
from core.settings import get_settings
from core.tables import AssetRow
from delivery.links import make_link
from delivery.recall import recall
from greenroom.demo.setting import Setting, prepare
from pipeline.registry import DatabaseRegistry
from pipeline.review import approve
from pipeline.service import CampaignSpec, create_campaign, get_campaign, request_render
from pipeline.states import STAGES, State
from pipeline.tables import RenderRow
from provenance.verify import verify
from tests.servers.postgres import OWNER, Postgres
from tests.servers.processes import free_port
from tests.servers.rabbitmq import rabbitmq_server
from tests.servers.redis import redis_server
from tests.servers.s3 import S3

ROOT = Path(__file__).parent.parent.parent
KILLED_IN = {State.VOICED, State.ENCODED, State.APPROVED}
BROKERS = ("redis", "rabbitmq") if os.environ.get("FULL") else ("redis",)


@dataclass
class Machines:
    """Processes by name, each with its own home; a worker that was killed is started again, as systemd would."""

    root: Path
    variables: dict[str, str]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def environment(self, name: str) -> dict[str, str]:
        return {**os.environ, **self.variables, "GREENROOM_HOME": str(self.root / name)}

    def greenroom(self, name: str, *arguments: str, **more: str) -> None:
        """A command on one machine, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "greenroom.cli", *arguments],
            cwd=ROOT, env=self.environment(name) | more, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]

    def start(self, name: str) -> None:
        kind = name.rstrip("12")
        environment = self.environment(name)
        if kind == "web":
            self.ports[name] = free_port()
            environment["GREENROOM_WEB_PORT"] = str(self.ports[name])
        with (self.root / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "greenroom.cli", kind], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self, pid: int) -> str:
        """kill -9 of the process that holds a lease, and another in its place; its name."""
        name = next(name for name, child in self.running.items() if child.pid == pid)
        self.running[name].send_signal(signal.SIGKILL)
        self.running[name].wait()
        self.start(name)
        return name

    def stop(self) -> None:
        for child in self.running.values():
            child.terminate()
        for child in self.running.values():
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@pytest.fixture(params=BROKERS)
def machines(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    s3: S3,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Machines]:
    name = postgres.empty()
    with ExitStack() as stack:
        server = redis_server() if request.param == "redis" else rabbitmq_server()
        there = Machines(
            tmp_path,
            {
                **s3.environment(),
                "GREENROOM_ENVIRONMENT": "demo",
                "GREENROOM_DATABASE_URL": postgres.url(name),
                "GREENROOM_BROKER_URL": stack.enter_context(server).url,
                "GREENROOM_BLOB_URL": f"{s3.bucket()}/blobs",
                "GREENROOM_LEDGER_URL": f"{s3.bucket()}/ledger",
                "GREENROOM_MASTER_SECRET": "a made-up master secret of the tests",
                "GREENROOM_PIPELINE_SWEEP_SECONDS": "0.5",
                "GREENROOM_PIPELINE_LEASE_SECONDS": "12",
                "GREENROOM_PIPELINE_RESEND_SECONDS": "5",
            },
        )
        there.greenroom("operator", "migrate", GREENROOM_DATABASE_URL=postgres.url(name, OWNER))
        there.greenroom("operator", "pki", "init")
        for process in ("web1", "web2", "worker1", "worker2", "relay", "sequencer"):
            shutil.copytree(tmp_path / "operator" / "keys", tmp_path / process / "keys")
        for variable, value in {**there.variables, "GREENROOM_HOME": str(tmp_path / "operator")}.items():
            monkeypatch.setenv(variable, value)
        get_settings.cache_clear()
        try:
            yield there
        finally:
            there.stop()
            engine().dispose()
            get_settings.cache_clear()
            postgres.drop(name)


@pytest.mark.slow
def test_a_video_is_made_released_and_taken_back_though_its_workers_are_killed(machines: Machines) -> None:
    setting = prepare()
    for worker in ("worker1", "worker2"):
        shutil.copytree(machines.root / "operator" / "prepared", machines.root / worker / "prepared")
    render_id = ask(setting)
    for process in ("worker1", "worker2", "relay", "sequencer", "web1", "web2"):
        machines.start(process)
    killed: dict[str, str] = {}

    def carried_to(end: State) -> Callable[[], bool]:
        def look_and_kill() -> bool:
            row = look(render_id)
            assert row.state in {stage.start for stage in STAGES} | {State.IN_REVIEW, State.APPROVED, end}, (
                row.reason
            )
            assert row.reason is None, row.reason
            if row.lease_owner and row.state in KILLED_IN and row.state not in killed:
                killed[row.state] = machines.kill(int(row.lease_owner.rsplit(":", 1)[1]))
            return row.state == end

        return look_and_kill

    until(carried_to(State.IN_REVIEW), 420)
    approve(
        render_id,
        brand_id=setting.brand_id,
        reviewer_id=setting.reviewer.id,
        sealed_sha256=look(render_id).sealed_sha256 or "",
    )
    until(carried_to(State.RELEASED), 120)
    assert {State.VOICED, State.ENCODED} <= set(killed), killed  # the release may be over before it is seen
    assert_once(render_id)

    published = look(render_id).published_sha256 or ""
    report = verify(blobs().get_file(published), registry=DatabaseRegistry())
    assert (report.verdict, report.trusted, report.release) == ("intact", True, "released")
    token = make_link(render_id, brand_id=setting.brand_id)
    for web in ("web1", "web2"):
        until(lambda web=web: answer(machines, web, f"/v/{token}/video.mp4")[0] == 200, 60)
        assert hashlib.sha256(answer(machines, web, f"/v/{token}/video.mp4")[1]).hexdigest() == published
    recall(render_id, brand_id=setting.brand_id, actor_id=setting.operator.id, reason="a made-up reason")
    for web in ("web1", "web2"):
        until(lambda web=web: answer(machines, web, f"/v/{token}/video.mp4")[0] in (404, 410), 5)

    def sequenced() -> bool:
        with reading() as session:
            return (
                session.scalar(select(LedgerEntryRow.id).where(LedgerEntryRow.position.is_(None)).limit(1))
                is None
            )

    until(sequenced, 20)
    ledger = verify_ledger()
    assert ledger.good, ledger.text()


def ask(setting: Setting) -> str:
    """A short video of the sample presenter."""
    persona = get_campaign(setting.campaign_id, brand_id=setting.brand_id).persona_id
    campaign = create_campaign(
        brand_id=setting.brand_id,
        persona_id=persona,
        spec=CampaignSpec(
            name="Short",
            template="Hello {{ first_name }}. Your new tea is on its way to you now.",
            fields={"type": "object", "properties": {"first_name": {"type": "string", "format": "name"}}},
            territory="in",
            channel="link",
            topic="food",
        ),
    )
    fields = {"first_name": "Mina"}
    return request_render(campaign.id, fields, brand_id=setting.brand_id, maker_id=setting.operator.id).id


def assert_once(render_id: str) -> None:
    """However often it was begun, there is one of each."""
    with reading() as session:
        roles = session.scalars(select(AssetRow.role).where(AssetRow.render_id == render_id)).all()
        counted = session.scalar(
            select(func.count())
            .select_from(AuthorityRenderRow)
            .where(AuthorityRenderRow.render_id == render_id)
        )
        released = session.scalar(
            select(func.count())
            .select_from(LedgerEntryRow)
            .where(LedgerEntryRow.subject == render_id, LedgerEntryRow.event == Event.ASSET_RELEASED.value)
        )
    assert (sorted(roles), counted, released) == (["examined", "published", "sealed"], 1, 1)
    assert len(list(blobs().names("published"))) == 1


def look(render_id: str) -> RenderRow:
    with reading() as session:
        return session.get_one(RenderRow, render_id)


def until(done: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not done after {seconds:g} seconds"
        time.sleep(0.02)


def answer(machines: Machines, web: str, path: str) -> tuple[int, bytes]:
    """What one web process answers; (0, b"") while it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{machines.ports[web]}{path}", timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, b""
    except OSError:
        return 0, b""
