"""Every page in every shape that its rows can take: nothing that may be absent breaks a template."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from starlette.requests import Request

from core.gates import load_gate_set
from core.models import Finding, GateDecision, GateResult, Span, Verdict
from pipeline.models import CLEARNESS_UNIT
from pipeline.states import State
from pipeline.tables import RenderRow
from provenance.models import Problem, Release, VerifyReport, VerifyVerdict
from review_ui.evidence import Evidence, _timeline, marked_script
from review_ui.rendering import page
from review_ui.security import Visitor

SHA = "ab" * 32
REASONS = (
    None,
    {},
    {"code": "gates"},
    {"code": "gates", "message": None},
    {"code": "x", "message": "It is late."},
)
FINDINGS = [
    Finding(code=f"code_{number}", severity=severity, message="It is late.", spans=spans, score=None)
    for number, (severity, spans) in enumerate(
        product(
            ("review", "block"),
            (
                (),
                (Span(),),
                (Span(t0=0.0),),
                (Span(t0=0.0, t1=0.0), Span(source="script", start=0, end=3, text="Hel")),
            ),
        )
    )
]


def row(**values: Any) -> Any:
    blank = {column.key: None for column in RenderRow.__table__.columns}
    usual = {
        "id": "rnd_12345678",
        "brand_id": "brd_1",
        "campaign_id": "cmp_1",
        "origin": "made",
        "fields": {},
    }
    moment = {
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "timings": {},
        "script_findings": [],
        "summary": "",
    }
    return SimpleNamespace(**{**blank, **usual, **moment, **values})


def receipt(gate: str, **values: Any) -> Any:
    fields = {"score": None, "unit": "", "version": "1", **values}
    decision = GateDecision(result=GateResult(gate=gate, **fields), verdict=Verdict.REVIEW, threshold=None)
    return SimpleNamespace(gate=gate, decision=decision, verdict=decision.verdict)


CURVE = ((0.5, 6.9), (1.0, 7.2))
RECEIPTS = [
    receipt("lip_sync", score=0.97, unit="confidence 0..1", curve=CURVE),
    receipt("technical", score=0.0, unit="kinds of fault", curve=CURVE),
    receipt("authenticity", abstained=True, reason="unlike everything"),
    receipt("transcript", measures={"words": None}),
    receipt("a_gate_of_an_older_set", score=1.0),
]


def html(template: str, path: str = "/", role: str = "admin", **values: Any) -> str:
    request = Request({"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "server": ("127.0.0.1", 80), "scheme": "http"})  # fmt: skip  # noqa: E501
    account = SimpleNamespace(id="usr_1", email="a@b.example", role=role, brand_id="brd_1")
    values.setdefault("visitor", Visitor(account, "csrf"))  # type: ignore[arg-type]
    text = bytes(page(request, template, **values).body).decode()
    assert ">None<" not in text and "None s" not in text and ">None " not in text
    return text


def evidence_for(render: Any, receipts: list[Any], findings: list[Finding], campaign: Any = None) -> Evidence:
    return Evidence(
        campaign=campaign,
        findings=findings,
        receipts=receipts,
        approvals=[],
        gate_set=load_gate_set(),
        script=marked_script(render.script or "", findings),
        timeline=_timeline(render, receipts, findings),
    )


@pytest.mark.parametrize("state", State)
def test_the_page_of_a_render_in_every_state(state: State) -> None:
    for reason, (receipts, findings), seconds in product(
        REASONS, (([], []), (RECEIPTS, []), (RECEIPTS, FINDINGS)), (None, 0.0, 6.4)
    ):
        digests = {"essence": SHA, "gate_set_sha256": SHA, "sealed_sha256": SHA} if receipts else {}
        script = "Hello." if findings else None
        render = row(state=state.value, reason=reason, seconds=seconds, script=script, **digests)
        for verdict in (None, *Verdict):
            render.verdict = verdict
            evidence = evidence_for(render, receipts, findings)
            text = html("render.html", row=render, evidence=evidence, link="/v/token", is_maker=False)
            assert "rnd_12345678" in text


def test_the_queue_with_rows_that_lack_parts() -> None:
    counts = dict.fromkeys(("review", "working", "stopped", "released", "all"), 0)
    rows = [
        row(state=state.value, reason=reason, verdict=verdict, script_findings=found)
        for state, reason, verdict, found in product(
            State, REASONS, (None, *Verdict), ([], [{"message": "No."}])
        )
    ]
    for shown in ([], rows):
        assert "Queue" in html("queue.html", rows=shown, view="review", counts=counts)


def test_the_lip_sync_lane_is_clearness_and_says_its_unit() -> None:
    lanes = {curve["gate"]: curve for curve in evidence_for(row(), RECEIPTS, []).timeline["curves"]}
    assert lanes["lip_sync"]["measure"] == "clearness" and lanes["lip_sync"]["unit"] == CLEARNESS_UNIT
    assert "confidence" not in lanes["lip_sync"]["unit"]
    assert lanes["technical"]["unit"] != "kinds of fault"


@pytest.mark.parametrize("verdict", get_args(VerifyVerdict))
def test_the_public_answer_in_every_shape(verdict: Any) -> None:
    problems = (Problem("a", "A."), Problem("b", "B.", 1.0), Problem("c", "C.", 1.0, 2.0))
    for release, found, facts in product(
        get_args(Release), ((), problems), ({}, {"present": False, "ours": None, "gates": [], "approval": {}})
    ):
        report = VerifyReport(verdict, "It is.", False, release, facts, facts, {}, found).as_dict()
        text = html("verify.html", visitor=None, report=report, problem=None)
        assert f'data-verdict="{verdict}"' in text and " to )" not in text
