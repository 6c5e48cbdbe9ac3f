"""The service: ``uvicorn examples.remote_signer.app:make_app --factory``. See README.md.

Who asks shows a bearer token; the token says which rings it may use. What is signed has to be a document of that ring's
kind. Every signature and every refusal is one line of JSON on stdout, without the document.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request

from examples.remote_signer.documents import KINDS, LARGEST
from examples.remote_signer.rings import Rings

FOLDER = "REMOTE_SIGNER_FOLDER"


@dataclass(frozen=True)
class Client:
    """Who may ask: a name for the log, the SHA-256 of the token, and the rings that it may sign with or fill."""

    name: str
    token_sha256: str
    rings: tuple[str, ...]
    makes: tuple[str, ...] = ()


def clients_of(folder: Path) -> list[Client]:
    """``clients.json``: a list of objects with the fields of :class:`Client`."""
    stated = json.loads((folder / "clients.json").read_text(encoding="utf-8"))
    return [
        Client(one["name"], one["token_sha256"], tuple(one["rings"]), tuple(one.get("makes", ())))
        for one in stated
    ]


def make_app() -> FastAPI:
    """Over the folder that ``REMOTE_SIGNER_FOLDER`` names: ``clients.json``, and ``keys/<ring>``."""
    folder = Path(os.environ[FOLDER])
    clients, rings = clients_of(folder), Rings(folder / "keys")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/keys/{ring}/{key_id}/sign")
    async def sign(ring: str, key_id: str, request: Request) -> dict[str, str]:
        client = _client(clients, request)
        data = await _body(request)
        about = {"who": client.name, "ring": ring[:40], "key_id": key_id[:16], **_about(data)}
        if ring not in client.rings:
            raise _refused(403, "this token may not use this ring", about)
        what = KINDS[ring](data) if ring in KINDS else None
        if what is None:
            raise _refused(422, "this is no document that the ring signs", about)
        signature = rings.sign(ring, key_id, data)
        if signature is None:
            raise _refused(404, "there is no such key", about)
        _log(**about, signed=what)
        return {"signature": signature.hex()}

    @app.post("/keys/{ring}")
    async def make(ring: str, request: Request) -> dict[str, str]:
        client = _client(clients, request)
        about = {"who": client.name, "ring": ring[:40]}
        if ring not in client.makes:
            raise _refused(403, "this token may make no keys here", about)
        public = rings.make(ring)
        if public is None:
            raise _refused(404, "no key can be made in this ring", about)
        _log(**about, made=hashlib.sha256(public.encode()).hexdigest())
        return {"public": public}

    return app


def _client(clients: list[Client], request: Request) -> Client:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = hashlib.sha256(token.encode()).hexdigest()
    found = [one for one in clients if hmac.compare_digest(one.token_sha256, given)]
    if scheme.lower() != "bearer" or not found:
        raise _refused(401, "no token of ours", {"who": "nobody"})
    return found[0]


async def _body(request: Request) -> bytes:
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > LARGEST:
            raise _refused(413, "the document is too large", {"who": "somebody"})
    return data


def _about(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _refused(status: int, why: str, about: dict[str, Any]) -> HTTPException:
    _log(**about, refused=why)
    return HTTPException(status, why)


def _log(**fields: Any) -> None:
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **fields}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
