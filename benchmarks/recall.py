"""How fast does what was taken back stop, and does the taking back reach everything?

A home with 10,000 released videos under one authority (bulk-made, see benchmarks/released_home.py), two real
web processes on it, the real relay and one real worker. A sample of links is asked for, page and video, from
both web processes without a pause, and one large file is being downloaded from each. Then, one after the
other: one link is revoked, one render is recalled, and the authority is withdrawn with effect `recall`.

``seconds_to_stop``: the longest time from the call that took it back (its commit is a little later) until the
last answer that still served was complete, over the three, pages, videos and downloads. ``coverage``: the
share of the 10,000 whose row is `recalled` with its ledger entry once the fan-out is over, and ``fan_out_s``
how long that took.
"""

from __future__ import annotations

import http.client
import os
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.harness import finish, full, inputs_digest
from benchmarks.released_home import Home, released_home
from benchmarks.served import web_process

GOAL = {"seconds_to_stop": "<= 5", "coverage": "== 1"}
RENDERS, LINKS, POLLERS = 10_000, 24, 2
LARGE = 200_000_000  # bytes, so that a download lasts longer than everything else
PACE = 4_000_000  # bytes a second that a downloading client takes
LONGEST_FAN_OUT = 420.0

TAKEN = "SELECT count(DISTINCT subject) FROM ledger_entries WHERE event = 'render:asset:withdrawn'"
PUBLISHER = "SELECT count(DISTINCT subject) FROM ledger_entries WHERE event = 'render:asset:recalled'"
WITHDRAWN_AT = "SELECT max(created_at) FROM authority_status WHERE status = 'revoked'"
LAST_AT = "SELECT max(changed_at) FROM renders WHERE state = 'recalled'"
RECALLED = "SELECT count(*) FROM renders WHERE state = 'recalled'"


@dataclass
class Watched:
    """One link at one web process: when an answer that served it was last complete."""

    port: int
    token: str
    last: dict[str, float] = field(default_factory=dict)
    asked: int = 0


def run() -> dict[str, Any]:
    """Three rounds of the two single ones; ``FULL=1``: ten. One withdrawal, which ends the home."""
    rounds = 10 if full() else 3
    with released_home(RENDERS, links=LINKS + 2 * rounds + 1, sizes={0: LARGE}) as home, ExitStack() as stack:
        ports = [stack.enter_context(web_process(home.world.home)) for _ in range(2)]
        stack.enter_context(_relay_and_worker())
        large, *rest = home.sample
        singles, sample = rest[: 2 * rounds], rest[2 * rounds :]
        revoked = [_revoke(home, ports, one) for one in singles[:rounds]]
        recalled = [_recall(home, ports, one) for one in singles[rounds:]]
        withdrawn, downloads, asked = _withdraw(home, ports, large, sample)
        fan_out, done = _fan_out(home)
        report = home.world.ledger()
    if not report.good:
        raise RuntimeError(report.text())
    longest = max(*revoked, *recalled, withdrawn, *downloads)
    return {
        "seconds_to_stop": round(longest, 2),
        "revoked_link_s": round(max(revoked), 2),
        "recalled_render_s": round(max(recalled), 2),
        "withdrawn_authority_s": round(withdrawn, 2),
        "download_in_progress_s": round(max(downloads), 2),
        "coverage": round(done / RENDERS, 6),
        "fan_out_s": round(fan_out, 1),
        "web_processes": len(ports),
        "rows": RENDERS,
        "entries": home.entries,
        "n": {"rounds": rounds, "links": len(sample), "answers": asked, "downloads": len(downloads)},
        "interval": None,
        "inputs_sha256": inputs_digest([Path(__file__)]),
    }


def _revoke(home: Home, ports: list[int], one: tuple[str, str]) -> float:
    from delivery.links import list_links, revoke_link

    render, token = one
    brand = home.world.brand_id
    link = list_links(render, brand_id=brand)[0].id

    def act() -> None:
        revoke_link(link, brand_id=brand, actor_id=home.world.operator)

    return _until_it_stops(ports, [token], act)[0]


def _recall(home: Home, ports: list[int], one: tuple[str, str]) -> float:
    return _until_it_stops(ports, [one[1]], lambda: home.world.recall(one[0]))[0]


