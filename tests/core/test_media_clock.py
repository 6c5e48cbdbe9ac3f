"""The clock of joined recordings goes on; one packet with a wild time is damage; no file makes it work for long."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from core.media.child_clock import NONE, Ticks, clocks
from core.media.wire import Refused

BASE = Fraction(1, 1000)


def track(moments: list[int], length: int = 40) -> Ticks:
    ticks = Ticks(BASE)
    for order, moment in enumerate(moments):
        ticks.pts.append(moment)
        ticks.dts.append(moment)
        ticks.length.append(length)
        ticks.order.append(order)
        ticks.shown.append(1)
        ticks.key.append(1)
    return ticks


def seconds(moments: list[int], *, leaps: bool = False) -> tuple[list[float], list[float]]:
    """(when each is presented, the resets)."""
    found, resets = clocks({0: track(moments)}, leaps=leaps)
    return [float(found[0].at(moment) or 0) for moment in moments], [float(reset) for reset in resets]


def steady(start: int, count: int) -> list[int]:
    return [start + 40 * n for n in range(count)]


def test_a_clock_that_starts_again_goes_on_where_it_was() -> None:
    shown, resets = seconds(steady(1400, 25) + steady(1400, 25))
    assert resets == [2.4]
    assert shown == pytest.approx([1.4 + 0.04 * n for n in range(50)])


def test_a_later_part_may_begin_anywhere() -> None:
    shown, resets = seconds(steady(0, 25) + steady(500_000, 25), leaps=True)
    assert resets == [1.0]
    assert shown == pytest.approx([0.04 * n for n in range(50)])
    # Where a container's own times are meant (not a transport), a long pause is a long pause.
    assert seconds(steady(0, 25) + steady(500_000, 25))[1] == []


def test_one_packet_with_a_wild_time_is_no_reset() -> None:
    moments = steady(10_000, 50)
    moments[20] = 3
    assert seconds(moments)[1] == []


def test_one_packet_far_ahead_is_no_reset_and_moves_nothing_behind_it() -> None:
    moments = steady(0, 50)
    moments[20] = 100_000
    ticks = track(moments)
    found, resets = clocks({0: ticks}, leaps=True)
    assert resets == []
    assert found[0].at(100_000) is None  # its picture follows the one before
    assert float(found[0].at(moments[21]) or 0) == pytest.approx(0.84)


def test_slow_clocks_are_clocks() -> None:
    assert seconds([1000 * n for n in range(20)]) == ([float(n) for n in range(20)], [])
    shown, resets = seconds([100 * n for n in range(10)] + [100 * n for n in range(60)])
    assert resets == [0.94]
    assert shown[10:12] == pytest.approx([0.94, 1.04])


def test_a_long_pause_of_one_track_is_a_pause_and_a_leap_of_all_is_a_join() -> None:
    pictures, sound = track(steady(0, 600)), track([*steady(0, 100), *steady(17_000, 175)])
    assert clocks({0: pictures, 1: sound}, leaps=True)[1] == []
    both = [*steady(0, 100), *steady(90_000, 100)]
    assert [float(r) for r in clocks({0: track(both), 1: track(both)}, leaps=True)[1]] == [4.0]


def test_pictures_in_the_order_of_decoding_are_no_reset() -> None:
    assert seconds([0, 120, 40, 80, 240, 160, 200, 360, 280, 320])[1] == []


def test_a_file_of_resets_is_refused_at_once() -> None:
    begun = time.monotonic()
    with pytest.raises(Refused) as refused:
        clocks({0: track((steady(2000, 8) + steady(0, 8)) * 5000)}, leaps=False)
    assert refused.value.code == "resets"
    assert time.monotonic() - begun < 10


def test_packets_without_times_are_passed_over() -> None:
    found, resets = clocks({0: track([NONE, 0, NONE, 40])}, leaps=True)
    assert resets == [] and float(found[0].at(40) or 0) == pytest.approx(0.04)
