"""``greenroom init`` begins once: organisation, brand, first administrator, keys. Again it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.ledger import verify_ledger
from core.database import engine
from core.settings import get_settings
from greenroom.cli import main
from provenance.pki import Pki, pki_folder
from review_ui.accounts import authenticate, list_accounts
from review_ui.beginning import fits

PASSWORD = "a made-up long password"
FLAGS = [
    "--organisation",
    "Example Ltd",
    "--brand",
    "Tea",
    "--email",
    "Ann@brand.example",
    "--territory",
    "in",
]

Init = Callable[..., tuple[dict[str, Any], int, str]]


@pytest.fixture
def init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Init]:
    """``init("--page")`` in a home that nobody has used: its document, its exit code, and all that it printed."""
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GREENROOM_PASSWORD", PASSWORD)
    get_settings.cache_clear()

    def run(*flags: str) -> tuple[dict[str, Any], int, str]:
        capsys.readouterr()
        code = main(["init", "--json", *flags])
        printed = capsys.readouterr()
        return json.loads(printed.out), code, printed.out + printed.err

    yield run
    engine().dispose()
    get_settings.cache_clear()


def test_without_a_password_and_without_anybody_to_type_it_says_so(
    init: Init, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_words: str) -> str:
        raise EOFError

    monkeypatch.delenv("GREENROOM_PASSWORD")
    monkeypatch.setattr("getpass.getpass", nobody)
    told, code, _ = init(*FLAGS)
    assert code != 0 and "GREENROOM_PASSWORD" in str(told["error"])


def test_it_makes_all_that_an_installation_begins_with(init: Init) -> None:
    told, code, _ = init(*FLAGS)
    assert code == 0 and told["made"] and told["development"] and told["page"] is None
    assert (told["organisation"], told["administrators"]) == ("Example Ltd", ["ann@brand.example"])
    assert [(brand["name"], brand["territory"]) for brand in told["brands"]] == [("Tea", "in")]
    account = authenticate("ann@brand.example", PASSWORD)
    assert (account.role, account.brand_id) == ("admin", told["brands"][0]["id"])
    assert Pki(pki_folder(get_settings())).anchors.exists()
    assert verify_ledger().good


def test_again_it_changes_nothing_and_shows_no_secret(init: Init) -> None:
    init(*FLAGS)
    before = [(row.id, row.password_hash) for row in list_accounts()]
    for flags in (FLAGS, [], ["--page"]):
        told, code, printed = init(*flags)
        assert code == 0 and not told["made"] and told["page"] is None
        assert PASSWORD not in printed
    assert [(row.id, row.password_hash) for row in list_accounts()] == before


def test_with_another_name_it_says_what_to_do_instead(init: Init) -> None:
    init(*FLAGS)
    steps = {"--organisation": "another home", "--brand": "brand add", "--email": "user invite"}
    for flag, step in steps.items():
        told, code, _ = init(flag, "Other")
        assert (code, told["error"]["code"], told["error"]["where"]) == (3, "conflict", flag)
        assert step in told["error"]["next"]


def test_what_is_missing_is_named_where_nobody_can_be_asked(init: Init) -> None:
    told, code, _ = init("--brand", "Tea")
    assert code == 3 and "--organisation, --email are missing" in told["error"]["what"]
    assert list_accounts() == []


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--territory", "india"], "india"),
        (["--rule-pack", "consumer-product"], "did you mean `consumer-products`"),
    ],
)
def test_a_wrong_word_makes_nothing(init: Init, flags: list[str], word: str) -> None:
    told, code, _ = init(*FLAGS, *flags)
    assert code == 3 and word in told["error"]["what"]
    told, code, _ = init(*FLAGS)
    assert code == 0 and told["made"]


def test_each_page_address_takes_the_place_of_the_one_before(init: Init) -> None:
    first, second = (init("--page")[0]["page"].partition("code=")[2] for _ in range(2))
    assert first != second and not fits(first) and fits(second)


def test_it_says_loudly_that_a_development_authority_signs(
    init: Init, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", *FLAGS])
    assert "WARNING: a DEVELOPMENT authority signs here" in capsys.readouterr().out
