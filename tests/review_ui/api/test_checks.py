"""Checks of one file: at once or as a job, a file or its address."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from core.blobs import blobs
from core.database import now, reading, transaction
from core.errors import InputError
from pipeline.models import Analysis
from provenance.models import VerifyVerdict
from review_ui import child
from review_ui.api import carrying, jobs, measuring
from review_ui.api.checks import asks_for_a_job
from review_ui.api.tables import JobRow
from review_ui.api.verification import Verification
from tests.review_ui.api.conftest import Program
from tests.review_ui.test_answers import OURS, report
from tests.shapes import shapes_of

LATER = {"prefer": "respond-async"}
FILE = {"file": ("a.mp4", b"a video")}
ANALYSIS = next(shapes_of(Analysis))


class Child:
    """In the place of the child: what it is asked, and what it says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes | None, str]] = []
        self.says: Any = {"analyze": ANALYSIS, "verify": report()}

    async def __call__(self, task: str, path: Path, url: str = "") -> dict[str, Any]:
        self.asked.append((task, path.read_bytes() if path.exists() else None, url))
        if isinstance(self.says, Exception):
            raise self.says
        document: dict[str, Any] = self.says[task]
        return document


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Child:
    found = Child()
    monkeypatch.setattr(measuring, "run_child", found)
    return found


def ended(api: Program, answer: Any) -> Any:
    assert answer.status_code == 202 and answer.headers["preference-applied"] == "respond-async"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        job = api.client.get(answer.json()["at"], headers={"authorization": f"Bearer {api.token}"}).json()
        if job["state"] != "working":
            return job
        time.sleep(0.01)
    raise AssertionError("the job does not end")


def test_at_once(api: Program, asked: Child):
    assert api.post("/analyze_video", files=FILE).json()["quality_gate"] == ANALYSIS["quality_gate"]
    assert api.post("/verify", files=FILE).json()["verdict"] == "intact"
    assert asked.asked == [("analyze", b"a video", ""), ("verify", b"a video", "")]


@pytest.mark.parametrize(("path", "part"), [("/analyze_video", "analysis"), ("/verify", "verification")])
def test_as_a_job(api: Program, asked: Child, path: str, part: str):
    job = ended(api, api.post(path, files=FILE, headers=LATER))
    assert (job["state"], job["error"]) == ("done", None) and job[part] and job["ended_at"]
    assert asked.asked[0][1] == b"a video", "its file lies there until it is over"


def test_a_job_that_fails_says_so_as_the_answer_at_once_would(api: Program, asked: Child):
    asked.says = InputError("this is no video", where="file", code="no_video")
    now_ = api.post("/analyze_video", files=FILE).json()["error"]
    assert ended(api, api.post("/analyze_video", files=FILE, headers=LATER))["error"] == now_


def test_a_defect_of_a_job_tells_nothing(api: Program, asked: Child):
    asked.says = RuntimeError("a secret")
    job = ended(api, api.post("/analyze_video", files=FILE, headers=LATER))
    assert job["state"] == "failed" and "secret" not in str(job)


def left_behind(api: Program, monkeypatch: pytest.MonkeyPatch, **row: Any) -> str:
    """A job whose process was killed as soon as it had answered, and whose lease has ended; its id."""
    with monkeypatch.context() as killed:
        killed.setattr(carrying, "begin", lambda _job: None)
        at: str = api.post("/analyze_video", files=FILE, headers=LATER).json()["job"]
    with transaction() as session:
        session.execute(update(JobRow).values(lease_until=0.0, **row))
    assert api.get(f"/jobs/{at}").json()["state"] == "working"
    return at


def test_a_job_outlives_the_process_that_took_it(api: Program, asked: Child, monkeypatch: pytest.MonkeyPatch):
    at = left_behind(api, monkeypatch)
    (kept,) = blobs().names("check")
    assert b"a video" not in blobs().get_file(kept[0], "check").read_bytes(), "encrypted"
    (job,) = carrying.take_over()
    assert carrying.take_over() == [], "one process has it"
    asyncio.run(carrying._carry(job))
    assert api.get(f"/jobs/{at}").json()["state"] == "done"
    assert asked.asked == [("analyze", b"a video", "")] and list(blobs().names("check")) == []


