"""Tries are counted together by two web processes where Redis is named; without it each process counts alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import InputError
from core.settings import get_settings
from review_ui import rates
from review_ui.rates import TRIES, WRONG, TooManyTries, forget_all, try_once, went_wrong

ROOT = Path(__file__).resolve().parents[2]

# A second web process as far as rates go: so many wrong answers, and whether it is heard then.
OTHER = """
import sys
from review_ui.rates import TooManyTries, try_once, went_wrong
for number in range(int(sys.argv[1])):
    went_wrong("192.0.2.1", "ann@brand.example")
try:
    try_once("192.0.2.7", "ann@brand.example")
    print("heard")
except TooManyTries as refused:
    print("refused", refused.retry_after)
"""


@pytest.fixture
def shared(home: Path, redis: object, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("GREENROOM_RATES_URL", redis.url)  # type: ignore[attr-defined]
    get_settings.cache_clear()
    forget_all()
    return redis


def other_process(wrong: int) -> str:
    command = [sys.executable, "-c", OTHER, str(wrong)]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def test_what_one_process_counted_the_other_knows(shared: object):
    for _ in range(6):
        went_wrong("192.0.2.1", "ann@brand.example")
    try_once("192.0.2.9", "ann@brand.example")
    assert other_process(4).startswith("refused")
    with pytest.raises(TooManyTries) as refused:
        try_once("192.0.2.9", "ann@brand.example")
    assert 1 <= refused.value.retry_after <= 60
    try_once("192.0.2.9", "bob@brand.example")


def test_without_it_each_process_counts_alone(home: Path):
    for _ in range(6):
        went_wrong("192.0.2.1", "ann@brand.example")
    assert other_process(4) == "heard"
    try_once("192.0.2.9", "ann@brand.example")


def test_redis_learns_no_name_and_no_address(shared: object):
    import redis

    went_wrong("192.0.2.1", "ann@brand.example")
    try_once("192.0.2.1", "ann@brand.example")
    with redis.Redis.from_url(shared.url) as client:  # type: ignore[attr-defined]
        kept = client.keys()
    assert len(kept) == 4
    assert all(key.startswith(b"greenroom-rates") and b"ann" not in key and b"192" not in key for key in kept)


def test_while_redis_is_away_each_process_counts_alone_and_nobody_is_locked_out(
    shared: object, caplog: pytest.LogCaptureFixture
):
    """Not open: the limit of one process holds, and the strikes in the database."""
    shared.stop()  # type: ignore[attr-defined]
    try_once("192.0.2.9", "ann@brand.example")
    assert "each process alone" in caplog.text and "192.0.2.9" not in caplog.text
    for _ in range(WRONG["account"].amount):
        went_wrong("192.0.2.1", "ann@brand.example")
    with pytest.raises(TooManyTries):
        try_once("192.0.2.9", "ann@brand.example")


def test_it_is_asked_again_when_it_is_back(shared: object, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rates, "_REST_SECONDS", 0.0)
    shared.stop()  # type: ignore[attr-defined]
    try_once("192.0.2.9", "ann@brand.example")
    shared.start()  # type: ignore[attr-defined]
    for _ in range(TRIES["account"].amount):
        try_once("", "ann@brand.example")
    assert other_process(0).startswith("refused")


def test_a_store_that_cannot_count_windows_is_refused_at_once(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_RATES_URL", "memcached://localhost:11211")
    get_settings.cache_clear()
    forget_all()
    with pytest.raises(InputError) as refused:
        try_once("192.0.2.9", "ann@brand.example")
    assert refused.value.where == "GREENROOM_RATES_URL"
