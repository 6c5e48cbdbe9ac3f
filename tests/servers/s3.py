"""An S3 server: moto's, which speaks the protocol with conditional writes. It keeps its objects in memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx

from tests.servers.processes import answers, folder, free_port, server

_NUMBERS = count()


@dataclass
class S3:
    """A running server."""

    port: int
    root: Path
    child: subprocess.Popen[bytes]

    def environment(self, port: int | None = None) -> dict[str, str]:
        """What obstore reads. ``port``: a proxy's."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

    def bucket(self) -> str:
        """A new bucket, as GREENROOM_BLOB_URL is set to."""
        name = f"greenroom-{next(_NUMBERS)}"
        httpx.put(f"http://127.0.0.1:{self.port}/{name}").raise_for_status()
        return f"s3://{name}"


@contextmanager
def s3_server() -> Iterator[S3]:
    """A fresh server, gone at the end."""
    with folder() as root:
        port = free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        quiet = {"MOTO_S3_CUSTOM_ENDPOINTS": "", "PYTHONWARNINGS": "ignore"}
        with server(command, lambda: answers(port), log=root / "log", environment=quiet) as child:
            yield S3(port, root, child)