def test_a_process_that_is_late_says_nothing(api: Program, asked: Child, monkeypatch: pytest.MonkeyPatch):
    at = left_behind(api, monkeypatch)
    (late,) = carrying.take_over()
    with transaction() as session:
        session.execute(update(JobRow).values(lease_until=0.0))
    (job,) = carrying.take_over()
    asyncio.run(carrying._carry(late))
    assert api.get(f"/jobs/{at}").json()["state"] == "working"
    asyncio.run(carrying._carry(job))
    assert api.get(f"/jobs/{at}").json()["state"] == "done"


@pytest.mark.parametrize("row", [{"attempts": carrying.MOST_TRIES}, {"asked": None}])
def test_a_job_that_nobody_ends_is_lost_and_says_so(
    api: Program, asked: Child, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
):
    """Begun too often; or by code that kept its file to itself."""
    at = left_behind(api, monkeypatch, **row)
    assert carrying.take_over() == []
    job = api.get(f"/jobs/{at}").json()
    assert (job["state"], job["error"]["code"]) == ("failed", "job_lost") and job["error"]["next"]
    assert list(blobs().names("check")) == []


def test_a_job_whose_file_or_whose_row_was_changed_fails(
    api: Program, asked: Child, monkeypatch: pytest.MonkeyPatch
):
    """The file of another job is none of this one's, and neither is an address that somebody wrote into the row."""
    first, second = left_behind(api, monkeypatch), left_behind(api, monkeypatch)
    with transaction() as session:
        one, other = session.get_one(JobRow, first), session.get_one(JobRow, second)
        one.file_sha256, other.file_sha256 = other.file_sha256, one.file_sha256
        other.asked = one.asked
    (job,) = carrying.take_over()
    asyncio.run(carrying._carry(job))
    for at in (first, second):
        assert api.get(f"/jobs/{at}").json()["error"]["code"] == "integrity"
    assert asked.asked == []


def test_a_process_that_is_told_to_end_gives_its_jobs_back(
    api: Program, asked: Child, monkeypatch: pytest.MonkeyPatch
):
    left_behind(api, monkeypatch)
    (job,) = carrying.take_over()

    async def told_to_end() -> None:
        carrying.begin(job)
        await asyncio.sleep(0)
        await carrying.stop()

    asyncio.run(told_to_end())
    with reading() as session:
        row = session.scalars(select(JobRow)).one()
        assert (row.state, row.lease_until, row.attempts) == ("working", 0.0, 1), (
            "at once, and it counts as no try"
        )
    assert len(carrying.take_over()) == 1


def test_files_of_jobs_that_are_gone_are_deleted(api: Program, asked: Child, monkeypatch: pytest.MonkeyPatch):
    left_behind(api, monkeypatch)
    assert carrying.sweep() == 0
    (kept,) = blobs().names("check")
    os.utime(blobs().get_file(kept[0], "check"), (0, 0))
    assert carrying.sweep() == 1 and list(blobs().names("check")) == []


def test_a_job_is_its_brands_and_gone_after_a_day(api: Program, asked: Child):
    job = ended(api, api.post("/verify", files=FILE, headers=LATER))
    with reading() as session:
        row = session.scalars(select(JobRow)).one()
        assert "intact" not in (row.answer or ""), "encrypted"
        assert row.expires_at - row.created_at == carrying.KEPT
    with transaction() as session:
        session.execute(update(JobRow).values(expires_at=now()))
    assert api.get(f"/jobs/{job['job']}").status_code == 404 == api.get("/jobs/job_1").status_code


def test_an_answer_that_somebody_wrote_into_the_database_is_none(api: Program, asked: Child):
    job = ended(api, api.post("/verify", files=FILE, headers=LATER))
    with transaction() as session:
        session.execute(update(JobRow).values(task="analyze"))
    assert api.get(f"/jobs/{job['job']}").json()["error"]["code"] == "integrity"


