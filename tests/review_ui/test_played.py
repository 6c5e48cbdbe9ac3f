"""Played seconds: what a browser says is believed as far as our clock allows, and no further."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from core.database import reading, transaction
from core.errors import Conflict, InputError, NotFound
from core.models import Finding, Span
from core.tables import BrandRow
from pipeline.tables import RenderRow
from review_ui import played
from review_ui.accounts import create_account
from review_ui.played import MOST_RANGES, coverage, open_view, report, what_is_missing
from review_ui.tables import AccountRow, ViewRow
from tests.review_ui.conftest import PASSWORD, SEALED, MakeAccount, MakeRender

Wait = Callable[[float], None]


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """Our clock, moved by hand."""
    moment = [datetime(2026, 1, 1, tzinfo=UTC)]
    monkeypatch.setattr(played, "now", lambda: moment[0])

    def forward(seconds: float) -> None:
        moment[0] += timedelta(seconds=seconds)

    return forward


@pytest.fixture
def render(make_render: MakeRender) -> RenderRow:
    return make_render()


@pytest.fixture
def reviewer(account: AccountRow) -> AccountRow:
    return account


def test_what_is_played_as_time_passes_is_counted(render: RenderRow, reviewer: AccountRow, wait: Wait):
    view = open_view(render.id, account=reviewer)
    for start in range(0, 100, 2):
        wait(2.0)
        report(render.id, view, [(start, start + 2.0)], account=reviewer)
    assert coverage(reviewer.id, SEALED) == [(0.0, 100.0)]


def test_a_whole_video_that_was_played_in_a_moment_is_not_counted(
    render: RenderRow, reviewer: AccountRow, wait: Wait
):
    view = open_view(render.id, account=reviewer)
    wait(4.0)
    assert report(render.id, view, [(0.0, 100.0)], account=reviewer) == [(0.0, 9.0)]  # 2 x 4 s and the slack
    assert report(render.id, view, [(9.0, 100.0)], account=reviewer) == [
        (0.0, 9.0)
    ]  # the slack is given once


def test_twice_as_fast_counts_and_faster_does_not(render: RenderRow, reviewer: AccountRow, wait: Wait):
    view = open_view(render.id, account=reviewer)
    at = 0.0
    for _ in range(10):
        wait(2.0)
        report(render.id, view, [(at, at + 4.0)], account=reviewer)
        at += 4.0
    assert coverage(reviewer.id, SEALED) == [(0.0, 40.0)]
    for _ in range(5):
        wait(2.0)
        report(render.id, view, [(at, at + 10.0)], account=reviewer)
        at += 10.0
    assert sum(t1 - t0 for t0, t1 in coverage(reviewer.id, SEALED)) == pytest.approx(40 + 5 * 4 + 1)


def test_seconds_that_are_known_already_cost_nothing(render: RenderRow, reviewer: AccountRow, wait: Wait):
    view = open_view(render.id, account=reviewer)
    wait(10.0)
    report(render.id, view, [(0.0, 20.0)], account=reviewer)
    wait(2.0)
    assert report(render.id, view, [(0.0, 24.0)], account=reviewer) == [(0.0, 24.0)]


def test_an_hour_of_silence_is_not_an_hour_played(make_render: MakeRender, reviewer: AccountRow, wait: Wait):
    render = make_render(seconds=600.0)
    view = open_view(render.id, account=reviewer)
    wait(3600.0)
    assert report(render.id, view, [(0.0, 600.0)], account=reviewer) == [(0.0, 121.0)]


def test_many_open_pages_are_no_way_to_play_many_times_as_fast(
    make_render: MakeRender, reviewer: AccountRow, wait: Wait
):
    renders = [make_render(sealed_sha256=f"{number:064x}") for number in range(30)]
    views = [open_view(render.id, account=reviewer) for render in renders]
    wait(5.0)
    for render, view in zip(renders, views, strict=True):
        wait(0.001)
        open_view(render.id, account=reviewer)
        report(render.id, view, [(0.0, 100.0)], account=reviewer)
    counted = sum(t1 - t0 for number in range(30) for t0, t1 in coverage(reviewer.id, f"{number:064x}"))
    assert counted <= 2 * 5.1 + 1.0


def test_reports_of_one_moment_share_what_there_is(make_render: MakeRender, reviewer: AccountRow, wait: Wait):
    renders = [make_render(sealed_sha256=f"{number:064x}") for number in range(10)]
    views = [open_view(render.id, account=reviewer) for render in renders]
    for render, view in reversed(list(zip(renders, views, strict=True))):
        report(render.id, view, [(0.0, 100.0)], account=reviewer)
    assert sum(t1 - t0 for n in range(10) for t0, t1 in coverage(reviewer.id, f"{n:064x}")) <= 1.0


def test_opening_the_page_again_goes_on_where_it_was(render: RenderRow, reviewer: AccountRow, wait: Wait):
    view = open_view(render.id, account=reviewer)
    wait(10.0)
    report(render.id, view, [(0.0, 10.0)], account=reviewer)
    assert open_view(render.id, account=reviewer) == view
    assert coverage(reviewer.id, SEALED) == [(0.0, 10.0)]


def test_a_clock_that_goes_back_counts_nothing(render: RenderRow, reviewer: AccountRow, wait: Wait):
    view = open_view(render.id, account=reviewer)
    wait(-3600.0)
    assert report(render.id, view, [(0.0, 50.0)], account=reviewer) == [(0.0, 1.0)]
    wait(3600.0)
    assert report(render.id, view, [(1.0, 50.0)], account=reviewer) == [(0.0, 1.0)]


@pytest.mark.parametrize(
    "odd",
    [
        [(-1.0, 2.0)],
        [(2.0, 1.0)],
        [(0.0, 102.0)],
        [(math.nan, 1.0)],
        [(0.0, math.inf)],
        [(0.0, 0.001)] * (MOST_RANGES + 1),
    ],
)
def test_what_is_no_seconds_of_this_video_is_refused(
    render: RenderRow, reviewer: AccountRow, wait: Wait, odd: list[tuple[float, float]]
):
    view = open_view(render.id, account=reviewer)
    wait(50.0)
    with pytest.raises(InputError):
        report(render.id, view, odd, account=reviewer)
    assert coverage(reviewer.id, SEALED) == []


def test_a_player_that_runs_a_little_over_the_end_is_cut(render: RenderRow, reviewer: AccountRow, wait: Wait):
    view = open_view(render.id, account=reviewer)
    wait(50.0)
    assert report(render.id, view, [(99.0, 100.04)], account=reviewer) == [(99.0, 100.0)]


def test_what_one_account_played_is_nobody_elses(
    render: RenderRow, reviewer: AccountRow, new_account: MakeAccount, wait: Wait
):
    view = open_view(render.id, account=reviewer)
    other = new_account("bob")
    wait(50.0)
    with pytest.raises(NotFound):
        report(render.id, view, [(0.0, 10.0)], account=other)
    report(render.id, view, [(0.0, 10.0)], account=reviewer)
    assert coverage(other.id, SEALED) == []


def test_a_view_of_one_video_says_nothing_of_another(
    render: RenderRow, make_render: MakeRender, reviewer: AccountRow, wait: Wait
):
    view = open_view(render.id, account=reviewer)
    other = make_render(sealed_sha256="cd" * 32)
    wait(50.0)
    with pytest.raises(NotFound):
        report(other.id, view, [(0.0, 10.0)], account=reviewer)


def test_other_sealed_bytes_are_another_video(render: RenderRow, reviewer: AccountRow, wait: Wait):
    view = open_view(render.id, account=reviewer)
    with transaction() as session:
        session.get_one(RenderRow, render.id).sealed_sha256 = "cd" * 32
    wait(50.0)
    with pytest.raises(Conflict):
        report(render.id, view, [(0.0, 10.0)], account=reviewer)
    assert coverage(reviewer.id, "cd" * 32) == []


def test_another_brands_render_does_not_exist(render: RenderRow):
    with transaction() as session:
        session.add(BrandRow(id="brd_2", name="Another brand"))
    other = create_account(brand_id="brd_2", email="eve@other.example", role="admin", password=PASSWORD)
    with pytest.raises(NotFound):
        open_view(render.id, account=other)


@pytest.mark.parametrize("values", [{"state": "sealed"}, {"state": "approved"}, {"sealed_sha256": None}])
def test_only_what_is_in_review_is_reported_on(
    make_render: MakeRender, reviewer: AccountRow, values: dict[str, str]
):
    with pytest.raises(Conflict):
        open_view(make_render(**values).id, account=reviewer)


def test_what_is_kept_of_a_view_is_bounded(
    make_render: MakeRender, reviewer: AccountRow, wait: Wait, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(played, "_MOST_KEPT", 20)
    render = make_render(seconds=600.0)
    view = open_view(render.id, account=reviewer)
    for start in range(0, 600, 40):
        wait(10.0)
        report(
            render.id, view, [(start + 4.0 * n, start + 4.0 * n + 0.1) for n in range(10)], account=reviewer
        )
    with reading() as session:
        assert len(session.get_one(ViewRow, view).ranges) == 20


def test_what_is_missing_is_told_with_its_findings():
    finding = Finding(code="c", severity="review", message="m", spans=(Span(t0=10.0, t1=12.0),))
    missing = what_is_missing(100.0, [finding], [(0.0, 10.0), (12.0, 100.0)])
    assert (missing.manner, missing.with_finding, missing.seconds) == ("decided", 2, 2)
    assert what_is_missing(100.0, [finding], [(0.0, 100.0)]).manner == "seen"
    early = what_is_missing(100.0, [finding], [(0.0, 20.0)])
    assert (early.with_finding, early.seconds) == (0, 80)
    assert what_is_missing(None, [finding], []).manner == "decided"


def test_what_somebody_writes_into_the_database_was_not_played(
    render: RenderRow, reviewer: AccountRow, wait: Wait
):
    view = open_view(render.id, account=reviewer)
    wait(2.0)
    report(render.id, view, [(0.0, 2.0)], account=reviewer)
    assert coverage(reviewer.id, SEALED) == [(0.0, 2.0)]
    with transaction() as session:
        session.get_one(ViewRow, view).ranges = [[0.0, 100.0]]
    assert coverage(reviewer.id, SEALED) == []
