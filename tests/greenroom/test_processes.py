"""The relay and a worker as real processes: each line they write is one JSON object, each offers its own numbers."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = ("relay", "worker", "sequencer")


def _free() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def until(answer: Callable[[], str], wanted: str, seconds: float = 60.0) -> str:
    deadline = time.monotonic() + seconds
    found = ""
    while wanted not in found:
        assert time.monotonic() < deadline, f"no {wanted} in {found[-2000:]}"
        time.sleep(0.1)
        try:
            found = answer()
        except OSError:
            found = ""
    return found


def test_relay_and_worker_write_json_and_offer_their_numbers(home: Path, tmp_path: Path):
    """Nothing comes on standard output, which is for one document of `up --json`; nothing of Celery's is told."""
    running, ports, written, told = {}, {}, {}, {}
    for name in PROCESSES:
        ports[name], written[name] = _free(), tmp_path / f"{name}.log"
        told[name] = tmp_path / f"{name}.out"
        with written[name].open("wb") as stderr, told[name].open("wb") as stdout:
            running[name] = subprocess.Popen(
                [sys.executable, "-m", "greenroom.cli", name],
                cwd=ROOT,
                env={**os.environ, "GREENROOM_METRICS_PORT": str(ports[name]), "GREENROOM_LOG": "DEBUG"},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )

    def page(name: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[name]}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    try:
        relay = until(lambda: page("relay"), 'greenroom_process{kind="relay"} 1.0')
        worker = until(lambda: page("worker"), 'greenroom_process{kind="worker"} 1.0')
        sequencer = until(lambda: page("sequencer"), 'greenroom_process{kind="sequencer"} 1.0')
        rubbish = home / "broker" / "queue" / "1_made-up.cpu.msg"
        rubbish.write_text("{")
        until(written["worker"].read_text, "put aside")
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    assert 'greenroom_renders{state="in_review"} 0.0' in relay and "greenroom_outbox_messages 0.0" in relay
    for numbers in (worker, sequencer):
        assert "greenroom_outbox_messages" not in numbers, "one process offers what lies in the database"
    for numbers in (relay, worker):
        skew = re.search(r"^greenroom_clock_skew_seconds (\S+)$", numbers, re.MULTILINE)
        assert skew is not None and abs(float(skew[1])) < 1
    assert [name for name, file in told.items() if file.read_bytes()] == []
    for word in ("SecurityWarning", "superuser", "No hostname was supplied", "celery@"):
        assert word not in written["worker"].read_text(), word
    for name, file in written.items():
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert {line["process"] for line in lines} == {name}
        assert any(line["event"].startswith("numbers are at port") for line in lines)


def test_a_process_that_cannot_have_its_port_runs_without(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    from core import metrics
    from core.settings import get_settings

    def taken(*_: object) -> None:
        raise OSError("taken")

    monkeypatch.setattr(metrics, "start_http_server", taken)
    monkeypatch.setenv("GREENROOM_METRICS_PORT", "9400")
    get_settings.cache_clear()
    metrics._listen.cache_clear()
    assert metrics.serve("relay") is None and "no port for numbers" in caplog.text
    metrics._listen.cache_clear()
