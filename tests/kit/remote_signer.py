"""The example of a remote signer (``examples/remote_signer``) as a process on loopback, with made-up tokens."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.remote_signer.rings import Rings
from tests.servers.processes import answers, free_port, server

ROOT = Path(__file__).resolve().parents[2]
RINGS = {
    "all": ["receipts", "authorities", "approvals", "ledger", "claims"],
    "web": ["approvals", "authorities"],
    "worker": ["receipts", "claims"],
}


@dataclass
class Remote:
    """A running signer. Its tokens are the names of :data:`RINGS`, each repeated to be long enough."""

    port: int
    folder: Path
    child: subprocess.Popen[bytes]

    @property
    def rings(self) -> Rings:
        return Rings(self.folder / "keys")

    def address(self, ring: str) -> str:
        return f"http://127.0.0.1:{self.port}/keys/{ring}"

    def settings(self, client: str = "all") -> dict[str, str]:
        """Settings of a machine that signs there with that token."""
        return {
            "receipt_keys": self.address("receipts"),
            "authority_keys": self.address("authorities"),
            "approval_keys": self.address("approvals"),
            "ledger_keys": self.address("ledger"),
            "signer_token": token(client),
        }

    def log(self) -> list[dict[str, Any]]:
        """What it has logged."""
        lines = (self.folder / "log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def token(client: str) -> str:
    return f"{client}-a-made-up-token-of-the-tests"


@contextmanager
def remote_signer(folder: Path) -> Iterator[Remote]:
    """The service over an empty folder; it may make keys for the token ``all``."""
    folder.mkdir(parents=True)
    clients = [
        {
            "name": name,
            "token_sha256": hashlib.sha256(token(name).encode()).hexdigest(),
            "rings": rings,
            "makes": ["receipts", "authorities", "approvals", "ledger"] if name == "all" else [],
        }
        for name, rings in RINGS.items()
    ]
    (folder / "clients.json").write_text(json.dumps(clients))
    port = free_port()
    command = [
        sys.executable, "-m", "uvicorn", "examples.remote_signer.app:make_app", "--factory", "--host", "127.0.0.1",
        "--port", str(port), "--log-level", "warning", "--app-dir", str(ROOT),
    ]  # fmt: skip
    environment = {"REMOTE_SIGNER_FOLDER": str(folder)}
    with server(command, lambda: answers(port), log=folder / "log", environment=environment) as child:
        yield Remote(port, folder, child)
