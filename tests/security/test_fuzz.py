"""Schemathesis over everything that the application answers: the API's document, and the pages described the same way.

Generated requests, right and wrong ones, go through the real application in this process. No answer is a defect of
ours (5xx); the API's answers are those that its document promises. What a checking child says is asked once for each
kind and then repeated: children are tried elsewhere. FULL=1: forty times as many.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from fastapi.openapi.utils import get_openapi
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.errors import GreenroomError
from greenroom.web import make_app
from pipeline.tables import RenderRow
from review_ui import child
from review_ui.api_keys import KEY_RIGHTS, make_key
from review_ui.factors import challenges
from review_ui.rates import forget_all
from review_ui.security import COOKIE
from review_ui.tables import AccountRow
from tests.security.routes import api_routes
from tests.security.table import ROUTES

TIMES = 40 if os.environ.get("FULL") else 1
PROMISES = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the real children say of a file that is none: a document, or an error."""
    folder = tmp_path_factory.mktemp("told")
    file = folder / "a.mp4"
    file.write_bytes(b"no video")
    said: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GREENROOM_HOME", str(folder / "home"))
        for task in ("verify", "show", "analyze"):
            try:
                said[task] = asyncio.run(child.run_child(task, file))
            except GreenroomError as error:
                said[task] = error
    return said


@pytest.fixture(autouse=True)
def _children_answered_before(told: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async def repeated(task: str, *_: object) -> dict[str, Any]:
        if isinstance(told[task], GreenroomError):
            raise told[task]
        return dict(told[task])

    for user in ("review_ui.api.measuring", "review_ui.pages.verify"):
        monkeypatch.setattr(f"{user}.run_child", repeated)


def requests_of(
    operation: Any, mode: GenerationMode, count: int, check: Callable[[Any], None], **more: Any
) -> None:
    """Generate this many requests of an operation and check each."""

    @settings(
        max_examples=count, deadline=None, database=None, derandomize=TIMES == 1, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(operation.as_strategy(generation_mode=mode, **more))
    def each(case: Any) -> None:
        forget_all()  # else the rates answer for everybody
        check(case)

    with suppress(Unsatisfiable):  # an operation that takes nothing has no wrong request
        each()


def send(client: TestClient, case: Any, **headers: str) -> Any:
    """The request as schemathesis prepares it, over the client that keeps its cookies."""
    wanted = case.as_transport_kwargs(base_url=str(client.base_url), headers=headers)
    wanted.pop("cookies", None)
    if isinstance(wanted.get("data"), bytes | str):
        wanted["content"] = wanted.pop("data")
    return client.request(**{name: value for name, value in wanted.items() if value is not None})


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_the_api_answers_as_its_document_promises(
    new_account: Callable[..., AccountRow], make_render: Callable[..., RenderRow], mode: GenerationMode
):
    """By a program that may do whatever a program may, with the ids of things that there are; and by a stranger."""
    _, token = make_key(new_account(role="admin"), name="fuzz", rights=KEY_RIGHTS)
    ids = {"campaign_id": "cmp_1", "render_id": make_render().id}
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", make_app())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == sum(path.startswith("/api/") for _, path in ROUTES)
    for operation in operations:
        known = {name: value for name, value in ids.items() if f"{{{name}}}" in operation.path}

        def check(case: Any, known: dict[str, str] = known) -> None:
            case.path_parameters = {**(case.path_parameters or {}), **known}
            for headers in ({"authorization": f"Bearer {token}"}, None):
                answer = case.call(headers=headers)
                case.validate_response(answer, checks=PROMISES)

        requests_of(operation, mode, 5 * TIMES, check)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_generated_request_to_a_page_meets_a_defect(
    client: TestClient,
    new_account: Callable[..., AccountRow],
    signed: Callable[[AccountRow], str],
    make_render: Callable[..., RenderRow],
    monkeypatch: pytest.MonkeyPatch,
    mode: GenerationMode,
):
    """As an admin with the right token, and real ids where a path takes one: behind every door."""
    monkeypatch.setattr(challenges, "_MOST", 10**6)
    admin = new_account(role="admin")
    ids = {"campaign_id": "cmp_1", "render_id": make_render().id}
    csrf = signed(admin)
    session = client.cookies[COOKIE]
    document = get_openapi(title="All routes", version="1", routes=list(api_routes()))
    operations = [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert len(operations) == len(ROUTES) - 2  # /health and /ready take nothing and are in no document
    for operation in operations:
        if operation.path in ("/sign-out", "/account/password"):
            continue  # they would end the session that opens the rest
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
            continue  # every text is a right id, so it has no wrong request

        known = {name: value for name, value in ids.items() if f"{{{name}}}" in operation.path}

        def check(case: Any, known: dict[str, str] = known) -> None:
            client.cookies.set(COOKIE, session)
            case.path_parameters = {**(case.path_parameters or {}), **known}
            if isinstance(case.body, dict):
                case.body["csrf"] = csrf
            answer = send(client, case, **{"x-csrf-token": csrf})
            assert answer.status_code < 500, (case.as_curl_command(), answer.text[:300])

        requests_of(operation, mode, 2 * TIMES, check)
