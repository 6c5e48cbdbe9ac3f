"""Keys at a remote signer: it signs, the folder says what is believed, and no answer is taken at its word."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

import core.remote_signer
from audit import keys, rotation
from audit.errors import KeyNotHere
from audit.ledger import sequence_pending, verify_ledger
from core.canonical import canonical_json
from core.remote_signer import RemoteSignerDown, RemoteSignerProblem, address_fault
from tests.kit.machines import machine
from tests.kit.remote_signer import Remote, remote_signer, token

RECEIPT = canonical_json({"type": "greenroom.receipt.v1"})
APPROVAL = canonical_json({"type": "greenroom.approval.v1"})


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with remote_signer(tmp_path_factory.mktemp("signer") / "folder") as running:
        yield running


@pytest.fixture
def remote(signer: Remote, home: Path) -> Iterator[Remote]:
    """This machine signs there, with the token that may do all; its keys are made."""
    with machine(home, **signer.settings()):
        for name in keys.NAMES:
            rotation.begin(name)
        yield signer


def test_it_signs_and_no_private_half_is_here(remote: Remote, home: Path) -> None:
    signature = keys.sign("receipts", RECEIPT)
    assert keys.verify("receipts", signature, RECEIPT) and not keys.verify("receipts", signature, APPROVAL)
    assert list(home.rglob("*.pem")) == []
    assert [path.stem for path in (home / "keys" / "receipts").glob("*.pub")] == [signature.key_id]


def test_checkpoints_are_signed_there(remote: Remote) -> None:
    assert sequence_pending() == len(keys.NAMES)  # the entries that name the keys
    assert verify_ledger().good


def test_a_rotation_makes_the_new_key_there(remote: Remote, home: Path) -> None:
    before = keys.sign("receipts", RECEIPT)
    made = rotation.rotate("receipts")
    after = keys.sign("receipts", RECEIPT)
    assert (made.old, made.new) == (before.key_id, after.key_id) and made.old != made.new
    assert keys.verify("receipts", before, RECEIPT) and keys.verify("receipts", after, RECEIPT)
    assert list(home.rglob("*.pem")) == []


def test_a_workers_token_signs_no_decision(remote: Remote, home: Path) -> None:
    with machine(home, **remote.settings("worker")):
        assert keys.sign("receipts", RECEIPT)
        with pytest.raises(RemoteSignerProblem, match="refused \\(403\\)"):
            keys.sign("approvals", APPROVAL)
        with pytest.raises(RemoteSignerProblem, match="refused \\(403\\)"):
            rotation.rotate("receipts")
    assert remote.log()[-2]["refused"] == "this token may not use this ring"


@pytest.mark.parametrize(
    "name, data", [("receipts", APPROVAL), ("approvals", RECEIPT), ("ledger", b"any bytes")]
)
def test_what_is_no_document_of_the_ring_is_not_signed(remote: Remote, name: str, data: bytes) -> None:
    with pytest.raises(RemoteSignerProblem, match="refused \\(422\\)"):
        keys.sign(name, data)


def test_without_its_token_nothing_is_signed(remote: Remote, home: Path) -> None:
    for wrong in ("", "another"):
        with machine(home, signer_token=wrong), pytest.raises(RemoteSignerProblem, match="refused \\(401\\)"):
            keys.sign("receipts", RECEIPT)
    url = f"{remote.address('receipts')}/{keys.current_key_id('receipts')}/sign"
    for scheme in ("Basic", "Bearer"):
        headers = {"authorization": f"{scheme} {token('nobody')}"}
        assert httpx.post(url, content=RECEIPT, headers=headers, trust_env=False).status_code == 401


def test_the_token_may_lie_in_a_file(remote: Remote, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token("worker") + "\n")
    with machine(home, signer_token="", signer_token_file=str(file)):
        assert keys.sign("receipts", RECEIPT)


def test_a_key_that_it_does_not_have_is_refused(remote: Remote) -> None:
    url = f"{remote.address('receipts')}/{'0' * 16}/sign"
    headers = {"authorization": f"Bearer {token('all')}"}
    assert httpx.post(url, content=RECEIPT, headers=headers, trust_env=False).status_code == 404
    for path in ("..%2Freceipts", "unknown"):
        url = f"http://127.0.0.1:{remote.port}/keys/{path}/{'0' * 16}/sign"
        assert httpx.post(url, content=RECEIPT, headers=headers, trust_env=False).status_code in (403, 404)


def test_it_logs_what_was_signed_and_never_the_document(remote: Remote) -> None:
    data = canonical_json({"type": "greenroom.approval.v1", "reason": "words of a person"})
    signature = keys.sign("approvals", data)
    line = remote.log()[-1]
    assert (line["who"], line["ring"], line["key_id"]) == ("all", "approvals", signature.key_id)
    assert line["signed"] == "greenroom.approval.v1" and len(line["sha256"]) == 64
    assert "words of a person" not in (remote.folder / "log").read_text()


def test_without_the_public_half_here_nothing_is_asked(remote: Remote, home: Path) -> None:
    (public,) = (home / "keys" / "receipts").glob("*.pub")
    public.unlink()
    before = len(remote.log())
    with pytest.raises(KeyNotHere, match="public half"):
        keys.sign("receipts", RECEIPT)
    assert len(remote.log()) == before


def test_no_signature_makes_a_first_key_there(signer: Remote, home: Path) -> None:
    with machine(home, **signer.settings()), pytest.raises(KeyNotHere, match="none is made by signing"):
        keys.sign("receipts", RECEIPT)


def test_a_signer_that_is_down_can_be_asked_again(remote: Remote, home: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{nobody.getsockname()[1]}/keys/receipts"
        with machine(home, receipt_keys=gone), pytest.raises(RemoteSignerDown) as told:
            keys.sign("receipts", RECEIPT)
    assert told.value.retryable


# a signer that is not what it says ---------------------------------------------------------------------------------

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server that answers each request so; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            answer(self)

        def log_message(self, *_: object) -> None: ...

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}/keys/receipts"
    finally:
        httpd.shutdown()
        httpd.server_close()


def sends(body: bytes, status: int = 200, **headers: str) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize(
    "answer, error, words",
    [
        (sends(json.dumps({"signature": "00" * 64}).encode()), RemoteSignerProblem, "not of the key"),
        (sends(json.dumps({"signature": "zz"}).encode()), RemoteSignerProblem, "no signature"),
        (sends(b"[]"), RemoteSignerProblem, "no JSON object"),
        (sends(b"<html>"), RemoteSignerProblem, "no JSON"),
        (sends(b"x" * 100_000), RemoteSignerProblem, "too long"),
        (sends(b"", 302, location="http://127.0.0.1:1/"), RemoteSignerProblem, "refused \\(302\\)"),
        (sends(b"", 503), RemoteSignerDown, "status 503"),
        (drips, RemoteSignerDown, "too slowly"),
    ],
    ids=["forged", "no hex", "no object", "no json", "long", "elsewhere", "down", "slow"],
)
def test_an_answer_that_cannot_be_used_signs_nothing(
    remote: Remote,
    home: Path,
    answer: Answer,
    error: type[Exception],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core.remote_signer, "ANSWER_SECONDS", 0.5)
    with answering(answer) as address, machine(home, receipt_keys=address):
        began = time.monotonic()
        with pytest.raises(error, match=words):
            keys.sign("receipts", RECEIPT)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "address, allowed",
    [
        ("https://signer.example/keys/receipts", True),
        ("http://127.0.0.1:9443/keys/receipts", True),
        ("http://[::1]:9443/keys", True),
        ("http://localhost/keys", True),
        ("http://signer.example/keys", False),
        ("http://10.0.0.1/keys", False),
        ("http://127.0.0.1.example.org/keys", False),
        ("https://", False),
        ("https://user:secret@signer.example/keys", False),
        ("https://signer.example/keys?token=secret", False),
        ("ftp://signer.example/keys", False),
        ("https://signer.example:none/keys", False),
    ],
)
def test_an_address_is_encrypted_or_on_this_machine(home: Path, address: str, allowed: bool) -> None:
    assert (address_fault(address) == "") is allowed
    if not allowed:
        with machine(home, receipt_keys=address), pytest.raises(RemoteSignerProblem, match="no address"):
            keys.sign("receipts", RECEIPT)
