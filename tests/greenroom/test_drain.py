"""SIGTERM to real processes: what is in hand is finished or given back in bounded time, and nothing new is taken."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from core.database import transaction
from core.tables import OutboxRow
from greenroom.status import health_of
from pipeline import outbox
from pipeline.celery_app import make_app
from pipeline.states import State
from tests.greenroom.processes import drain, free_port, running, until
from tests.kit.world import World

# A worker whose voice stage takes its time, in the way that its second argument says.
WORKER = """
import sys, time
import greenroom.worker as worker
from core.heartbeat import beat
from pipeline import runner
from pipeline.jobs import Outcome
from pipeline.states import State

def voice(job):
    if sys.argv[2] == "hangs":
        time.sleep(60)
    while sys.argv[2] == "beats" or not worker.shift.ending:
        beat()
        time.sleep(0.05)
    time.sleep(0.5)
    return Outcome(State.VOICED)

runner.STAGE_FUNCTIONS["voice"] = voice
worker._MARGIN_SECONDS = 8.0
raise SystemExit(worker.main(sys.argv[1], ("cpu",)))
"""


def test_a_worker_finishes_its_stage_or_gives_it_back_and_ends_in_time(world: World) -> None:
    app = (
        make_app()
    )  # of this home: the one of greenroom.worker is of whichever home was first in this process

    def send(topic: str, payload: dict[str, Any]) -> None:
        app.send_task("greenroom.handle", args=[topic, payload], queue="cpu")

    ways = {"finishes": 30.0, "beats": 0.5, "hangs": 0.5}
    with ExitStack() as stack:
        workers = {
            way: stack.enter_context(
                running(
                    way, way, script=WORKER, PIPELINE_DRAIN_SECONDS=str(seconds), PIPELINE_SWEEP_SECONDS="600"
                )
            )
            for way, seconds in ways.items()
        }
        for way, worker in workers.items():
            until(lambda way=way: health_of(way).ready, worker)
        renders = [world.render() for _ in ways]
        outbox.relay(send)
        for way, worker in workers.items():
            until(lambda way=way: health_of(way).doing, worker)
        until(lambda: all(world.now_is(render).lease_owner for render in renders))
        held = {world.now_is(render).lease_owner.rsplit(":")[1]: render.id for render in renders}
        mine = {way: held[str(worker.pid)] for way, worker in workers.items()}
        began = time.monotonic()
        for worker in workers.values():
            worker.send_signal(signal.SIGTERM)  # once: an interpreter that is ending dies of a second one
        for worker in workers.values():
            worker.wait(30)
        took = time.monotonic() - began
        ended = {way: worker.returncode for way, worker in workers.items()}
    assert took < 20
    assert ended == {"finishes": 0, "beats": 0, "hangs": 1}
    rows = {way: world.now_is(render_id) for way, render_id in mine.items()}
    assert {way: row.state for way, row in rows.items()} == {
        "finishes": State.VOICED,
        "beats": State.SCRIPTED,
        "hangs": State.SCRIPTED,
    }
    assert {(row.lease_owner, row.lease_until, row.attempts) for row in rows.values()} == {(None, None, 0)}


def test_the_web_says_whether_it_is_ready_and_drains(world: World) -> None:
    """It finishes the request that it has, and does not wait for ever for one whose client sends nothing."""
    port = free_port()
    body = b"email=a%40b.example&password=made-up-password"
    head = f"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n"

    def half_a_request() -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        connection.sendall((head + kind).encode() + body[:10])
        return connection

    def refused() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return True
        return False

    with running("web", WEB_PORT=str(port), PIPELINE_DRAIN_SECONDS="4") as web:
        until(lambda: not refused(), web)
        assert httpx.get(f"http://127.0.0.1:{port}/health").json() == {"alive": True}
        # The kit's tables were made without the migrations.
        behind = httpx.get(f"http://127.0.0.1:{port}/ready")
        assert (behind.status_code, behind.json()) == (503, {"ready": False, "codes": ["database_behind"]})
        with half_a_request() as goes_on, half_a_request():
            time.sleep(0.5)  # it is in the middle of both
            web.send_signal(signal.SIGTERM)
            until(refused, web, 10)
            goes_on.sendall(body[10:])
            answer = b""
            while block := goes_on.recv(65536):
                answer += block
            assert answer.startswith(b"HTTP/1.1 4") and b"</html>" in answer, "answered to its end"
            web.wait(15)


def test_the_relay_and_the_sequencer_end_between_two_passes(home: Path) -> None:
    with running("relay") as relay, running("sequencer") as sequencer:
        for name, process in (("relay", relay), ("sequencer", sequencer)):
            until(lambda name=name: health_of(name).ready, process)
        with transaction() as session:
            for number in range(500):
                outbox.post(session, outbox.RECALLED, render_id=f"rnd_{number}")
        messages = home / "broker" / "queue"
        until(lambda: any(messages.iterdir()), relay, 10)
        assert drain(relay) < 10 and drain(sequencer) < 10
        assert (relay.returncode, sequencer.returncode) == (0, 0)
    with transaction() as session:
        unsent = session.query(OutboxRow).filter(OutboxRow.sent_at.is_(None)).count()
    assert unsent + len(list(messages.iterdir())) == 500, (
        "what was sent is marked, what is not marked was not sent"
    )
    assert [health_of(name).code for name in ("relay", "sequencer")] == ["not_running"] * 2
