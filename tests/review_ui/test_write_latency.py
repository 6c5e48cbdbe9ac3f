"""Signing in leaves the database to others: three loops at full argon2 cost, and a writer that hardly notices."""

from __future__ import annotations

import threading
import time

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from core.database import Base, reading, transaction
from core.errors import Forbidden
from core.tables import BrandRow
from review_ui import accounts, passwords
from review_ui.sessions import sign_in
from review_ui.tables import AccountRow
from tests.review_ui.conftest import PASSWORD


def test_three_sign_in_loops_leave_a_writer_under_100_ms(
    account: AccountRow, monkeypatch: pytest.MonkeyPatch
):
    real = PasswordHasher()
    monkeypatch.setattr(passwords, "hasher", lambda: real)
    monkeypatch.setattr(accounts, "try_once", lambda *_: None)  # no rate ends the loops
    passwords._nobody.cache_clear()
    accounts_of_loops = [
        accounts.create_account(brand_id="brd_1", email=f"{n}@b.example", role="legal", password=PASSWORD)
        for n in range(3)
    ]
    over, signed = threading.Event(), []

    def loop(email: str) -> None:
        while not over.is_set():
            sign_in(email, PASSWORD)
            with pytest.raises(Forbidden):
                sign_in("nobody@b.example", "wrong")
            signed.append(1)

    threads = [threading.Thread(target=loop, args=(row.email,)) for row in accounts_of_loops]
    for thread in threads:
        thread.start()
    took = []
    end = time.monotonic() + 4
    while time.monotonic() < end:
        before = time.monotonic()
        with transaction() as session:
            session.get_one(BrandRow, "brd_1").name = str(before)
        took.append(time.monotonic() - before)
        time.sleep(0.005)
    over.set()
    for thread in threads:
        thread.join()
    passwords._nobody.cache_clear()
    took.sort()
    assert len(signed) >= 3, "the loops did sign in"
    assert took[int(len(took) * 0.95)] < 0.1, took[-10:]


def test_an_api_call_leaves_no_row(client, account: AccountRow):
    def rows() -> dict[str, int]:
        with reading() as session:
            return {
                name: session.scalar(select(func.count()).select_from(table)) or 0
                for name, table in Base.metadata.tables.items()
            }

    before = rows()
    answer = client.post("/api/v1/analyze_video", auth=(account.email, PASSWORD))
    assert answer.status_code == 422  # signed in; only the file is missing
    assert client.post("/api/v1/analyze_video", auth=(account.email, "wrong")).status_code == 401
    assert rows() == before
