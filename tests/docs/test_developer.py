"""The developer's page is run from its first call to its last: each `curl` of it, as it stands there, by a program with
a key, against a real brand. Ids that the page calls YOURS are those that the calls before it made."""

from __future__ import annotations

import argparse
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.database import reading
from pipeline.list_work import on_list
from pipeline.models import Analysis
from review_ui.api import measuring
from review_ui.api_keys import KEY_RIGHTS, make_key
from review_ui.app import make_app
from review_ui.tables import AccountRow
from tests.kit import media
from tests.kit.world import World
from tests.review_ui.test_answers import report
from tests.shapes import shapes_of

PAGE = Path(__file__).parents[2] / "docs/start/developer.md"
SITE = "http://localhost:8321"


def calls() -> Iterator[list[str]]:
    """Every `curl` of the page, in words, in its order."""
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S):
        words = shlex.split(block, comments=True)
        starts = [number for number, word in enumerate(words) if word == "curl"]
        for start, end in zip(starts, [*starts[1:], len(words)], strict=False):
            yield words[start + 1 : end]


def curl(client: TestClient, words: list[str], files: dict[str, bytes]) -> Any:
    """What `curl` does with these words, as far as the page uses it."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-F", dest="parts", action="append", default=[])
    parser.add_argument("-X", dest="method")
    parser.add_argument("-d", dest="data")
    parser.add_argument("--data-binary", dest="binary")
    parser.add_argument("url")
    said = parser.parse_args(words)
    headers = dict(header.split(": ", 1) for header in said.headers)
    more: dict[str, Any] = {}
    if said.parts:
        parts = dict(part.split("=", 1) for part in said.parts)
        sent = {name: (value[1:], files[value[1:]]) for name, value in parts.items() if value[0] == "@"}
        more = {"files": sent, "data": {name: parts[name] for name in parts if name not in sent}}
    elif body := said.data or said.binary:
        more = {"content": files[body[1:]] if body.startswith("@") else body.encode()}
    method = said.method or ("POST" if more else "GET")
    return client.request(method, said.url, headers=headers, **more)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models' answers are recorded; what is sent to them is the page's."""

    async def child(task: str, _path: Path, _url: str = "") -> dict[str, Any]:
        return dict(report()) if task == "verify" else dict(next(shapes_of(Analysis)))

    monkeypatch.setattr(measuring, "run_child", child)


def test_every_call_of_the_page_works_in_its_order(world: World, checked: None, tmp_path: Path):
    with reading() as session:
        account = session.get_one(AccountRow, world.operator)
    _, token = make_key(account, name="the page", rights=["view", "make", "release"])
    files = {"recipients.csv": b"first_name\nBen\nCara\n", "released.mp4": b"x"}
    files["finished.mp4"] = media.write_clip(tmp_path / "finished.mp4", 9).read_bytes()
    ids = {"per": world.persona.id}
    answered: list[str] = []
    with TestClient(make_app(), base_url=SITE) as client:
        for words in calls():
            said = " ".join(words)
            filled = [
                re.sub(r"(per|cmp|rnd|job|lst)_YOURS", lambda found: ids[found[1]], word)
                .replace("$SITE", f"{SITE}/api/v1")
                .replace("$API_KEY", token)
                for word in words
            ]
            if words[-1].endswith("/release"):
                world.approved(world.advance(ids["rnd"]))
            if words[-1].endswith("/start"):
                on_list(ids["lst"])
            answer = curl(client, filled, files)
            assert answer.status_code in (200, 201, 202), (said, answer.text)
            document = answer.json()
            for name, prefix in (("campaign", "cmp"), ("render", "rnd"), ("job", "job"), ("list", "lst")):
                if isinstance(document.get(name), str) and not words[-1].endswith("/imports"):
                    ids[prefix] = document[name]
            answered.append(re.sub(r".*/api/v1|\?.*", "", str(answer.request.url)))
            if answer.status_code == 202:
                time.sleep(0.05)
    assert world.now_is(ids["rnd"]).state == "recalled"
    assert len(answered) >= 16 and world.ledger().good


def test_the_page_names_every_right_of_a_key_and_every_status():
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{right}`" in text for right in KEY_RIGHTS)
    document = make_app().openapi()
    statuses = {
        status
        for methods in document["paths"].values()
        for one in methods.values()
        for status in one["responses"]
    }
    assert {status for status in statuses if status >= "400"} - {"500"} <= set(
        re.findall(r"\b4\d\d\b|\b503\b", text)
    )
