"""Every page of the console and of the public is light: markup, styles and scripts, with all that scripts import.

That a page is also quick on a slow processor is measured in Chromium, on the heaviest (test_player_browser.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import review_ui
from delivery.links import make_link
from review_ui import live
from review_ui.accounts import create_account
from review_ui.app import make_app
from review_ui.security import COOKIE
from review_ui.sessions import sign_in
from tests.kit.web import WEIGHT
from tests.kit.world import PASSWORD, World
from tests.review_ui.test_web import routes

STATIC = Path(review_ui.__file__).parent / "static"
PART = re.compile(r'<(?:link rel="stylesheet" href|script type="module" src)="/static/([^"]+)"')
IMPORT = re.compile(r'^import (?:[^";]* from )?"\./([^"]+)"', re.MULTILINE)


@pytest.fixture
def web(world: World) -> Iterator[TestClient]:
    with TestClient(make_app(), base_url="http://localhost", follow_redirects=False) as client:
        yield client


def weight_of(markup: str) -> int:
    """Bytes of a page and of everything that it fetches before it is whole, its media aside."""
    wanted, found = PART.findall(markup), {}
    while wanted:
        name = wanted.pop()
        if name not in found:
            text = found[name] = (STATIC / name).read_text(encoding="utf-8")
            wanted += IMPORT.findall(text) if name.endswith(".js") else []
    return len(markup.encode()) + sum(len(text.encode()) for text in found.values())


def test_every_page_is_light(world: World, web: TestClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "LASTS", 0.0)  # a stream that a page opens later ends at once
    render = world.to_review(flagged=("label", "lip_sync"))
    link = make_link(world.released().id, brand_id=world.brand_id, made_by=world.operator)
    create_account(brand_id=world.brand_id, email="adm@kit.example", role="admin", password=PASSWORD)
    ids = {
        "render_id": render.id, "campaign_id": render.campaign_id, "persona_id": world.persona.id, "token": link,
        "authority_id": world.authority.id,
    }  # fmt: skip
    weights: dict[str, int] = {}
    for who in ("a stranger", "an administrator"):
        for method, path in routes():
            if (
                method == "GET"
                and not path.startswith("/api/")
                and set(re.findall(r"{(\w+)}", path)) <= ids.keys()
            ):
                answer = web.get(path.format(**ids))
                if answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"):
                    weights[f"{path} of {who}"] = weight_of(answer.text)
        web.cookies.set(COOKIE, sign_in("adm@kit.example", PASSWORD)[0])
    assert {
        "/ of an administrator",
        "/renders/{render_id} of an administrator",
        "/v/{token} of a stranger",
    } <= set(weights)
    assert len(weights) > 25 and min(weights.values()) > 10_000, weights
    assert {page: weight for page, weight in weights.items() if weight >= WEIGHT} == {}
