"""Reports of a video: a case with a clock, opened through a link that serves, bounded, closed once with a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from audit.events import Event
from core.database import now, reading
from core.errors import Conflict, GreenroomError, InputError, NotFound
from delivery import reports
from delivery.errors import EnoughReports
from delivery.links import make_link
from delivery.overview import overview
from delivery.reports import HOURS, close, list_cases, report
from delivery.tables import ReportRow
from pipeline.service import create_brand
from pipeline.tables import RenderRow
from tests.kit.workers import last_entry
from tests.kit.world import World


@pytest.fixture
def out(world: World) -> RenderRow:
    return world.released()


@pytest.fixture
def link(world: World, out: RenderRow) -> str:
    return make_link(out.id, brand_id=world.brand_id, made_by=world.operator)


def only(world: World) -> ReportRow:
    (case,) = list_cases(world.brand_id).open
    return case


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("kind", HOURS)
def test_a_report_opens_a_case_with_the_clock_of_its_kind(world: World, link: str, out: RenderRow, kind: Any):
    due = report(link, kind, words=" That is me. ", contact="me@home.example")
    case = only(world)
    assert (case.render_id, case.kind, case.words, case.due_at) == (out.id, kind, "That is me.", due)
    assert abs(due - now() - timedelta(hours=HOURS[kind])) < timedelta(minutes=1)
    assert world.now_is(out).state == "released"


@pytest.mark.only("sqlite")
def test_the_ledger_knows_of_the_case_and_of_no_word_in_it(world: World, link: str, out: RenderRow):
    report(link, "not_me", words="Zephyrine", contact="zephyrine@home.example")
    entry = last_entry(out.id, Event.REPORT_OPENED)
    assert entry.facts["kind"] == "not_me" and entry.facts["report_id"] == only(world).id
    assert "ephyrine" not in str(entry.facts) and world.ledger().good


@pytest.mark.only("sqlite")
def test_nothing_of_the_person_is_kept_but_what_they_wrote(world: World, link: str):
    report(link, "other")
    written = {
        "id",
        "brand_id",
        "render_id",
        "link_id",
        "kind",
        "words",
        "contact",
        "due_at",
        "outcome",
        "answer",
    }
    assert {column.key for column in ReportRow.__table__.columns} == written | {
        "closed_by", "closed_at", "created_at", "salt",
    }  # fmt: skip
    assert (only(world).words, only(world).contact) == ("", "")


def test_one_link_has_a_few_open_cases_and_closing_one_makes_room(
    world: World, link: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reports, "MOST_OPEN", 2)
    report(link, "other"), report(link, "other")
    with pytest.raises(EnoughReports) as told:
        report(link, "other")
    assert told.value.http_status == 429
    case = list_cases(world.brand_id).open[0]
    close(case.id, brand_id=world.brand_id, actor_id=world.legal, outcome="wrong", answer="Looked at.")
    report(link, "other")


@pytest.mark.only("sqlite")
def test_no_other_kind_takes_the_room_of_not_me_and_a_full_one_says_another_way(
    world: World, link: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reports, "MOST_OPEN", 1)
    report(link, "other"), report(link, "wrong_label"), report(link, "not_me")
    with pytest.raises(EnoughReports, match="write to Example Brand of the kit itself"):
        report(link, "not_me")
    with pytest.raises(EnoughReports, match="nothing more is needed from you"):
        report(link, "other")


@pytest.mark.only("sqlite")
def test_not_me_is_shown_whatever_is_overdue(world: World, link: str, monkeypatch: pytest.MonkeyPatch):
    report(link, "other")
    world.tick(100 * 3600)
    report(link, "not_me")
    monkeypatch.setattr(reports, "MOST_SHOWN", 1)
    assert only(world).kind == "not_me"


@pytest.mark.only("sqlite")
def test_a_new_line_counts_as_one_character_as_browsers_count_it(world: World, link: str):
    report(link, "other", words="a\r\n" * 1000)
    assert only(world).words == "\n".join("a" * 1000)


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"kind": "no_such"}, "kind"),
        ({"kind": "other", "words": "x" * 2001}, "words"),
        ({"kind": "other", "contact": "x" * 255}, "contact"),
        ({"kind": "other", "words": "a\0b"}, "words"),
    ],
)
def test_what_is_no_report_opens_nothing(world: World, link: str, given: dict[str, str], where: str):
    with pytest.raises(InputError) as told:
        report(link, **given)  # type: ignore[arg-type]
    assert told.value.where == where and list_cases(world.brand_id).open == []


@pytest.mark.only("sqlite")
def test_nobody_reports_what_no_link_shows(world: World, link: str, out: RenderRow):
    for dead in ("anything", link[:-2] + ("xx" if link[-2:] != "xx" else "yy")):
        with pytest.raises(NotFound):
            report(dead, "other")
    world.recall(out)
    with pytest.raises(NotFound):
        report(link, "other")
    assert list_cases(world.brand_id).open == []


def test_a_case_is_closed_once_with_an_outcome_and_a_reason(world: World, link: str, out: RenderRow):
    report(link, "wrong_label")
    case = only(world)
    who = {"brand_id": world.brand_id, "actor_id": world.legal}
    for outcome, answer in (("maybe", "x"), ("right", "  ")):
        with pytest.raises(InputError):
            close(case.id, outcome=outcome, answer=answer, **who)
    close(case.id, outcome="right", answer="Recalled.", **who)
    with pytest.raises(Conflict):
        close(case.id, outcome="wrong", answer="No.", **who)
    (closed,) = list_cases(world.brand_id).closed
    assert (closed.outcome, closed.answer, closed.closed_by) == ("right", "Recalled.", world.legal)
    assert last_entry(out.id, Event.REPORT_CLOSED).facts["outcome"] == "right" and world.ledger().good


def test_a_case_is_its_brands_alone(world: World, link: str):
    report(link, "other")
    other = create_brand("Another").id
    assert list_cases(other).open == []
    with pytest.raises(NotFound):
        close(only(world).id, brand_id=other, actor_id=world.legal, outcome="right", answer="x")
    with reading() as session:
        assert session.get_one(ReportRow, only(world).id).closed_at is None


def test_the_first_due_is_first_and_the_overview_says_when_one_is_late(world: World, link: str):
    report(link, "wrong_label"), report(link, "not_me")
    assert [case.kind for case in list_cases(world.brand_id).open] == ["not_me", "wrong_label"]
    found = overview().reports
    assert found is not None and (found.open, found.overdue) == (2, 0.0)
    world.tick(4 * 3600)
    found = overview().reports
    assert found is not None and found.overdue == pytest.approx(3600, abs=60)


@pytest.mark.only("sqlite")
def test_the_error_names_no_person(world: World, link: str):
    with pytest.raises(GreenroomError) as told:
        report(link, "no_such", words="Zephyrine", contact="zephyrine@home.example")
    assert "ephyrine" not in str(told.value)
