"""What a machine that does not fit its database is told at its start: each fault by name, and none where it fits."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audit import keys, rotation
from core.database import transaction
from core.secrets import derived_key, keep_check
from delivery.errors import ReleaseRefused, UnfitParts
from delivery.machine import check_machine, machine_faults
from delivery.parts import check_parts, check_start
from greenroom.installation import initialise
from provenance.errors import PkiError
from provenance.pki import development_pki
from tests.kit.machines import copy_keys, machine, shared
from tests.kit.world import World

SECRET = "the made-up master secret of an installation"


@pytest.fixture
def first(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine of an installation that was begun."""
    with machine(home, master_secret=SECRET):
        initialise()
        yield home


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Callable[..., object]:
    """A further machine with the same settings, and a copy of the keys where ``keys`` is not False."""

    def on(copied: bool = True, **settings: str) -> object:
        target = tmp_path / "second"
        if copied:
            copy_keys(first, target)
        return machine(target, **shared(first) | settings)

    return on


def codes() -> list[str]:
    return [fault.code for fault in machine_faults()]


def test_a_machine_with_keys_and_secret_fits(first: Path, second: Callable[..., object]) -> None:
    assert codes() == []
    with second():  # type: ignore[attr-defined]
        assert codes() == []
        check_machine()
        assert check_start() == []


def test_an_empty_one_is_told_all_that_it_lacks(second: Callable[..., object]) -> None:
    with second(copied=False, master_secret=""):  # type: ignore[attr-defined]
        assert codes() == [
            "master_secret_foreign", "ledger_key_unknown", "receipts_key_unknown",
            "authorities_key_unknown", "approvals_key_unknown", "development_absent",
        ]  # fmt: skip
        with pytest.raises(UnfitParts, match="receipts_key_unknown"):
            check_start()


def test_another_secret_is_told_and_releases_nothing(second: Callable[..., object]) -> None:
    with second(master_secret="another made-up secret, as long as the first"):  # type: ignore[attr-defined]
        assert codes() == ["master_secret_foreign"]
        with (
            pytest.raises(Exception, match="not the one that the database was used with"),
            transaction() as session,
        ):
            keep_check(session)


def test_the_door_asks_for_the_secret_too(world: World) -> None:
    render = world.approved()
    with transaction() as session:
        keep_check(session)
    with (
        machine(world.home, master_secret="another made-up secret, as long as the first"),
        pytest.raises(ReleaseRefused, match="master_secret_foreign"),
    ):
        check_parts(render, None, [])


def test_keys_of_its_own_are_told(first: Path, second: Callable[..., object], tmp_path: Path) -> None:
    with machine(tmp_path / "second", database_url="sqlite:///" + str(tmp_path / "other.db")):
        for name in keys.NAMES:
            keys.sign(name, b"data")
    with second(copied=False):  # type: ignore[attr-defined]
        assert [code for code in codes() if code.endswith("_key_foreign")] == [
            f"{name}_key_foreign" for name in keys.NAMES
        ]


@pytest.mark.parametrize("name", keys.NAMES)
def test_a_machine_that_still_signs_with_a_retired_key_is_told(
    first: Path, second: Callable[..., object], name: str
) -> None:
    with second():  # type: ignore[attr-defined]
        pass
    rotation.rotate(name)
    assert codes() == []
    with machine(first.parent / "second", **shared(first)):
        assert codes() == [f"{name}_key_unknown", f"{name}_key_retired"]
        shutil.copytree(first / "keys" / name, first.parent / "second" / "keys" / name, dirs_exist_ok=True)
        assert codes() == []


def test_a_development_authority_of_its_own_is_told_and_signs_nothing(
    first: Path, second: Callable[..., object], tmp_path: Path
) -> None:
    with second():  # type: ignore[attr-defined]
        shutil.rmtree(tmp_path / "second" / "keys" / "pki")
        assert codes() == ["development_absent"]
        with pytest.raises(PkiError, match="no other one is made"):
            development_pki()
    with machine(tmp_path / "third", database_url="sqlite:///" + str(tmp_path / "other.db")):
        development_pki()
    shutil.copytree(tmp_path / "third" / "keys" / "pki", tmp_path / "second" / "keys" / "pki")
    with second(copied=False):  # type: ignore[attr-defined]
        assert codes() == ["development_foreign"]
        with pytest.raises(PkiError, match="not the one that the database is used with"):
            development_pki()
    with second(copied=False, development_pki=str(first / "keys" / "pki")):  # type: ignore[attr-defined]
        assert codes() == [] and development_pki().folder == first / "keys" / "pki"


def test_beginning_again_changes_nothing_and_another_machine_cannot(
    first: Path, second: Callable[..., object]
) -> None:
    before = {path: path.read_bytes() for path in first.rglob("keys/**/*") if path.is_file()}
    again = initialise()
    assert not again.made and not any(begun.made for begun in again.keys)
    assert before == {path: path.read_bytes() for path in before}
    with second(copied=False), pytest.raises(Exception, match="the database names"):  # type: ignore[attr-defined]
        initialise()


@pytest.mark.only("sqlite")
def test_a_home_that_came_back_without_its_secret_makes_no_other(home: Path) -> None:
    with transaction() as session:
        keep_check(session)
    made = home / "keys" / "master-secret"
    secret, before = made.read_bytes(), derived_key("mark")
    made.unlink()
    for _ in range(2):
        with pytest.raises(Exception, match="none is made in its place"):
            derived_key("mark")
    assert codes() == ["master_secret_foreign"] and not made.exists()
    made.write_bytes(secret)
    made.chmod(0o600)
    assert derived_key("mark") == before and codes() == []


@pytest.mark.only("postgresql")
def test_on_a_shared_database_nothing_is_made_by_its_first_use(home: Path) -> None:
    with (
        machine(home, master_secret=""),
        pytest.raises(Exception, match="none is made for a shared database"),
    ):
        derived_key("mark")
    with pytest.raises(PkiError, match="made by itself for a shared database"):
        development_pki()
    assert not (home / "keys" / "master-secret").exists()