def _withdraw(
    home: Home, ports: list[int], large: tuple[str, str], sample: list[tuple[str, str]]
) -> tuple[float, list[float], int]:
    """The authority goes while everything is asked for, and two downloads run."""
    downloads = [_Download(port, large[1]) for port in ports]
    for download in downloads:
        download.start()
    tokens = [token for _, token in sample]
    began: list[float] = []

    def act() -> None:
        began.append(time.monotonic())
        home.world.withdraw(effect="recall")

    seconds, asked = _until_it_stops(ports, tokens, act)
    for download in downloads:
        download.join(60)
        if download.ended is None or download.received >= LARGE:
            raise RuntimeError("a download went on to its end")
    return seconds, [(download.ended or 0.0) - began[0] for download in downloads], asked


def _until_it_stops(ports: list[int], tokens: list[str], act: Callable[[], object]) -> tuple[float, int]:
    """Seconds from the begin of ``act`` to the end of the last answer that served, and how many were asked for."""
    watched = [Watched(port, token) for port in ports for token in tokens]
    stop = threading.Event()
    threads = []
    for port in ports:
        mine = [one for one in watched if one.port == port]
        count = min(POLLERS, len(mine))
        threads += [threading.Thread(target=_poll, args=(mine[i::count], stop)) for i in range(count)]
    for thread in threads:
        thread.start()
    while not all({"page", "video"} <= one.last.keys() for one in watched):
        time.sleep(0.05)
    began = time.monotonic()
    act()
    time.sleep(6.0)
    stop.set()
    for thread in threads:
        thread.join()
    late = max(moment for one in watched for moment in one.last.values())
    return max(0.0, late - began), sum(one.asked for one in watched)


def _poll(mine: list[Watched], stop: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", mine[0].port, timeout=30)
    while not stop.is_set():
        for one in mine:
            for what, path, headers in (
                ("page", f"/v/{one.token}", {}),
                ("video", f"/v/{one.token}/video.mp4", {"range": "bytes=0-39"}),
            ):
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                answer.read()
                one.asked += 1
                if answer.status in (200, 206):
                    one.last[what] = time.monotonic()


class _Download(threading.Thread):
    """A client that takes a large file slowly, until the connection ends."""

    def __init__(self, port: int, token: str) -> None:
        super().__init__(daemon=True)
        self._port, self._token = port, token
        self.received = 0
        self.ended: float | None = None

    def run(self) -> None:
        with socket.socket() as connection:
            # What the operating system keeps for a slow client it still gets after the end: keep that small.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            connection.settimeout(30)
            connection.connect(("127.0.0.1", self._port))
            connection.sendall(f"GET /v/{self._token}/video.mp4 HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            piece = PACE // 50
            try:
                while data := connection.recv(piece):
                    self.received += len(data)
                    time.sleep(len(data) / PACE)
            except ConnectionError:
                pass
        self.ended = time.monotonic()


@contextmanager
def _relay_and_worker() -> Iterator[None]:
    from greenroom.supervisor import Supervisor

    os.environ.setdefault("GREENROOM_PIPELINE_WORKERS", "1")
    supervisor = Supervisor(with_web=False)
    supervisor.start()
    try:
        yield
    finally:
        supervisor.stop()


def _fan_out(home: Home) -> tuple[float, int]:
    """Wait until every row is taken back or the patience ends. Seconds from the withdrawal to the last of them, and how
    many rows are, with their entry."""
    began = time.monotonic()
    with closing(sqlite3.connect(home.world.home / "greenroom.db", timeout=30)) as connection:

        def first(statement: str) -> Any:
            return connection.execute(statement).fetchone()[0]

        # The first render of all went the whole way; it is one more.
        while (rows := first(RECALLED)) < RENDERS + 1 and time.monotonic() - began < LONGEST_FAN_OUT:
            print(f"{rows} rows are taken back after {time.monotonic() - began:.0f} s", file=sys.stderr)
            time.sleep(2.0)
        began_at, ended_at = (
            datetime.fromisoformat(first(statement)) for statement in (WITHDRAWN_AT, LAST_AT)
        )
        return (ended_at - began_at).total_seconds(), min(rows, first(TAKEN) + first(PUBLISHER)) - 1


if __name__ == "__main__":
    finish(run(), GOAL)
