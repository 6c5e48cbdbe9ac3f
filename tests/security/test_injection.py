"""Text of strangers stays text: in SQL, in pages, in templates of scripts, in names of files, in logs."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic.fields import FieldInfo

from audit import keys
from core.blobs import blobs
from core.database import transaction
from core.errors import GreenroomError
from generate.errors import FieldError, TemplateError
from generate.templates import compose_script
from pipeline.tables import CampaignRow, RenderRow
from review_ui.rates import forget_all
from review_ui.tables import AccountRow
from review_ui.uploads import _suffix
from tests.security.routes import api_routes, filled
from tests.security.table import ROUTES
from tests.servers.fixtures import DATABASES

HOSTILE = [
    "' OR '1'='1", "'; DROP TABLE renders; --", "\" OR \"\"=\"",
    "1) UNION SELECT password_hash FROM accounts--", "%' OR 1=1 --",
    "\\'; SELECT pg_sleep(9)--", "x\x00y", "\u202e\ufeff", "\ud7ff\U0010ffff", "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ 7*7 }}", "${7*7}", "../../etc/passwd", "%00", "%(x)s", "{0.__class__}", "a" * 5000, "\r\nset-cookie: x=1",
]  # fmt: skip


def inputs_of(route: Any) -> list[tuple[str, str]]:
    """("query" or "form", name) of every text that a route takes."""
    found: list[tuple[str, str]] = []
    waiting = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        waiting += dependant.dependencies
        found += [("query", field.alias) for field in dependant.query_params]
        found += [
            ("form", field.alias)
            for field in dependant.body_params
            if isinstance(field.field_info, FieldInfo)
        ]
    return sorted(set(found))


ON_BOTH = pytest.mark.parametrize("database_kind", DATABASES, indirect=True)


@pytest.fixture
def keys_made(home: Path) -> None:
    """As `greenroom pki init` leaves it: past one machine no key is made by signing."""
    for name in keys.NAMES:
        ring = keys.provider(name)
        with ring.locked():
            ring.make_current(ring.prepare())


@ON_BOTH
@pytest.mark.usefixtures("keys_made")
@pytest.mark.parametrize("kind", ["path", "query", "form"])
def test_no_text_in_any_place_is_sql_or_markup(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    make_render: Callable[..., RenderRow],
    kind: str,
):
    """Every hostile text in every path, query parameter and form field that the application declares. None answers with
    a defect, none comes back as markup or header, none changes the tables."""
    csrf = signed(new_account(role="admin"))
    render = make_render()
    ids = {"render_id": render.id, "campaign_id": "cmp_1"}
    tried = 0
    for route in api_routes():
        for method in route.methods:
            asks = ROUTES[method, route.path]
            if asks.by == "basic" or route.path in ("/sign-out", "/account/password", "/sign-in", "/recover"):
                continue
            names = [
                name for place, name in inputs_of(route) if place == kind and name not in ("csrf", "file")
            ]
            for text in HOSTILE if (names or (kind == "path" and "{" in route.path)) else []:
                forget_all()
                path = filled(route.path, ids)
                data: dict[str, str] = {"csrf": csrf}
                if kind == "path":
                    path = re.sub(r"\{\w+\}", lambda _: encoded(text), route.path)  # noqa: B023
                query = dict.fromkeys(names, text) if kind == "query" else {}
                data |= dict.fromkeys(names, text) if kind == "form" else {}
                sent = {"data": data} if method == "POST" and asks.by != "nobody" else {}
                answer = client.request(method, path, params=query, headers={"x-csrf-token": csrf}, **sent)
                tried += 1
                assert answer.status_code < 500, (method, path, text)
                assert "<script>alert" not in answer.text and "<img src=x" not in answer.text, (path, text)
                assert "x=1" not in answer.headers.get("set-cookie", ""), (path, text)
    assert tried >= {"path": 200, "query": 30, "form": 100}[kind]
    with transaction() as session:
        assert session.get_one(RenderRow, render.id).id == render.id
        assert session.query(AccountRow).count() == 1


def encoded(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


@ON_BOTH
def test_a_name_and_a_password_are_no_sql(client: TestClient, account: AccountRow):
    for text in HOSTILE:
        forget_all()
        for path, form in (
            ("/sign-in", {"email": text[:254], "password": text[:200]}),
            ("/sign-in", {"email": account.email, "password": text[:200]}),
            ("/recover", {"email": text[:254], "password": text[:200], "code": text[:60]}),
        ):
            answer = client.post(path, data=form)
            assert answer.status_code in (403, 422) and "<script>alert" not in answer.text, (path, text)


def test_fields_of_recipients_are_text_on_every_page(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    make_render: Callable[..., RenderRow],
):
    """A recipient's name, a script, a reason, a campaign's name and labels: all of it foreign."""
    signed(new_account(role="admin"))
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    schema = {
        "type": "object",
        "properties": {evil: {"title": evil, "enum": [evil]}, "b": {"maxLength": evil}},
    }
    with transaction() as session:
        usual = {
            "brand_id": "brd_1",
            "persona_id": "per_1",
            "territory": "in",
            "channel": "link",
            "topic": evil,
        }
        usual |= {"rule_pack": "consumer-products", "label_profile": "in"}
        session.add(CampaignRow(id="cmp_2", name=evil, template=evil, field_schema=schema, **usual))
    render = make_render(
        campaign_id="cmp_2", fields={"first_name": evil}, script=f"Hello {evil}", summary=evil,
        reason={"code": evil, "message": evil},
    )  # fmt: skip
    for path in ("/?view=all", "/campaigns", "/campaigns/cmp_2", f"/renders/{render.id}", "/authorities"):
        text = client.get(path).text
        assert "<script>alert" not in text and "<img src=x" not in text, path
        assert "&#34;&gt;&lt;script&gt;" in text or path == "/authorities", path


SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "n": {"type": "number"}},
    "required": ["name"],
}
ESCAPES = [
    "{{ name.__class__ }}", "{{ name['__class__'] }}", "{{ name|attr('__class__') }}", "{{ ''.__class__.__mro__ }}",
    "{{ name.format(1) }}", "{{ '{0.__class__}'.format(name) }}", "{{ '%s' % name }}", "{{ name|format }}",
    "{{ self }}",
    "{{ cycler }}", "{{ lipsum() }}", "{{ range(10**9) }}", "{% for x in range(10**9) %}x{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ 10 ** 10 ** 10 }}", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "{% set x = name %}{{ x }}",
    "{% include 'x' %}",
    "{% import 'os' as os %}", "{% extends 'x' %}", "{% raw %}{% endraw %}{{ config }}", "{{ name|center(10**9) }}",
    "{{ name|replace('a', 'b') }}", "{{ [name] }}", "{{ {'a': name} }}", "{{ name ~ name }}",
    "{% call name() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}", "{{ name if name.x else 1 }}",
    "{% with a = name %}{{ a }}{% endwith %}", "{{ -name }}",
    "{{ name is callable }}", "{{ name is sameas(name) }}", "{{ namespace() }}", "{{ joiner }}", "{{ dict() }}",
    "{{ name[0] }}",
    "{{ name[::-1] }}", "{% autoescape true %}{{ name }}{% endautoescape %}", "{{ _ }}", "{{ __builtins__ }}",
    "{% do name %}",
    "{{ name" + "|upper" * 3000 + " }}", "{% if " + "not " * 900 + "name %}x{% endif %}",
    "{{ " + "(" * 900 + "name" + ")" * 900 + " }}",
]  # fmt: skip


@pytest.mark.parametrize("source", ESCAPES, ids=range(len(ESCAPES)))
def test_a_template_of_a_script_reaches_nothing_and_ends(source: str):
    began = time.thread_time()  # other threads of the run have work of their own
    with pytest.raises(TemplateError):
        compose_script(source, SCHEMA, {"name": "Asha"})
    assert time.thread_time() - began < 3


@pytest.mark.parametrize(
    "value", ["{{ 7*7 }}", "{% for x in y %}", "{# x #}", "{0.__class__}", "%s", "${7*7}", "__class__"]
)
def test_a_field_is_never_template(value: str):
    with suppress(FieldError):  # refused is as good
        assert compose_script("Hello {{ name }}.", SCHEMA, {"name": value}).text == f"Hello {value}."


@pytest.mark.parametrize(
    "name", ["../../evil.sh", "a.mp4\x00.sh", "/etc/passwd", "C:\\x.exe", ".mp4/..", "x" * 5000, "a.MP4", ""]
)
def test_an_uploads_name_decides_nothing_but_a_known_ending(name: str):
    assert re.fullmatch(r"\.[a-z0-9]{3,4}", _suffix(name))


@pytest.mark.parametrize(
    "name", ["../x", "..", "a" * 63, "A" * 64, "a" * 64 + "/..", "a" * 64 + "\n", "", "%2e%2e"]
)
def test_a_blob_has_no_other_name_than_its_digest(home: Path, name: str):
    (home / "secret").parent.mkdir(parents=True, exist_ok=True)
    (home / "secret").write_text("x")
    for ask in (blobs().get_file, blobs().exists, blobs().delete):
        for role in ("sealed", "../keys"):
            try:
                assert not ask(name, role)
            except (GreenroomError, ValueError):
                continue
    assert (home / "secret").exists()


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%2fetc/passwd", "/static/....//app.py", "/static/%00", "/static/greenroom.css/..",
        "/v/../../etc/passwd",
        "/v/..%2f..%2fetc%2fpasswd", "/v/..%2f/video.mp4",
    ],
)  # fmt: skip
def test_no_path_leaves_its_folder(client: TestClient, path: str):
    answer = client.get(path)
    assert answer.status_code in (404, 405) and "import" not in answer.text and "root:" not in answer.text


def test_no_secret_and_nothing_personal_is_in_logs_or_error_pages(
    client: TestClient,
    account: AccountRow,
    signed: Callable[[AccountRow], str],
    caplog: pytest.LogCaptureFixture,
):
    """Planted in every place of a request, and searched."""
    caplog.set_level(logging.DEBUG)
    planted = "planted-secret-4711"
    signed(account)
    answers = [
        client.post("/sign-in", data={"email": f"{planted}@x.example", "password": planted}),
        client.post("/recover", data={"email": account.email, "password": planted, "code": planted}),
        client.post("/account/confirm", data={"csrf": planted, "password": planted}),
        client.get(f"/v/{planted}"),
        client.get(f"/renders/{planted}?csrf={planted}"),
        client.post(
            "/api/v1/analyze_video", auth=(planted, planted), files={"file": (planted, planted.encode())}
        ),
        client.get("/", headers={"cookie": f"greenroom_session={planted}"}),
    ]
    ours = [
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "asyncio"))
    ]
    assert planted not in "\n".join(ours)
    assert all(answer.status_code < 500 for answer in answers)
    shown = [answer.text for answer in answers[1:]]
    assert all(planted not in text.replace(f"/renders/{planted}", "").replace(f"Where: {planted}", "") or "rnd" in text
               for text in shown[:3])  # fmt: skip
