"""What code would try that has taken over a process which reads hostile files. Imported before the walls go up."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)


def attempts(secret: Path, victim: Path) -> dict[str, Callable[[], object]]:
    """By name; each raises OSError where it is refused. ``secret`` is to be read, ``victim`` to be changed."""
    parent = os.getppid()
    return {
        "read a key": secret.read_bytes,
        "read the parent's environment": Path(f"/proc/{parent}/environ").read_bytes,
        "open the parent's memory": lambda: os.open(f"/proc/{parent}/mem", os.O_RDWR),
        "list a folder": lambda: os.listdir(secret.parent),  # noqa: PTH208 - the system call is meant
        "write a file": lambda: victim.write_bytes(b"changed"),
        "cut a file short": lambda: os.truncate(victim, 0),
        "remove a file": victim.unlink,
        "rename a file": lambda: victim.rename(victim.with_name("elsewhere")),
        "make a file": (victim.parent / "made").touch,
        "make a link": lambda: (victim.parent / "link").symlink_to(secret),
        "open a socket": lambda: socket.socket(socket.AF_INET).close(),
        "open a local socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "start a program": lambda: subprocess.run(["/bin/true"], check=True),
        "start a process": _fork,
        "signal the parent": lambda: os.kill(parent, signal.SIGCONT),
        "trace the parent": lambda: _call(101, 0x4206, parent, 0, 0),  # ptrace, PTRACE_SEIZE: stops nobody
        "read the parent's memory": lambda: _call(310, parent, 0, 0, 0, 0, 0),  # process_vm_readv
        "set up io_uring": lambda: _call(425, 8, ctypes.create_string_buffer(120)),
        "hold memory as a file": lambda: os.memfd_create("x"),
    }


def outcome(secret: Path, victim: Path) -> dict[str, str]:
    """Every attempt with what came of it: ``done``, or the error's name. A thread still starts."""
    said = {}
    for name, attempt in attempts(secret, victim).items():
        try:
            attempt()
            said[name] = "done"
        except OSError as error:
            said[name] = type(error).__name__
    thread = threading.Thread(target=said.setdefault, args=("start a thread", "done"))
    thread.start()
    thread.join()
    return said


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _call(number: int, *arguments: object) -> None:
    """A system call of x86_64 by number."""
    if _LIBC.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")
