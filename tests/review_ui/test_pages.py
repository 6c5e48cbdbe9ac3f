"""Every page in every shape that its rows can take: nothing that may be absent breaks a template."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from starlette.requests import Request

from audit.models import Factor
from core.gates import load_gate_set
from core.models import Finding, GateDecision, GateResult, Span, Verdict
from pipeline.annotations import CODES
from pipeline.causes import STOPPED
from pipeline.decision_table import RULES, rule_for
from pipeline.lists import RenderList
from pipeline.paging import Page
from pipeline.standing import Standing
from pipeline.states import State
from pipeline.tables import RenderRow
from provenance.models import Problem, Release, VerifyReport, VerifyVerdict
from review_ui.answers import answer_of
from review_ui.evidence import Evidence, _timeline, marked_script
from review_ui.factors import Factors, decision_subject
from review_ui.pages.queue import ORDER_WORDS, VIEWS, numbers
from review_ui.played import what_is_missing
from review_ui.rendering import page
from review_ui.roles import RIGHTS
from review_ui.security import Visitor
from review_ui.tries import Tries

SHA = "ab" * 32
NOW = datetime(2026, 1, 2, tzinfo=UTC)
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
        timeline=_timeline(render, receipts, findings, load_gate_set()),
    )


def render_html(render: Any, evidence: Evidence, **values: Any) -> str:
    usual = {
        "links": [],
        "missing": None,
        "holds": None,
        "is_maker": False,
        "codes": CODES,
        "notes": [],
        "handed_on": None,
        "writers": {},
        "problem": None,
        "note": "",
        "why": "",
        "words": "",
        "marks": [],
        "alone": False,
        "covered": False,
        "kept": "",
        "now": NOW,
    }
    usual["tries"] = Tries(None, None, may=render.state in STOPPED, values=render.fields)
    return html("render.html", row=render, evidence=evidence, **(usual | values))


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
            text = render_html(render, evidence)
            assert "rnd_12345678" in text


def in_review(
    risk: str, played: list[tuple[float, float]], holds: Factors | None = None, **values: Any
) -> str:
    """The page of a flagged video for a reviewer, whose player reported these seconds."""
    flagged = Finding(code="c", severity="review", message="It is late.", spans=(Span(t0=10.0, t1=12.0),))
    render = row(state="in_review", seconds=100.0, sealed_sha256=SHA, **values)
    evidence = replace(evidence_for(render, [], [flagged]), rule=RULES[risk])
    return render_html(
        render, evidence, missing=what_is_missing(100.0, [flagged], played), holds=holds or Factors()
    )


def test_the_page_says_beforehand_how_a_decision_will_be_recorded() -> None:
    not_yet = in_review("standard", [(0.0, 10.0), (12.0, 100.0)])
    assert '<p data-when="seen" hidden>' in not_yet and '<p data-when="decided" >' in not_yet
    assert '<strong data-count="with_finding">2</strong> s with a finding not played yet.' in not_yet
    seen = in_review("standard", [(0.0, 100.0)])
    assert '<p data-when="seen" >' in seen and '<p data-when="decided" hidden>' in seen


def test_only_a_reviewer_who_may_decide_is_reported_on() -> None:
    render = row(state="in_review", seconds=100.0, sealed_sha256=SHA)
    assert '"reporting": null' in render_html(render, evidence_for(render, [], []), is_maker=True)
    assert f'"views": "/renders/{render.id}/views"' in in_review("standard", [])


def test_high_risk_asks_for_what_the_account_has() -> None:
    text = in_review("high", [])
    assert "needs to be seen" in text and "2 people" in text and 'href="/account"' in text
    assert "data-passkey-purpose" not in text and 'name="totp"' not in text
    text = in_review("high", [], Factors(passkey=True))
    assert f'data-passkey-subject="{decision_subject("rnd_12345678", SHA, "approve")}"' in text
    assert 'name="passkey"' in text and 'name="totp"' not in text and "/static/passkey.js" in text
    text = in_review("high", [], Factors(totp=True))
    assert "data-passkey-purpose" not in text and 'name="totp"' in text
    text = in_review("standard", [], Factors(passkey=True, totp=True))
    assert "passkey" not in text and "totp" not in text and "needs to be seen" not in text


@pytest.mark.parametrize("manner", ["seen", "decided", "sampled", "a_manner_of_another_time"])
@pytest.mark.parametrize("factor", get_args(Factor))
def test_a_decision_says_how_it_came_about(manner: str, factor: str) -> None:
    made = SimpleNamespace(
        verdict="approve", reviewer_id="usr_12345678", reason="", manner=manner, factor=factor
    )
    render = row(state="approved", sealed_sha256=SHA)
    text = render_html(render, replace(evidence_for(render, [], []), approvals=[made]))
    assert ("as the player reported" in text) is (manner == "seen")
    assert ("Confirmed with" in text) is (factor != "none")


STANDINGS = [
    None,
    Standing("released", serves=True, links=True),
    Standing(
        "released",
        serves=True,
        links=False,
        code="authority_suspended",
        sentence="the authority is suspended",
    ),
    Standing(
        "withdrawn", serves=False, links=False, code="withdrawn", sentence="the person has taken it back"
    ),
]


@pytest.mark.parametrize("standing", STANDINGS)
def test_a_released_video_lists_its_links_and_whether_it_is_served(standing: Standing | None) -> None:
    def link(**values: Any) -> Any:
        usual = {"id": "lnk_1", "created_at": NOW, "expires_at": NOW + timedelta(hours=1), "revoked_at": None}
        return SimpleNamespace(**(usual | values))

    listed = [
        (link(), "/v/good"),
        (link(revoked_at=NOW), "/v/revoked"),
        (link(expires_at=NOW - timedelta(hours=1)), "/v/over"),
    ]
    render = row(state="released", sealed_sha256=SHA, published_sha256=SHA)
    evidence = replace(evidence_for(render, [], []), standing=standing)
    text = render_html(render, evidence, links=listed)
    assert "/v/good" in text and "/v/revoked" not in text and "/v/over" not in text
    assert text.count("/revoke") == 1 and "1 link that people have stops within seconds" in text
    may = standing is None or standing.links
    assert ("Make a link" in text) is may
    assert standing is None or not standing.sentence or standing.sentence[1:] in text


@pytest.mark.parametrize("role", RIGHTS)
@pytest.mark.parametrize("state", ["approved", "released"])
def test_who_may_release_may_take_back(role: str, state: str) -> None:
    render = row(state=state, sealed_sha256=SHA, published_sha256=SHA)
    text = render_html(render, evidence_for(render, [], []), role=role)
    assert ("/recall" in text) is ("release" in RIGHTS[role])


@pytest.mark.parametrize(
    "code, words", [("recalled", "Recalled by its publisher."), ("withdrawn", "Withdrawn by the person")]
)
def test_a_video_that_was_taken_back_says_by_whom(code: str, words: str) -> None:
    render = row(state="recalled", reason={"code": code, "message": "It was wrong."})
    text = render_html(render, evidence_for(render, [], []))
    assert words in text and "It was wrong." in text


def test_the_queue_with_rows_that_lack_parts() -> None:
    rows = [
        row(state=state.value, reason=reason, verdict=verdict, script_findings=found)
        for state, reason, verdict, found in product(
            State, REASONS, (None, *Verdict), ([], [{"message": "No."}])
        )
    ]
    for shown, is_first in product(([], rows), (True, False)):
        found = RenderList(Page(shown, "next" if shown else None), {}, 1_234_567)
        text = html(
            "queue.html",
            found=found,
            views={name: view.words for name, view in VIEWS.items()},
            view="review",
            numbers=numbers({State.IN_REVIEW: 1_234_567}),
            orders=ORDER_WORDS,
            order="oldest",
            address=lambda **_: "/",
            is_first=is_first,
            narrowed={"risk": ""},
            filters={},
            campaigns={},
            rule_for=rule_for,
            looking={},
            apart={},
            apart_words={},
            veiled=False,
            kept="",
            now=NOW,
        )
        assert "Queue" in text and "1,234,567" in text
        assert ("Nothing waits for you." in text) is (not shown and is_first)
        assert ('rel="next"' in text) is bool(shown)


def answered(report: dict[str, Any]) -> str:
    """The answer as its page has it."""
    checked = {"answer": answer_of(report), "name": "a.mp4", "picture": None, "sha256": SHA, "share": ""}
    return html("answer.html", checked=checked)


@pytest.mark.parametrize("verdict", get_args(VerifyVerdict))
def test_the_public_answer_in_every_shape(verdict: Any) -> None:
    problems = (Problem("a", "A."), Problem("b", "B.", 1.0), Problem("c", "C.", 1.0, 2.0))
    shapes: tuple[dict[str, Any], ...] = (
        {},
        {"present": False, "ours": None, "gates": [], "approval": {}},
        {"present": True, "approval": {"sha256": None, "manner": None}},
    )
    for release, found, facts in product(get_args(Release), ((), problems), shapes):
        report = VerifyReport(verdict, "It is.", False, release, facts, facts, {}, found).as_dict()
        text = answered(report)
        assert f'data-verdict="{verdict}"' in text and " to )" not in text


@pytest.mark.parametrize(
    "manner, words",
    [
        ("seen", "as the reviewer&#39;s player reported it"),
        ("decided", "did not report"),
        ("sampled", "sampling plan"),
    ],
)
def test_the_public_answer_says_how_the_video_was_approved(manner: str, words: str) -> None:
    credential = {"present": True, "approval": {"sha256": SHA, "manner": manner}}
    report = VerifyReport("intact", "It is.", True, "released", credential, {}, {}, ()).as_dict()
    assert words in answered(report).replace("'", "&#39;")


@pytest.mark.parametrize(
    "verdict, words",
    [("withdrawn", "Withdrawn by the person who appears in it"), ("recalled", "Recalled by its publisher")],
)
def test_the_public_answer_says_who_took_a_video_back(verdict: Any, words: str) -> None:
    report = VerifyReport(verdict, "It is.", False, verdict, {}, {}, {}, ()).as_dict()
    text = answered(report)
    assert words in text and 'class="verdict bad"' in text


@pytest.mark.parametrize("origin", ["made", "import"])
def test_a_video_that_stopped_names_its_other_tries(origin: str) -> None:
    """Where it can be made again, and where another one took its place."""
    stopped = row(state="blocked", origin=origin)
    other = row(id="rnd_other", state="scripted")
    schema = {"properties": {"first_name": {"type": "string"}}} if origin == "made" else {}
    evidence = evidence_for(stopped, [], [])
    free = render_html(stopped, evidence, tries=Tries(other, None, may=True, schema=schema))
    assert "Make again as it was" in free and "/renders/rnd_other" in free and "Edit and make again" in free
    taken = render_html(stopped, evidence, tries=Tries(None, other, may=False))
    assert "Make again as it was" not in taken and "/renders/rnd_other" in taken
