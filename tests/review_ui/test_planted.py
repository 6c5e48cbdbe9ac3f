"""Secrets and personal fields are planted wherever they can be, the real web application and real stages run at DEBUG,
and everything that was logged is searched.

The server is uvicorn as it comes, its own access log switched on: what it says must not get through either.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import text

from core import logs
from core.blobs import blobs
from core.database import reading, transaction
from core.models import AssetRole
from core.secrets import derived_key, made_secret_file
from core.settings import get_settings
from delivery.links import make_link
from review_ui.accounts import find_account
from review_ui.api_keys import make_key
from review_ui.app import make_app
from review_ui.security import COOKIE
from review_ui.sessions import signed_in
from tests.kit.logs import logs_kept
from tests.kit.workers import work
from tests.kit.world import PASSWORD, World

NAME = "Zephyrine"
REMARK = "Thank you for choosing quite marvellous biscuits."
TYPED = "typed-by-a-stranger"
QUERY = "asked-by-a-stranger"


@contextmanager
def served() -> Iterator[str]:
    """The web application on a free port, as ``uvicorn --log-level debug`` runs it; its address."""
    config = uvicorn.Config(make_app, factory=True, port=0, log_level="debug", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def planted(world: World) -> dict[str, str]:
    """What is found nowhere in the lines, by name. Acts as everybody in turn; returns what it used."""
    secrets = {
        "name": NAME,
        "script": "quite marvellous",
        "password": PASSWORD,
        "typed": TYPED,
        "query": QUERY,
    }
    world.recorded.broken["voice"] = RuntimeError(f"cannot say {NAME}: {REMARK}")
    render = world.render({"first_name": NAME, "remark": REMARK})
    world.advance(render)  # three failures with a traceback
    world.recorded.broken.clear()
    render = world.release(world.approved(fields={"first_name": NAME, "remark": REMARK}))
    work()
    with reading() as session:
        secrets["address"] = str(
            session.execute(
                text("SELECT email FROM accounts WHERE id = :id"), {"id": world.reviewer}
            ).scalar()
        )
    secrets["token"] = token = make_link(render.id, brand_id=world.brand_id, made_by=world.operator)
    with served() as address, httpx.Client(base_url=address, headers={"connection": "close"}) as browser:
        secrets |= _signed_in(browser, secrets["address"], render.id)
        browser.get(f"/v/{token}")
        browser.get(f"/v/{token}/video.mp4", headers={"range": "bytes=0-99"})
        browser.get(f"/v/{token}{TYPED}")
        browser.get(f"/renders/{render.id}?note={QUERY}")
        browser.get(f"/nothing/{TYPED}?token={QUERY}")
        browser.post("/api/v1/analyze_video", auth=(secrets["address"], TYPED), files={"file": b""})
        secrets["api key"] = key = make_key(find_account(secrets["address"]), name=TYPED, rights=["view"])[1]
        for shown in (key, f"grk_{TYPED}"):
            headers = {"authorization": f"Bearer {shown}", "idempotency-key": QUERY}
            browser.post("/api/v1/analyze_video", data={"video_url": f"http://{TYPED}"}, headers=headers)
        browser.post("/sign-in", data={"email": f"{TYPED}@brand.example", "password": TYPED})
        _broken(browser, token)
        path = blobs().get_file(render.published_sha256 or "", AssetRole.PUBLISHED)
        path.write_bytes(b"other bytes")
        browser.get(f"/v/{token}")
    secrets |= {"master": made_secret_file(get_settings()).read_bytes().hex()}
    for purpose in ("links", "sessions", "mark"):
        key = derived_key(purpose)
        secrets |= {f"{purpose} hex": key.hex(), f"{purpose} base64": base64.b64encode(key).decode()}
        secrets |= {f"{purpose} bytes": repr(key)[2:-1]}
    pem = next((world.home / "keys" / "receipts").glob("*.pem")).read_bytes()
    signing = load_pem_private_key(pem, None).private_bytes_raw()  # type: ignore[union-attr]
    return secrets | {"signing hex": signing.hex(), "signing bytes": repr(signing)[2:-1]}


def _signed_in(browser: httpx.Client, email: str, render_id: str) -> dict[str, str]:
    browser.post("/sign-in", data={"email": email, "password": PASSWORD})
    session = browser.cookies[COOKIE]
    found = signed_in(session)
    assert found is not None
    csrf = found[1].csrf
    shown = browser.post("/account/totp", data={"csrf": csrf})
    assert shown.status_code == 200
    from review_ui.factors import totp
    from review_ui.tables import TotpRow

    with reading() as rows:
        row = rows.query(TotpRow).filter(TotpRow.account_id == find_account(email).id).one()
        secret = totp._decrypted(row)
    assert secret in shown.text.replace(" ", "")
    browser.post("/account/totp/confirm", data={"csrf": csrf, "code": "000000"})
    browser.post(f"/renders/{render_id}/reject", data={"csrf": csrf, "asset": "ab" * 32, "note": TYPED})
    return {"session": session, "csrf": csrf, "totp": secret}


def _broken(browser: httpx.Client, token: str) -> None:
    """A request whose handler raises what quotes everything: a statement with its parameters, in a chain."""
    import review_ui.pages.public as public

    real = public.watched

    def fails(asked: str) -> Any:
        recipient = NAME
        try:
            with transaction() as session:
                session.execute(
                    text("SELECT * FROM no_such_table WHERE a = :a"), {"a": f"{recipient} {asked}"}
                )
        except Exception as error:
            raise RuntimeError(f"{recipient} {asked} {REMARK}") from error

    public.watched = fails
    try:
        assert browser.get(f"/v/{token}").status_code == 500
    finally:
        public.watched = real


@pytest.fixture
def everything(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, str]]]:
    """All that was logged while :func:`planted` ran, and what is searched in it."""
    monkeypatch.setenv("GREENROOM_LOG", "DEBUG")
    monkeypatch.setenv("GREENROOM_LOG_FORMAT", "json")
    get_settings.cache_clear()
    stream = io.StringIO()
    with logs_kept():
        monkeypatch.setattr("sys.stderr", stream)  # the application sets logging up itself
        logs.set_up("worker")
        secrets = planted(world)
        yield stream.getvalue(), secrets


def test_nothing_that_was_planted_is_in_any_line(everything: tuple[str, dict[str, str]], world: World):
    written, secrets = everything
    assert {name for name, value in secrets.items() if value in written} == set()
    assert min(len(value) for value in secrets.values()) >= 8
    lines = [json.loads(line) for line in written.splitlines()]
    # It was worth searching: stages and requests spoke, exceptions too, and foreign libraries at their worst.
    assert {line["process"] for line in lines} == {"worker", "web"}
    assert {"greenroom.pipeline", "greenroom.access", "uvicorn.error"} <= {line["logger"] for line in lines}
    failed = [line for line in lines if line["event"].startswith("stage raised")]
    assert {line["stage"] for line in failed} == {"voice"} and {line["brand_id"] for line in failed} == {
        world.brand_id
    }
    assert all(line["render_id"] in line["event"] and line["exception"] for line in failed)
    requests = [line for line in lines if line["event"] == "request"]
    assert {"/v/{token}", "/v/{token}/video.mp4", "/renders/{render_id}", "/sign-in", "unmatched"} <= {
        line["route"] for line in requests
    }
    assert all(line["request_id"].startswith("req_") for line in requests)
    assert any("OperationalError" in line.get("exception", "") for line in requests)
    of_render = [line for line in requests if line["route"] == "/renders/{render_id}"]
    assert all(
        line["render_id"].startswith("rnd_") and line["brand_id"] == world.brand_id for line in of_render
    )


def test_the_search_finds_what_is_logged_as_libraries_do(world: World, monkeypatch: pytest.MonkeyPatch):
    """Without our set-up, names, passwords and links are all there: the search above is not blind."""
    monkeypatch.setenv("GREENROOM_LOG", "DEBUG")
    get_settings.cache_clear()
    stream = io.StringIO()
    plain = logging.StreamHandler(stream)
    root = logging.getLogger()
    with logs_kept():
        root.addHandler(plain)
        root.setLevel(logging.DEBUG)
        try:
            secrets = planted(world)
        finally:
            root.removeHandler(plain)
    found = {name for name, value in secrets.items() if value in stream.getvalue()}
    assert {"name", "script", "token", "query"} <= found
