"""A sign of life: who calls, who hears it, and how the work is stopped through it."""

from __future__ import annotations

import threading

import pytest

from core.errors import Conflict
from core.heartbeat import beat, beating, quiet


class Lost(Conflict):
    """As a pipeline's lost lease."""


def lost() -> None:
    raise Lost("this stage is no longer ours")


def test_without_anybody_listening_nothing_happens() -> None:
    beat()


def test_each_beat_calls_back_while_the_block_runs() -> None:
    beats = []
    with beating(lambda: beats.append(1)):
        beat()
        beat()
    beat()
    assert len(beats) == 2


def test_the_innermost_block_counts() -> None:
    outer, inner = [], []
    with beating(lambda: outer.append(1)):
        with beating(lambda: inner.append(1)):
            beat()
        beat()
    assert (len(outer), len(inner)) == (1, 1)


def test_the_work_ends_with_what_the_callback_raised() -> None:
    went_on = False
    with pytest.raises(Lost) as caught, beating(lost):
        beat()
        went_on = True
    assert not went_on
    assert caught.value.what == "this stage is no longer ours"


def test_code_that_makes_an_answer_of_every_exception_does_not_get_it() -> None:
    with pytest.raises(Lost), beating(lost):
        try:
            beat()
        except Exception:
            pytest.fail("the loss of the lease became an answer")


def test_swallowed_on_the_way_it_is_raised_at_the_next_beat_and_at_the_end() -> None:
    calls = []

    def once() -> None:
        calls.append(1)
        lost()

    with pytest.raises(Lost), beating(once):
        for _ in range(3):
            with pytest.raises(BaseException):  # noqa: B017
                beat()
    assert len(calls) == 1  # and nobody asks again


def test_what_the_work_itself_raises_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), beating(lambda: None):
        beat()
        _ = 1 / 0


def test_an_outer_block_gets_its_own_loss_and_not_the_inner_one() -> None:
    def stop() -> None:
        with beating(lambda: None):
            pass
        beat()

    with pytest.raises(Lost), beating(lost):
        stop()


def test_another_thread_does_not_beat_for_us() -> None:
    """A thread that lives while the work hangs must not renew the work's lease."""
    beats = []
    with beating(lambda: beats.append(1)):
        thread = threading.Thread(target=beat)
        thread.start()
        thread.join()
    assert beats == []


def test_in_a_quiet_block_nobody_beats() -> None:
    beats = []
    with beating(lambda: beats.append(1)):
        with quiet():
            beat()
        beat()
    assert len(beats) == 1
