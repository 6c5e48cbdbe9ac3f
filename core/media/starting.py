"""Starting a confined child: from nothing for whatever is foreign, by a nursery for a file of our own.

Which of the two is decided here and nowhere else, and fails closed: only where the caller vouches for the bytes
(:class:`core.media.own.OwnFile`), and the open file has them, is there no fresh process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from io import BufferedReader
from typing import Any, Protocol

from core.media.nurseries import ROOT, nursery_of
from core.media.own import OwnFile
from core.settings import get_settings


class Child(Protocol):
    """A child that can be ended. ``wait`` after ``kill``: it is gone then."""

    def kill(self) -> None: ...
    def wait(self) -> Any: ...


def start(
    module: str,
    request: Mapping[str, Any],
    *,
    file: BufferedReader,
    out: int,
    more: Sequence[int] = (),
    given: bytes = b"",
    environment: Mapping[str, str] | None = None,
    own: OwnFile | None = None,
) -> Child:
    """A confined child on one open file.

    Args:
        module: its code: ``main(request)``, and ``load()`` that imports what it works with.
        request: a JSON object; ``file`` and ``out`` are added to it, and ``more`` where there are any.
        out: where it writes its answer; the caller closes its own copy of both descriptors.
        more: further descriptors that it may use.
        given: what it reads on stdin.
        own: vouches for the file's bytes, and for those of ``more``: a nursery may read them. None: they are foreign.

    Raises OSError when no process can be started.
    """
    with os.fdopen(os.memfd_create("greenroom-request"), "w+b") as stdin:
        stdin.write(given)
        stdin.seek(0)
        variables = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **(environment or {})}
        if own is not None and get_settings().media.files_a_nursery > 0 and own.vouches_for(file):
            forked = nursery_of(module, variables).fork(request, (file.fileno(), out, stdin.fileno(), *more))
            if forked is not None:
                return forked
        stated = {**request, "file": file.fileno(), "out": out, **({"more": list(more)} if more else {})}
        return subprocess.Popen(
            [sys.executable, "-s", "-P", "-m", module, json.dumps(stated)],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(file.fileno(), out, *more),
            env=variables,
            cwd="/",
        )
