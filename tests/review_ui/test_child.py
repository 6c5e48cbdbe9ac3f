"""The child that checks one uploaded file: it ends with the web process that asked, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

CHILD = """
import sys, time
from review_ui.child import _end_with
_end_with(int(sys.argv[1]))
print("on", flush=True)
time.sleep(60)
"""
WEB = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}, str(os.getpid())], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_with_a_web_that_is_killed():
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", WEB], stdout=subprocess.PIPE, cwd=root) as web:
        assert web.stdout is not None
        child = psutil.Process(int(web.stdout.readline()))
        web.send_signal(signal.SIGKILL)
    until = time.monotonic() + 5
    with suppress(psutil.NoSuchProcess):
        while child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < until, "it goes on for nobody"
            time.sleep(0.02)


def test_it_begins_nothing_for_a_web_that_is_gone():
    ran = subprocess.run(
        [sys.executable, "-m", "review_ui.child", "verify", "/nowhere.mp4", "1"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, b"")
