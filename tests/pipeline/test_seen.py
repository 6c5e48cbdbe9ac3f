"""Seen or decided: what a report of played seconds is worth."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models import Finding, Span
from pipeline.seen import manner_of, merge, seconds_of, seconds_seen, spans_of

ranges = st.lists(st.tuples(st.floats(-5, 60), st.floats(-5, 60)), max_size=20)


def test_ranges_join_where_they_meet() -> None:
    assert merge([(4.0, 5.0), (0.0, 1.5), (1.5, 2.0), (1.0, 1.2)]) == [(0.0, 2.0), (4.0, 5.0)]


@pytest.mark.parametrize("odd", [(2.0, 1.0), (1.0, 1.0), (math.nan, 1.0), (0.0, math.inf), (-math.inf, 3.0)])
def test_what_is_no_range_counts_for_nothing(odd: tuple[float, float]) -> None:
    assert merge([odd]) == []


def test_a_second_is_seen_when_all_but_the_players_slack_of_it_was_played() -> None:
    assert seconds_seen([(0.0, 3.0)], 4.0) == {0, 1, 2}
    assert seconds_seen([(0.05, 1.95)], 4.0) == {0, 1}
    assert seconds_seen([(0.3, 1.7)], 4.0) == set()
    assert seconds_seen([(0.0, 0.5), (0.45, 0.95)], 4.0) == {0}


def test_the_last_second_ends_with_the_video() -> None:
    assert seconds_seen([(0.0, 6.4)], 6.4) == set(range(7))
    assert 6 not in seconds_seen([(0.0, 6.0)], 6.04)  # however short: not played is not seen


def test_nothing_is_seen_of_no_video() -> None:
    for duration in (None, 0.0, -1.0, math.nan, math.inf):
        assert manner_of([(0.0, 100.0)], duration, []) == ("decided", [])


def test_ninety_five_of_a_hundred_seconds_are_seen_and_ninety_four_are_decided() -> None:
    assert manner_of([(0.0, 95.0)], 100.0, []) == ("seen", [])
    assert manner_of([(0.0, 94.0)], 100.0, []) == ("decided", [(94.0, 100.0)])


def test_a_second_with_a_finding_has_to_be_played_whatever_the_share() -> None:
    played = [(0.0, 97.0), (98.0, 100.0)]
    assert manner_of(played, 100.0, []) == ("seen", [])
    assert manner_of(played, 100.0, [(97.2, 97.4)]) == ("decided", [(97.0, 98.0)])
    assert manner_of(played, 100.0, [(97.2, 97.2)]) == ("decided", [(97.0, 98.0)])  # a moment is in a second


def test_a_finding_at_or_beyond_the_end_is_in_the_last_second() -> None:
    assert seconds_of([(10.0, 12.0)], 10.0) == {9}
    assert seconds_of([(2.0, 3.0)], 10.0) == {2}  # its end is where the next second starts


def test_findings_point_at_seconds_or_at_none() -> None:
    finding = Finding(
        code="c",
        severity="review",
        message="m",
        spans=(Span(t0=1.0, t1=2.5), Span(t0=4.0), Span(source="script", start=0, end=2), Span()),
    )
    assert spans_of([finding]) == [(1.0, 2.5), (4.0, 4.0)]


@given(ranges, ranges)
def test_playing_more_never_makes_less(
    first: list[tuple[float, float]], more: list[tuple[float, float]]
) -> None:
    assert seconds_seen(first, 50.0) <= seconds_seen(first + more, 50.0)


@given(ranges, st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60)), max_size=5))
def test_seen_means_that_nothing_is_missing(
    played: list[tuple[float, float]], spans: list[tuple[float, float]]
) -> None:
    manner, missing = manner_of(played, 50.0, spans)
    assert (manner == "seen") is (missing == [])
    assert manner_of([*played, *missing], 50.0, spans)[0] == "seen"  # what it asks for is enough
