"""Rates: by address and by account, told with the time to wait, in bounded memory."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from review_ui import rates
from review_ui.rates import TooManyTries, forget_all, try_once, went_wrong
from review_ui.tables import AccountRow
from tests.review_ui.conftest import PASSWORD


def tries(count: int, address: str = "192.0.2.1", account: str = "ann@brand.example") -> None:
    for _ in range(count):
        try_once(address, account)


def test_an_account_is_tried_sixty_times_a_minute_from_wherever():
    for number in range(60):
        tries(1, f"192.0.2.{number}")
    with pytest.raises(TooManyTries) as refused:
        tries(1, "198.51.100.1")
    assert 1 <= refused.value.retry_after <= 60 and refused.value.http_status == 429
    tries(1, "198.51.100.1", "bob@brand.example")


def test_an_address_tries_a_hundred_and_twenty_times_a_minute_whomever():
    for number in range(120):
        tries(1, account=f"{number}@brand.example")
    with pytest.raises(TooManyTries):
        tries(1, account="other@brand.example")
    tries(1, "198.51.100.1", "other@brand.example")


def test_wrong_answers_end_sooner():
    for _ in range(10):
        went_wrong("192.0.2.1", "ann@brand.example")
    with pytest.raises(TooManyTries):
        tries(1, "198.51.100.1")


def test_names_are_one_however_they_are_written():
    for name in ("Ann@brand.example", " ann@brand.example ") * 5:
        went_wrong("", name)
    with pytest.raises(TooManyTries):
        tries(1)


def test_a_v6_customer_is_one_address():
    for number in range(120):
        tries(1, f"2001:db8:1:2::{number:x}", f"{number}@brand.example")
    with pytest.raises(TooManyTries):
        tries(1, "2001:db8:1:2:ffff::1", "other@brand.example")
    tries(1, "2001:db8:1:3::1", "other@brand.example")


def test_memory_does_not_grow_with_the_names_that_arrive(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rates, "_BUCKETS", 8)
    for number in range(400):
        forget = number % 40 == 0
        if forget:
            forget_all()
        try_once(f"192.0.2.{number % 250}", f"{number}@brand.example")
    storage = rates._limiter().storage
    assert len(storage.events) <= 16  # 8 buckets of each kind


def test_the_window_moves(monkeypatch: pytest.MonkeyPatch):
    import time

    clock = time.time()
    monkeypatch.setattr("limits.storage.memory.time.time", lambda: clock)
    tries(60)
    clock += 30
    with pytest.raises(TooManyTries) as refused:
        tries(1)
    assert 29 <= refused.value.retry_after <= 31
    clock += 31
    tries(1)


def test_the_page_and_the_api_say_how_long_to_wait(client: TestClient, account: AccountRow):
    form = {"email": account.email, "password": "wrong"}
    answers = [client.post("/sign-in", data=form) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60 and "tried too often" in answers[-1].text
    api = client.post("/api/v1/analyze_video", auth=(account.email, PASSWORD), files={"file": b"x"})
    assert api.status_code == 429 and api.json()["error"]["code"] == "too_many_tries"
    assert 1 <= int(api.headers["retry-after"]) <= 60


def test_only_so_many_hash_or_wait_at_once(monkeypatch: pytest.MonkeyPatch):
    from review_ui import passwords

    taken = 0
    while passwords._ROOM.acquire(blocking=False):
        taken += 1
    try:
        assert taken == 10
        with pytest.raises(TooManyTries):
            passwords.fits(None, "x")
    finally:
        for _ in range(taken):
            passwords._ROOM.release()
