"""One shape of errors, and the same status for the same fault at every address of the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.database import reading
from core.errors import GreenroomError, InputError, MediaError
from delivery.recall import recall
from pipeline.handing_on import hand_on
from pipeline.review import reject
from review_ui.rates import forget_all
from review_ui.tables import AccountRow
from tests.kit.world import PASSWORD, World
from tests.review_ui.api.conftest import Program
from tests.security.table import ROUTES

BODIES: dict[str, Any] = {
    "/campaigns": {
        "persona": "per_1", "name": "x", "template": "Hello.", "fields": {"type": "object", "properties": {}},
        "topic": "food", "territory": "in",
    },
    "/renders": {"fields": {}},
    "/recall": {"reason": "x"},
    "/links": {},
    "/cancel": {"reason": "x"},
    "/refuse": {"words": "x"},
    **{f"/{what}": {"reason": "x"} for what in ("suspend", "resume", "withdraw", "lift")},
}  # fmt: skip
CSV = {"content": b"first_name\nAsha\n", "headers": {"content-type": "text/csv"}, "params": {"key": "spring"}}


def operations(web: TestClient) -> Iterator[tuple[str, str]]:
    for path, methods in web.get("/api/openapi.json").json()["paths"].items():
        for method in methods:
            yield method.upper(), path


def ask(web: TestClient, method: str, path: str, **more: Any) -> Any:
    """The request, right but for what ``more`` says, about things that there are not."""
    target = re.sub(r"\{(\w+)\}", "xxx_1", path)
    given: dict[str, Any] = {}
    if path.endswith(("/recipients", "/lists")):
        given = {**CSV}
    elif path.endswith(("/verify", "/analyze_video")):
        given = {"files": {"file": ("a.mp4", b"no video")}}
    elif method == "POST":
        given = {"json": next((body for end, body in BODIES.items() if path.endswith(end)), None)}
    headers = given.pop("headers", {}) | more.pop("headers", {})
    return web.request(method, target, **given, headers=headers, **more)


def fault(answer: Any) -> tuple[int, str]:
    """Status and code; the shape is looked at on the way."""
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"} and set(error) == {"code", "what", "where", "next"}
    assert error["what"] and error["next"], error
    return answer.status_code, error["code"]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_who_calls_is_not_known(web: TestClient, world: World):
    for method, path in operations(web):
        forget_all()  # more wrong keys than an address may show in a minute
        if path != "/api/v1/verify":
            assert fault(ask(web, method, path)) == (401, "sign_in_needed"), path
        assert fault(ask(web, method, path, headers=bearer("grk_wrong"))) == (401, "key_refused"), path
        garbled = ask(web, method, path, headers={"authorization": "Basic !!!"})
        assert fault(garbled) == (401, "sign_in_needed"), path
        assert "Bearer" in garbled.headers["www-authenticate"]


def test_a_wrong_password_is_401_for_a_program_and_the_form_again_for_a_person(web: TestClient, world: World):
    with reading() as session:
        email = session.get_one(AccountRow, world.operator).email
    answer = web.get("/api/v1/renders", auth=(email, "wrong"))
    assert fault(answer) == (401, "sign_in_refused") and answer.headers["www-authenticate"]
    assert web.get("/api/v1/renders", auth=(email, PASSWORD)).status_code == 200
    page = web.post("/sign-in", data={"email": email, "password": "wrong"})
    assert page.status_code == 403 and 'name="password"' in page.text


def test_there_is_no_such_thing(web: TestClient, world: World, api: Program, program: Callable[..., Program]):
    legal = program(world.legal)
    for method, path in operations(web):
        if "{" in path or (path == "/api/v1/campaigns" and method == "POST"):
            token = legal.token if ROUTES[method, path].right == "audit" else api.token
            answer = ask(web, method, path, headers=bearer(token))
            assert fault(answer) == (404, "not_found"), (method, path)
    assert fault(web.get("/api/v1/nowhere")) == (404, "not_found")


def test_a_method_that_an_address_has_not(web: TestClient):
    answer = web.put("/api/v1/renders")
    assert fault(answer) == (405, "method") and "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[" * 5000,
        b"\xff",
        b"null",
        b'"x"',
        b"[]",
        b'{"reason": 1e999, "x": NaN}',
        b'{"other": 1}',
        b"",
    ],
    ids=repr,
)
def test_a_body_that_cannot_be_used(web: TestClient, api: Program, body: bytes):
    for path in ("/campaigns", "/campaigns/cmp_1/renders", "/renders/rnd_1/recall", "/renders/rnd_1/links"):
        headers = bearer(api.token) | {"content-type": "application/json"}
        answer = web.post(f"/api/v1{path}", content=body, headers=headers)
        assert fault(answer) == (422, "bad_input"), path


def test_a_form_that_cannot_be_read(web: TestClient, api: Program):
    headers = bearer(api.token) | {"content-type": "multipart/form-data; boundary=x"}
    for path in ("/verify", "/analyze_video"):
        assert fault(web.post(f"/api/v1{path}", content=b"--x\r\nno", headers=headers))[0] == 422


def test_a_cursor_that_was_never_given_and_a_limit_out_of_bounds(web: TestClient, api: Program):
    for path in ("/renders", "/campaigns", "/personas", "/events"):
        assert fault(api.get(path, cursor="nonsense")) == (422, "bad_cursor"), path
        assert fault(api.get(path, cursor="x" * 300)) == (422, "bad_input"), path
        assert fault(api.get(path, limit=0)) == (422, "bad_input"), path


@pytest.mark.parametrize("path", ["/verify", "/analyze_video"])
def test_a_text_in_the_place_of_a_video(
    api: Program, web: TestClient, path: str, monkeypatch: pytest.MonkeyPatch
):
    """By the real child: the verifier has a report for it, the analysis an error; whoever sends it learns the same."""
    assert fault(api.post(path, files={"file": ("a.txt", b"some text")}))[0] == 422
    assert web.post("/verify", files={"file": ("a.txt", b"some text")}).status_code == 422


def test_a_reason_that_is_missing_is_the_same_fault_wherever_one_is_asked_for(world: World):
    render = world.to_review()
    released = world.released()
    who = {
        "brand_id": world.brand_id,
        "reviewer_id": world.reviewer,
        "sealed_sha256": render.sealed_sha256 or "",
    }
    for act in (
        lambda: recall(released.id, brand_id=world.brand_id, actor_id=world.operator, reason=" "),
        lambda: reject(render.id, **who, reason=" "),
        lambda: hand_on(render.id, **who, words=" ", seniors=[]),
    ):
        with pytest.raises(GreenroomError) as refused:
            act()
        assert refused.value.http_status == 422, refused.value


def test_the_statuses_of_the_house_are_those_of_the_description(web: TestClient):
    """Every operation promises what every operation may answer with."""
    for methods in web.get("/api/openapi.json").json()["paths"].values():
        for operation in methods.values():
            assert {"401", "413", "422", "429", "500", "503"} <= set(operation["responses"])
    assert MediaError("x").http_status == InputError("x").http_status == 422