def test_an_account_has_so_many_on_their_way(api: Program, asked: Child, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "MOST_AT_ONCE", 0)
    answer = api.post("/verify", files=FILE, headers=LATER)
    assert answer.status_code == 429 and answer.headers["retry-after"]


def test_a_full_line_is_said_at_once(api: Program, asked: Child, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(child._LINES["analyze"], "places", 0)
    assert api.post("/analyze_video", files=FILE, headers=LATER).status_code == 503


def test_a_job_under_a_key_is_one_job(api: Program, asked: Child):
    first = api.post("/verify", files=FILE, headers=LATER, key="film-1")
    again = api.post("/verify", files=FILE, headers=LATER, key="film-1")
    assert first.json()["job"] == again.json()["job"]
    assert (
        api.post("/verify", files={"file": ("a.mp4", b"another")}, headers=LATER, key="film-1").status_code
        == 409
    )
    ended(api, again)
    assert len(asked.asked) == 1


def test_an_address_goes_to_the_child_that_fetches_it(api: Program, asked: Child):
    url = "https://films.example/a.mp4?token=1"
    assert api.post("/analyze_video", data={"video_url": url}).status_code == 200
    assert asked.asked == [("analyze", None, url)]


@pytest.mark.parametrize(
    "url", ["http://films.example/a.mp4", "https://127.0.0.1/a.mp4", "https://a.example:22/"]
)
def test_an_address_that_cannot_be_one_starts_nothing(api: Program, asked: Child, url: str):
    answer = api.post("/verify", data={"video_url": url})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_fetched")
    assert asked.asked == []


def test_the_child_refuses_what_is_inside(api: Program, monkeypatch: pytest.MonkeyPatch):
    """The real child, asked for a name that leads to this machine: it is it that looks, and it connects to nothing."""
    answer = api.post("/verify", data={"video_url": "https://localhost.localdomain/a.mp4"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_fetched")


def test_a_strangers_check_is_of_a_file_and_at_once(web: TestClient, asked: Child):
    answer = web.post("/api/v1/verify", files=FILE, headers=LATER | {"idempotency-key": "x"})
    assert answer.status_code == 200 and "preference-applied" not in answer.headers
    fetched = web.post("/api/v1/verify", data={"video_url": "https://films.example/a.mp4"})
    assert fetched.status_code == 401 and len(asked.asked) == 1
    with reading() as session:
        assert session.scalars(select(JobRow)).all() == []


def test_who_says_who_they_are_wrongly_is_told_even_where_nobody_has_to(web: TestClient, asked: Child):
    wrong = web.post("/api/v1/verify", files=FILE, headers={"authorization": "Bearer grk_wrong"})
    assert wrong.status_code == 401 and asked.asked == []


@pytest.mark.parametrize("given", [{}, {"files": FILE, "data": {"video_url": "https://a.example/v"}}])
def test_a_check_takes_one_video(api: Program, asked: Child, given: dict[str, Any]):
    answer = api.post("/analyze_video", **given)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "no_file")


@pytest.mark.parametrize(
    ("prefer", "yes"),
    [
        ("respond-async", True), ("wait=10, Respond-Async", True), ("respond-async;x=1", True), ("", False),
        ("wait=10", False),
    ],
)  # fmt: skip
def test_the_preference_as_rfc_7240_writes_it(prefer: str, yes: bool):
    assert asks_for_a_job(prefer) is yes


@pytest.mark.parametrize("verdict", get_args(VerifyVerdict))
def test_the_typed_verification_leaves_nothing_out(verdict: Any):
    """Whatever the verifier says is in the typed document, and nothing else but what was absent is null there."""
    for credential in (OURS | FULL, OURS, {"present": False, "state": "none"}):
        said = report(verdict, credential, system=SYSTEM)
        told = Verification.model_validate(said).model_dump(mode="json", exclude_unset=True)
        assert told == said


FULL: dict[str, Any] = {
    "demonstration": True, "gate_set": {"name": "standard", "sha256": "ab"},
    "approval": {"sha256": "ab", "manner": "seen", "manner_reported_by": "player"},
}  # fmt: skip
SYSTEM = {"name": "Greenroom", "made_here": True, "demonstration": None, "campaign": None}
