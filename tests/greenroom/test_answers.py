"""Every verb's answer in every shape that it can take: a text for people, and one strict JSON document."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from audit.ledger.verify import LedgerReport
from audit.models import AuthorityStatus, Effect
from audit.rotation import Rotation
from audit.standing import SENTENCES as SENTENCES_OF_STATES
from core.database import now
from core.errors import GreenroomError, InputError, MediaError
from core.gates import decide, load_gate_set
from core.models import Finding, GateResult, Span, Verdict
from core.settings import get_settings
from core.weights import WeightState
from delivery.models import Fault
from delivery.reach import HoldReach
from greenroom.cli import COMMANDS, build_parser, main
from greenroom.commands import analyze, render
from greenroom.demo.report import Report
from greenroom.output import Answer, print_answer, print_error, seconds
from greenroom.status import Health
from pipeline.analyze import document as analysis_of
from pipeline.batch import BatchReport
from pipeline.lists import RenderList
from pipeline.models import Analysis
from pipeline.paging import Page
from pipeline.states import State
from pipeline.tables import RenderRow
from policy.models import PolicyReport
from provenance.mark import MarkReading
from provenance.models import Problem, Release, VerifyReport, VerifyVerdict
from provenance.verdicts import SENTENCES
from review_ui.authorities import Look, Reach
from tests.shapes import shapes_of

SHA = "ab" * 32


def strict(text: str) -> Any:
    """One JSON document, and no number that JSON does not have."""

    def refused(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refused)


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Callable[[Answer], tuple[str, Any]]:
    """Print an answer both ways, as ``main`` does; the text and the document."""

    def both(answer: Answer) -> tuple[str, Any]:
        print_answer(answer, as_json=False)
        text = capsys.readouterr().out
        print_answer(answer, as_json=True)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 1
        assert "None" not in text, text
        return text, strict(lines[0])

    return both


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, shown: Callable[[Answer], tuple[str, Any]]) -> Callable[..., Any]:
    """Run a verb whose work is replaced: ``run("campaign list", {"pipeline.service.list_campaigns": rows})``."""

    def running(words: str, replaced: dict[str, Any]) -> tuple[str, Any, int]:
        for verb in COMMANDS:
            module = import_module(f"greenroom.commands.{verb}")
            if hasattr(module, "actor"):
                who = SimpleNamespace(id="usr_1", brand_id="brd_1")
                monkeypatch.setattr(module, "actor", lambda *_, who=who: who)
        monkeypatch.setattr("greenroom.database.migrate", lambda: None)
        for name, value in replaced.items():
            monkeypatch.setattr(name, lambda *_, _value=value, **__: _value)
        args = build_parser().parse_args(words.split())
        answer: Answer = args.run(args)
        return (*shown(answer), answer.exit_code)

    return running


# --- analyze


def test_every_shape_of_an_analysis_is_told(shown: Callable[[Answer], tuple[str, Any]]) -> None:
    documents = list(shapes_of(Analysis))
    assert len(documents) > 60
    for document in documents:
        text, told = shown(analyze.answer(document))
        assert text.startswith("quality gate: ")
        assert set(told) == set(Analysis.__annotations__)


def test_a_sound_without_a_clear_offset_is_told_in_words(shown: Callable[[Answer], tuple[str, Any]]) -> None:
    document = next(shapes_of(Analysis))
    document["sync"] = {**document["sync"], "abstained": False, "offset_frames": None}
    assert "sound against lips: no clear offset" in shown(analyze.answer(document))[0]
    document["sync"]["offset_frames"] = 8.0
    assert "sound against lips: +8 frames" in shown(analyze.answer(document))[0]


def gate(name: str, **values: Any) -> Any:
    gate_set = load_gate_set()
    fields = {"score": 0.5, "unit": "", "abstained": False, **values}
    return decide(GateResult(gate=name, version=gate_set.gates[name].version, **fields), gate_set)


def finding(*spans: Span, severity: str = "review") -> Finding:
    return Finding(code="lip_audio_mismatch", severity=severity, message="The sound is late.", spans=spans)


SYNC_GATES = {
    "absent": None,
    "abstained": gate("lip_sync", score=None, abstained=True, reason="no sound", curve=((1.0, 2.0),)),
    "unsure": gate("lip_sync", measures={"offset_frames": None, "confidence": 0.2}, curve=((1.0, 0.4),)),
    "late": gate(
        "lip_sync", measures={"offset_frames": 8.0, "confidence": 0.9}, curve=((1.0, 6.9), (1.5, 7.1))
    ),
    "no measures": gate("lip_sync"),
}


@pytest.mark.parametrize("name", SYNC_GATES)
@pytest.mark.parametrize(
    "spans", [(), (Span(),), (Span(t0=1.0),), (Span(t0=1.0, t1=2.0, region=(0, 0, 1, 1)), Span())]
)
@pytest.mark.parametrize("authenticity", [None, 0.25, "abstained"])
def test_an_examination_of_any_shape_becomes_such_a_document(
    shown: Callable[[Answer], tuple[str, Any]], name: str, spans: tuple[Span, ...], authenticity: Any
) -> None:
    decisions = [gate("technical", score=1.0, findings=(finding(*spans), finding(severity="note")))]
    if SYNC_GATES[name] is not None:
        decisions.append(SYNC_GATES[name])
    if authenticity is not None:
        abstained = authenticity == "abstained"
        decisions.append(gate("authenticity", score=None if abstained else authenticity, abstained=abstained))
    examination = SimpleNamespace(
        decisions=decisions,
        essence=SimpleNamespace(sha256=SHA),
        info=SimpleNamespace(duration=2.5),
    )
    for mark in ({}, {"present": False, "id": None, "p_false": None}):
        report = VerifyReport("nothing_found", "", False, "unreleased", {}, mark, {})
        made = analysis_of(SHA, examination, load_gate_set(), report)  # type: ignore[arg-type]
        _, told = shown(analyze.answer(made))
        sync = told["sync"]
        assert set(sync) == {"offset_frames", "confidence", "curve", "clearness_unit", "abstained"}
        assert sync["abstained"] is (name in ("absent", "abstained"))
        assert all(set(point) == {"t", "clearness"} for point in sync["curve"])
        if sync["abstained"]:
            assert sync["offset_frames"] is None and sync["confidence"] is None and sync["curve"] == []
        assert len(told["reasons"]) == max(1, len(spans))
        assert all("track" in reason for reason in told["reasons"])


def test_the_track_of_a_span_is_told_where_there_is_one() -> None:
    from pipeline.analyze import _reasons

    spans = (
        SimpleNamespace(t0=0.0, t1=1.0, region=None, track=2),
        SimpleNamespace(t0=0.0, t1=1.0, region=None),
    )
    made = _reasons(SimpleNamespace(code="c", score=None, threshold=None, message="m", spans=spans))  # type: ignore[arg-type]
    assert [reason["track"] for reason in made] == [2, None]


def test_the_api_checks_the_same_document() -> None:
    from pydantic import TypeAdapter

    adapter = TypeAdapter(Analysis)
    for document in shapes_of(Analysis):
        adapter.validate_python(json.loads(json.dumps(document)))


@pytest.mark.parametrize(
    "t0, t1, words", [(None, None, ""), (1.0, None, " (1.0 s)"), (1.0, 2.5, " (1.0-2.5 s)"), (None, 2.0, "")]
)
def test_seconds_with_and_without_an_end(t0: float | None, t1: float | None, words: str) -> None:
    assert seconds(t0, t1) == words


# --- verify


@pytest.mark.parametrize("verdict", get_args(VerifyVerdict))
def test_every_verdict_is_told_with_every_shape_of_its_parts(run: Callable[..., Any], verdict: Any) -> None:
    problems = (Problem("a", "A."), Problem("b", "B.", 1.0), Problem("c", "C.", 1.0, 2.0))
    marks = (
        {"checked": False, "present": False, "id": None, "p_false": None},
        {"present": True, "id": "00ff", "p_false": 0.0},
    )
    for release, found, mark in product(get_args(Release), ((), problems), marks):
        report = VerifyReport(
            verdict, SENTENCES[verdict], True, release, {"present": False, "state": "none"}, mark, {}, found
        )
        text, told, code = run(f"verify {__file__}", {"provenance.verify.verify": report})
        assert text.startswith(verdict) and told["verdict"] == verdict
        assert len(told["problems"]) == len(found) == text.count("  - ")
        assert code == (0 if verdict in ("intact", "reencoded_copy") and release == "released" else 1)


# --- renders: render, import, review, release, recall


def row(**values: Any) -> Any:
    blank = {column.key: None for column in RenderRow.__table__.columns}
    return SimpleNamespace(**{**blank, "id": "rnd_1", "brand_id": "brd_1", "timings": {}, **values})


REASONS = (None, {}, {"code": "gates"}, {"code": "gates", "message": None}, {"code": "x", "message": "why"})


@pytest.mark.parametrize("state", State)
def test_a_render_in_every_state_is_told(shown: Callable[[Answer], tuple[str, Any]], state: State) -> None:
    for reason, timings in product(REASONS, ({}, {"voice": 1.25})):
        answer = render.describe(row(state=state, reason=reason, timings=timings))
        text, told = shown(answer)
        assert text.startswith(f"rnd_1: {state.value}") and told["state"] == state.value
        assert answer.yes is (state.value not in ("blocked", "failed", "rejected"))


def test_asking_and_importing_tell_of_the_render(run: Callable[..., Any]) -> None:
    new = row(state=State.DRAFT)
    replaced = {"pipeline.service.request_render": new, "pipeline.service.get_render": new}
    assert run("render cmp_1 first_name=Asha", replaced)[1]["state"] == "draft"
    replaced = {"pipeline.service.import_video": new, "pipeline.service.get_render": new}
    assert run("import a.mp4 --campaign cmp_1", replaced)[1]["render"] == "rnd_1"


def test_the_queue_empty_and_with_rows_that_lack_parts(run: Callable[..., Any]) -> None:
    def listed(page: Page[Any]) -> tuple[str, Any, int]:
        return run("review list", {"pipeline.service.list_renders": RenderList(page, {}, 1_234)})

    text, told, code = listed(Page([]))
    assert text.strip() == "the queue is empty" and code == 0
    assert told == {"renders": [], "total": 1_234, "next": None, "previous": None}
    rows = [
        row(verdict=verdict, sealed_sha256=sha) for verdict, sha in product((None, *Verdict), (None, SHA))
    ]
    text, told, _ = listed(Page(rows))  # type: ignore[arg-type]
    assert len(text.splitlines()) == len(told["renders"]) == len(rows)
    text, told, _ = listed(Page(rows, "onward", "back"))  # type: ignore[arg-type]
    assert (told["next"], told["previous"]) == ("onward", "back")
    assert text.splitlines()[len(rows) :] == [
        f"{len(rows)} of 1,234", "next: --cursor onward", "previous: --cursor back"
    ]  # fmt: skip


def test_decisions_releases_and_recalls(run: Callable[..., Any]) -> None:
    for state in State:
        assert (
            run(f"review approve rnd_1 --asset {SHA}", {"pipeline.review.approve": state})[1]["state"]
            == state
        )
        assert (
            run(f"review reject rnd_1 --asset {SHA} --reason late", {"pipeline.review.reject": state})[1][
                "state"
            ]
            == state
        )
    released = row(state=State.RELEASED, published_sha256=None)
    told = run("release rnd_1", {"delivery.release.release": released, "delivery.links.make_link": "token"})[
        1
    ]
    assert told["link"] == "/v/token" and told["published_sha256"] is None
    assert run("recall rnd_1 --reason late", {"delivery.recall.recall": None})[1]["state"] == "recalled"


# --- the mark, policy


@pytest.mark.parametrize("mark_id", [None, 0, 0xAB, (1 << 40) - 1])
def test_a_mark_and_none(run: Callable[..., Any], mark_id: int | None) -> None:
    for p_false in (0.0, 3e-12, 1.0):
        reading = MarkReading(mark_id is not None, mark_id, p_false, 0.0)
        replaced = {"provenance.mark.read_mark": reading, "core.secrets.derived_key": b""}
        text, told, code = run("watermark detect a.mp4", replaced)
        assert code == (1 if mark_id is None else 0)
        assert told["id"] == (None if mark_id is None else f"{mark_id:010x}")
        assert text.startswith("no mark" if mark_id is None else "mark ")


def test_a_marked_copy_is_named(
    home: Path, short_presenter: Path, tmp_path: Path, shown: Callable[[Answer], tuple[str, Any]]
) -> None:
    out = tmp_path / "marked.mp4"
    args = build_parser().parse_args(["watermark", "embed", str(short_presenter), str(out), "--id", "ff"])
    assert shown(args.run(args))[1] == {"out": str(out), "id": "00000000ff"} and out.is_file()


def test_policy_findings_with_and_without_words(run: Callable[..., Any]) -> None:
    findings = tuple(
        Finding(code="c", severity=severity, message="No.", spans=spans)
        for severity, spans in product(
            ("note", "review", "block"), ((), (Span(),), (Span(text="best"), Span()))
        )
    )
    for verdict, found in product(Verdict, ((), findings)):
        report = PolicyReport(verdict=verdict, findings=found, packs={})
        text, told, code = run("policy check text", {"policy.service.check_text": report})
        assert told["verdict"] == text.splitlines()[0] == verdict.value and len(told["findings"]) == len(
            found
        )
        assert code == (0 if verdict is Verdict.PASS else 1)


# --- rows of every kind, empty and not


def test_lists_empty_and_not(run: Callable[..., Any]) -> None:
    persona = SimpleNamespace(id="per_1", name="", authority_id="aut_1")
    campaign = SimpleNamespace(id="cmp_1", name="Spring", field_schema={})
    account = SimpleNamespace(id="usr_1", email="a@b.example", role="admin", brand_id="brd_1")
    for words, name, one in (
        ("persona list", "pipeline.onboarding.list_personas", persona),
        ("campaign list", "pipeline.service.list_campaigns", campaign),
        ("user list", "review_ui.accounts.list_accounts", account),
    ):
        assert run(words, {name: []})[1] == []
        text, told, _ = run(words, {name: [one, one], "review_ui.accounts.standing_word": "active"})
        assert len(told) == len(text.splitlines()) == 2


def test_what_is_made_is_named(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    persona = SimpleNamespace(id="per_1", authority_id="aut_1")
    replaced = {
        "pipeline.onboarding.add_persona": persona,
        "pipeline.authority_file.authority_from_file": None,
    }
    assert run("persona add a.mp4 --name A --authority a.yaml", replaced)[1]["authority"] == "aut_1"
    file = tmp_path / "campaign.yaml"
    file.write_text(
        "{name: A, template: Hello., fields: {type: object, properties: {}}, territory: in, channel: link, topic: food}"
    )
    made = {"pipeline.service.create_campaign": SimpleNamespace(id="cmp_1")}
    assert run(f"campaign create {file} --persona per_1", made)[1] == {"campaign": "cmp_1"}
    report = BatchReport(rows=3, made=2, refused=1, errors=[(3, InputError("a field is missing", where="x"))])
    _, told, code = run(f"campaign submit {file} --campaign cmp_1", {"pipeline.batch.submit": report})
    assert (told["made"], told["errors"][0]["row"], told["batch"][:5], code) == (2, 3, "file-", 1)
    courses = {"pause": "paused", "resume": "running", "cancel": "cancelled"}
    for verb, course in courses.items():
        told = run(f"campaign {verb} cmp_1 --reason Over", {f"pipeline.steering.{verb}": None})
        assert told[1] == {"campaign": "cmp_1", "course": course}
    monkeypatch.setenv("GREENROOM_PASSWORD", "correct horse battery")
    account = SimpleNamespace(id="usr_1", email="a@b.example", role="admin")
    told = run(
        "user add a@b.example --role admin --brand brd_1", {"review_ui.accounts.create_account": account}
    )
    assert told[1]["id"] == "usr_1"


def test_changes_of_an_account_say_how_it_stands(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENROOM_PASSWORD", "correct horse battery")
    account = SimpleNamespace(id="usr_1", email="a@b.example", role="admin")
    for words, name in (
        ("role a@b.example admin", "changes.set_role"),
        ("password a@b.example", "changes.set_password"),
        ("disable a@b.example", "changes.disable"),
        ("enable a@b.example", "changes.enable"),
        ("forget-factors a@b.example", "factors.recovery.drop_factors"),
        ("brand a@b.example brd_2", "memberships.work_at"),
        ("leave-brand a@b.example brd_2", "memberships.leave"),
    ):
        replaced = {"review_ui.accounts.find_account": account, f"review_ui.{name}": account}
        replaced["review_ui.memberships.join_brand"] = account
        text, told, _ = run(f"user {words}", {**replaced, "review_ui.accounts.standing_word": "active"})
        assert told["standing"] == "active" and text.endswith("active\n")


def test_brands(run: Callable[..., Any]) -> None:
    brand = SimpleNamespace(id="brd_1", name="A", territory="", rule_pack="consumer-products")
    assert run("brand list", {"pipeline.brands.list_brands": []})[1] == []
    text, told, _ = run("brand list", {"pipeline.brands.list_brands": [brand, brand]})
    assert len(told) == len(text.splitlines()) == 2 and told[0]["brand"] == "brd_1"
    who = SimpleNamespace(id="usr_1", email="a@b.example")
    replaced = {"pipeline.brands.create_brand": brand, "review_ui.memberships.join_brand": None}
    replaced["greenroom.commands.brand.actor"] = who
    text, told, _ = run("brand add A --territory in", replaced)
    assert told == {"brand": "brd_1", "member": "a@b.example"} and "greenroom user brand" in text


def test_invitations_in_every_state(run: Callable[..., Any]) -> None:
    row = SimpleNamespace(id="inv_1", role="legal", brand_ids=["brd_1"], expires_at=now())
    replaced = {"review_ui.invitations.invite": (row, "token")}
    text, told, _ = run("user invite --role legal --brand brd_1", replaced)
    assert told["link"].endswith("/invitation/token") and told["link"] in text
    assert run("user invitations --brand brd_1", {"review_ui.invitations.list_invitations": []})[1] == []
    for state in ("open", "used", "revoked", "ended", "altered"):
        replaced = {"review_ui.invitations.list_invitations": [row], "review_ui.invitations.state_of": state}
        text, told, _ = run("user invitations --brand brd_1", replaced)
        assert told[0]["state"] == state and state in text and "token" not in text
        replaced["review_ui.invitations.revoke_invitation"] = row
        assert run("user uninvite inv_1", replaced)[1] == {"invitation": "inv_1", "state": state}


def test_holds(run: Callable[..., Any]) -> None:
    placed = SimpleNamespace(id="hld_1", kind="render", subject="rnd_1", reason="late", created_at=now())
    replaced: dict[str, Any] = {
        "greenroom.commands.hold.actor": SimpleNamespace(id="usr_1", brand_id="brd_1")
    }
    some, other = SimpleNamespace(id="per_1"), SimpleNamespace(id="per_2")
    released = HoldReach(
        "person", "per_1", "A", {State.RELEASED: 3, State.IN_REVIEW: 2}, people=[some, other]
    )  # type: ignore[list-item]
    reached = {"delivery.reach.reach_of": released}
    text, told, _ = run("hold place person per_1 --reason late --dry-run", replaced | reached)
    assert "nothing was done" in text and "per_2" in text and told["standing"] is False
    assert (told["same_person"], told["not_out"], told["out"]) == (["per_2"], 2, 3)
    replaced |= {"delivery.reach.reach_of": HoldReach("render", "rnd_1", "A", {}, namesakes=[other])}  # type: ignore[list-item]
    for verb, words in (("place", "render rnd_1"), ("lift", "hld_1")):
        done = run(f"hold {verb} {words} --reason late", {**replaced, f"delivery.holds.{verb}_hold": placed})
        assert done[1]["hold"] == "hld_1" and done[1]["standing"] is (verb == "place") and "hld_1" in done[0]
    for lifted in (None, placed):
        hold = SimpleNamespace(placed=placed, lifted=lifted)
        text, told, _ = run("hold list", {**replaced, "delivery.holds.page_of_holds": (None, [hold])})
        assert ("lifted" in text) is (lifted is not None) is not told[0]["standing"]
    text, told, _ = run("hold list", {**replaced, "delivery.holds.page_of_holds": (None, [])})
    assert (text, told) == ("Nothing is on hold.\n", [])


def test_keys_of_the_api_in_every_state(run: Callable[..., Any]) -> None:
    common = {
        "id": "key_1",
        "name": "nightly",
        "account_id": "usr_1",
        "brand_id": "brd_1",
        "rights": ["view"],
    }
    rows = [SimpleNamespace(**common, expires_at=now(), last_used_on=used) for used in (None, now())]
    text, told, _ = run("key make nightly --right view", {"review_ui.api_keys.make_key": (rows[0], "grk_x")})
    assert told["token"] == "grk_x" and "grk_x" in text
    assert run("key list", {"review_ui.api_keys.list_keys": []})[:2] == ("no keys\n", [])
    for state in ("open", "revoked", "ended", "altered"):
        replaced = {"review_ui.api_keys.list_keys": rows, "review_ui.api_keys.state_of": state}
        text, told, _ = run("key list", replaced)
        assert [one["state"] for one in told] == [state] * 2 and len(text.splitlines()) == 2
        replaced["review_ui.api_keys.revoke_key"] = rows[0]
        assert run("key revoke key_1", replaced)[1] == {"key": "key_1", "state": state}


def test_authorities_in_every_status(run: Callable[..., Any], home: Path) -> None:
    document = SimpleNamespace(model_dump=lambda mode: {"id": "aut_1", "scope": None}, version=2)
    for status, state, effect in product(AuthorityStatus, SENTENCES_OF_STATES, Effect):
        last = SimpleNamespace(status=status, effect=effect)
        authority = SimpleNamespace(id="aut_1", document=document, status=status, history=(last,))
        standing = SimpleNamespace(authority=authority, state=state, effect=effect)
        found = Look(standing, Reach(1, 2, 3, 4))  # type: ignore[arg-type]
        text, told, _ = run("authority show aut_1", {"review_ui.authorities.look": found})
        assert text.startswith(f"aut_1: {state}\n") and told["meaning"] in text and told["meaning"]
        assert (told["status"], told["state"], told["effect"]) == (status.value, state, effect.value)
        assert told["videos"] == {"released": 1, "in_the_making": 2, "taken_back": 3, "stopped": 4}
        for words in ("suspend aut_1", "resume aut_1", "revoke aut_1 --effect recall", "revoke aut_1"):
            changed = run(f"authority {words} --reason late", {"review_ui.authorities.change": found})
            assert changed[1] == told and changed[2] == 0
    new = SimpleNamespace(id="aut_2", document=document)
    told = run("authority supersede aut_1 a.yaml", {"pipeline.authority_file.supersede_authority": new})[1]
    assert told == {"authority": "aut_2", "version": 2, "supersedes": "aut_1"}


def test_links_in_every_state(run: Callable[..., Any]) -> None:
    tagged = {"delivery.tags.tags_of_render": {"utm_source": "mail"}}
    made = run("link make rnd_1 --hours 2", {**tagged, "delivery.links.make_link": "token"})[1]
    assert made["link"] == "/v/token?utm_source=mail"
    assert run("link list rnd_1", {**tagged, "delivery.links.list_links": []})[:2] == ("no links\n", [])
    moment = now()
    rows = [
        SimpleNamespace(
            id="lnk_1", made_by="usr_1", created_at=moment, expires_at=expires, revoked_at=revoked
        )
        for expires, revoked in product((moment + timedelta(1), moment - timedelta(1)), (None, moment))
    ]
    replaced = {**tagged, "delivery.links.list_links": rows, "delivery.links.token_of": "token"}
    text, told, _ = run("link list rnd_1", replaced)
    assert [one["state"] for one in told] == ["open", "revoked", "ended", "revoked"]
    assert len(text.splitlines()) == len(rows)
    told = run("link revoke lnk_1", {"delivery.links.revoke_link": rows[1]})[1]
    assert told == {"id": "lnk_1", "state": "revoked"}


def test_the_ledger_whole_and_broken(run: Callable[..., Any], tmp_path: Path) -> None:
    """And what a timer keeps of it is the same answer, for other users to read."""
    kept = tmp_path / "kept.json"
    broken = LedgerReport()
    broken.add("missing", "ledger_entries 1", "it is gone")
    for report in (LedgerReport(), broken):
        text, told, code = run(
            f"ledger verify --report {kept}",
            {"audit.ledger.verify_ledger": report, "audit.ledger.sequence_pending": 0},
        )
        assert json.loads(kept.read_text()) == told and kept.stat().st_mode & 0o777 == 0o644
        assert told["good"] is report.good and code == (0 if report.good else 1) and text


def test_keys(run: Callable[..., Any], home: Path, recwarn: pytest.WarningsRecorder) -> None:
    assert run("pki init", {})[1]["development"] is True
    assert "BEGIN CERTIFICATE" in run("pki anchors", {})[1]["anchors"]
    for old in ("ab" * 8, None):
        made = Rotation("approvals", old, "cd" * 8)
        text, told, _ = run("pki rotate approvals", {"audit.rotation.rotate": made})
        assert told == {"name": "approvals", "old": old, "new": "cd" * 8} and "cd" * 8 in text
    for found in ([], [Fault("timestamp_unset", "no clock", "GREENROOM_TIMESTAMP_URL")]):
        text, told, code = run("pki check", {"delivery.parts.faults": found})
        assert told["fit"] is not bool(found) and code == len(found)
        assert [fault["code"] for fault in told["faults"]] == [fault.code for fault in found]
        assert told["cautions"][0]["code"] == "approvals_key_shared" and "approvals_key_shared" in text


@pytest.mark.parametrize(
    "words, name", [("list", "list_weights"), ("pull", "pull_with_bar"), ("verify", "verify_all")]
)
def test_weights_in_every_state(run: Callable[..., Any], words: str, name: str) -> None:
    common = {"name": "sync", "licence": "MIT", "use": "research", "card": ""}
    states = [
        WeightState(**common, size=size, state=state, path=path)
        for size, state, path in product((0, 10**9), ("ready", "missing", "damaged"), (None, "/w"))
    ]
    assert run(f"models {words}", {f"core.weights.{name}": []})[1] == []
    assert len(run(f"models {words}", {f"core.weights.{name}": states})[1]) == len(states)


# --- the processes


@pytest.mark.parametrize("ready", ["", " --ready"])
def test_a_process_that_lives_or_not(run: Callable[..., Any], ready: str) -> None:
    for alive, able, doing in product((True, False), (True, False), ("", "render.advance rnd_1")):
        health = Health("worker-1", alive, able, "ok" if able else "broker_away", doing)
        text, told, code = run(f"health worker-1{ready}", {"greenroom.status.health_of": health})
        assert health.code in text and told["ready"] is able and told["doing"] == doing
        assert code == int(not (able if ready else alive))


def test_a_web_process_that_does_not_answer_is_not_running(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENROOM_WEB_PORT", "9")
    get_settings.cache_clear()
    text, told, code = run("health web", {})
    get_settings.cache_clear()
    assert (told["code"], code) == ("not_running", 1) and "not_running" in text


def test_a_database_that_was_migrated(run: Callable[..., Any]) -> None:
    assert run("migrate", {})[1:] == ({"migrated": True}, 0)


# --- the demonstration, and errors


def test_a_demonstration_that_went_any_way_is_told(shown: Callable[[Answer], tuple[str, Any]]) -> None:
    for state, video, timings, verified in product(
        State,
        (None, 0.0, 6.4),
        ({}, {"voice": 1.5, "cached": None}),
        ({}, {"verdict": "intact", "sentence": "It is."}),
    ):
        report = Report(verified=verified, seconds={"all": 3.0} if verified else {})
        report.add_render(
            "clean", row(state=state, seconds=video, timings=timings), ["a finding"] if video else []
        )
        text, told = shown(Answer(report.as_dict(), report.text(), yes=report.good))
        assert state.value in text and told["good"] is False
    assert shown(Answer(Report().as_dict(), Report().text()))[1]["renders"] == []


@pytest.mark.parametrize(
    "error", [GreenroomError("It broke"), InputError("No.", where="x", next_step="try"), MediaError("")]
)
def test_errors_are_one_document(error: GreenroomError, capsys: pytest.CaptureFixture[str]) -> None:
    print_error(error, as_json=True)
    captured = capsys.readouterr()
    assert set(strict(captured.out)["error"]) == {"code", "what", "where", "next"}
    assert captured.err.startswith("greenroom: ") and "None" not in captured.err


# A new verb gets a test of its answers above, then its name here; or its file does, where it has one of its own. `up`
# and the single processes answer with nothing but that they stopped.
ELSEWHERE = {
    "backup": "backup/test_damage.py", "restore": "backup/test_old_backup.py", "status": "test_status_command.py",
    "ledger witness": "test_ledger_commands.py", "ledger prove": "test_ledger_commands.py",
    "ledger check-proof": "test_ledger_commands.py", "ledger acknowledge": "test_ledger_commands.py",
    "web": "test_drain.py", "worker": "test_processes.py", "relay": "test_processes.py",
    "sequencer": "test_processes.py", "init": "test_init.py",
    **dict.fromkeys(
        (
            "suppression add", "suppression remove", "suppression look", "suppression import", "suppression count",
            "tag show", "tag set", "webhook make", "webhook list", "webhook rotate", "webhook test", "webhook end",
            "webhook messages", "webhook redeliver",
        ),
        "test_sending_commands.py",
    ),
}  # fmt: skip
TESTED = {
    "analyze", "verify", "render", "import", "review list", "review approve", "review reject", "release", "recall",
    "watermark embed", "watermark detect", "policy check", "persona list", "persona add", "authority show",
    "authority revoke", "authority suspend", "authority resume", "authority supersede", "link make", "link list",
    "link revoke", "campaign list", "campaign create", "campaign submit", "campaign pause",
    "campaign resume", "campaign cancel", "ledger verify", "pki init", "pki anchors",
    "pki rotate", "pki check", "user list", "user add", "user role", "user password", "user disable", "user enable",
    "user forget-factors", "user brand", "user leave-brand", "user invite", "user invitations", "user uninvite",
    "key make", "key list", "key revoke", "brand list", "brand add", "models list", "models pull", "models verify",
    "demo", "up", "migrate", "health", "hold place", "hold lift", "hold list",
}  # fmt: skip


def test_every_verb_has_its_answers_tested_here() -> None:
    def actions(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
        below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        return dict(below[0].choices) if below else {}

    verbs = actions(build_parser())
    found = {f"{verb} {name}" for verb, parser in verbs.items() for name in actions(parser)}
    found |= {verb for verb, parser in verbs.items() if not actions(parser)}
    assert found == TESTED | set(ELSEWHERE)
    for verb, file in ELSEWHERE.items():
        source = (Path(__file__).parent / file).read_text(encoding="utf-8")
        assert all(f'"{word}"' in source for word in verb.split()), f"{verb} is not spoken of in {file}"


def test_the_version_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--version", "--json"], ["--json", "--version"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code
        assert set(strict(capsys.readouterr().out)) == {"version"}
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("greenroom 0.")
