"""What may not release: each fault alone by its name, every two together, all at once; and none where all is fit."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.blobs import NullBlobs, blobs
from core.settings import Settings, get_settings
from delivery.errors import ReleaseRefused, UnfitParts
from delivery.parts import cautions, check_parts, check_start, faults
from generate.lipsync.null import NullLipSync
from generate.voice import HibariVoice, NullVoice
from greenroom.cli import FAILED, main
from pipeline.tables import PersonaRow, RenderRow
from provenance.pki import ORGANISATION, Pki, init_pki
from provenance.signer import signer_of
from tests.delivery.production import CLAIMS, CLOCKS, Authority, Installation, issue

pytestmark = pytest.mark.only(
    "sqlite"
)  # what is looked at is files and settings; test_machine.py asks the database

KEY = f"{'ab' * 8}.pem"
DEMONSTRATION_ROOT = issue("Any Root", ca=True, organisation=ORGANISATION)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def development(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return init_pki(tmp_path_factory.mktemp("development"))


def receipt(environment: str) -> Any:
    return SimpleNamespace(environment=environment)


class Case:
    """An installation with what a release would bring along; a fault changes one of them."""

    def __init__(self, installation: Installation, development: Pki) -> None:
        self.at, self.development = installation, development
        self.receipts = [receipt(installation.environment)]
        self.used: list[object] = [HibariVoice()]

    def codes(self) -> list[str]:
        return [f.code for f in faults(self.at.settings, receipts=self.receipts, used=self.used)]


Break = Callable[[Case], object]


def development_chain(case: Case) -> None:
    case.at.values |= {"signing_key": str(case.development.key), "signing_chain": str(case.development.chain)}


def development_anchor(case: Case) -> None:
    case.at.trust(case.at.authority.root, DEMONSTRATION_ROOT)


def self_signed(case: Case) -> None:
    leaf = issue("Claims", purposes=CLAIMS)
    case.at.sign_with(leaf)
    case.at.trust(case.at.authority.root, leaf)


def another_key(case: Case) -> None:
    case.at.write(case.at.signing_key, issue("x").key_pem, 0o600)


def anchored(name: str) -> Break:
    return lambda case: case.at.trust(issue(name, ca=True))


def without_intermediate(case: Case) -> None:
    case.at.sign_with(case.at.authority.leaf)


def under_a_leaf(case: Case) -> None:
    leaf, between = case.at.authority.leaf, case.at.authority.between
    case.at.sign_with(issue("Under a leaf", leaf, purposes=CLAIMS), leaf, between)


def under_what_is_no_authority(case: Case) -> None:
    """Its key usage says that it signs certificates; it is no authority all the same."""
    middle = issue("No authority", case.at.authority.root, key_cert_sign=True)
    case.at.sign_with(issue("Leaf", middle, purposes=CLAIMS), middle)


def under_what_may_not_sign_certificates(case: Case) -> None:
    middle = issue("An authority for lists only", case.at.authority.root, ca=True, key_cert_sign=False)
    case.at.sign_with(issue("Leaf", middle, purposes=CLAIMS), middle)


def other_leaf(**changes: Any) -> Break:
    def change(case: Case) -> None:
        between = case.at.authority.between
        case.at.sign_with(issue("Another Leaf", between, **{"purposes": CLAIMS} | changes), between)

    return change


def broken_anchors(case: Case) -> None:
    case.at.write(case.at.folder / "signing" / "anchors.pem", b"-----BEGIN CERTIFICATE-----\nx")


def anchors_for_claims(case: Case) -> None:
    root = issue("Claims Root", ca=True, purposes=CLAIMS)
    case.at.sign_with(issue("Leaf", root, purposes=CLAIMS))
    case.at.trust(root)


def open_secret(case: Case) -> None:
    case.at.write(case.at.home / "keys" / "master-secret", bytes(range(32)), 0o640)


def open_signing_key(case: Case) -> None:
    case.at.signing_key.chmod(0o644)


def foreign_receipt(case: Case) -> None:
    case.receipts.append(receipt("elsewhere"))


def use(part: object) -> Break:
    return lambda case: case.used.append(part)


def setting(**values: str) -> Break:
    return lambda case: case.at.values.update(values)


def mode(path: str, bits: int) -> Break:
    return lambda case: (case.at.home / path).chmod(bits)


@dataclass(frozen=True)
class Broken:
    """One thing that is wrong. Two of one group exclude each other."""

    group: str
    what: str
    change: Break
    codes: set[str]
    anywhere: bool  # refused in demo and test too


def wrong(group: str, what: str, change: Break, *codes: str, anywhere: bool = False) -> Broken:
    return Broken(group, what, change, set(codes), anywhere)


TABLE = [
    # the certificate
    wrong("trust", "none", setting(signing_key="", signing_chain=""), "signing_unset"),
    wrong("trust", "no such file", setting(signing_chain="/nowhere.pem"), "signing_unreadable"),
    wrong("trust", "another's key", another_key, "signing_unreadable"),
    wrong("trust", "development", development_chain, "signing_development", "signing_untrusted"),
    wrong("trust", "signs itself", self_signed, "signing_self_signed", "signing_untrusted"),
    wrong("trust", "unknown root", anchored("Other Root"), "signing_untrusted"),
    wrong("trust", "unknown root of the same name", anchored("Example Root"), "signing_untrusted"),
    wrong("trust", "no intermediate", without_intermediate, "signing_untrusted"),
    wrong("trust", "issued by a leaf", under_a_leaf, "signing_untrusted"),
    wrong("trust", "issued by what is no authority", under_what_is_no_authority, "signing_untrusted"),
    wrong("trust", "issued without the right", under_what_may_not_sign_certificates, "signing_untrusted"),
    wrong("trust", "expired", other_leaf(starts=-9, ends=-1), "signing_expired"),
    wrong("trust", "not begun", other_leaf(starts=2), "signing_expired"),
    wrong("trust", "no purposes", other_leaf(purposes=None), "signing_purpose"),
    wrong("trust", "a clock's purposes", other_leaf(purposes=CLOCKS), "signing_purpose"),
    wrong("trust", "an authority's own", other_leaf(ca=True, digital_signature=True), "signing_purpose"),
    wrong("trust", "may not sign", other_leaf(digital_signature=False), "signing_purpose"),
    wrong("trust", "no anchors", setting(signing_anchors=""), "signing_untrusted", "anchors_unset"),
    wrong("trust", "broken anchors", broken_anchors, "anchors_unreadable"),
    wrong("trust", "a development anchor", development_anchor, "anchors_development"),
    wrong("trust", "anchors for claims only", anchors_for_claims, "timestamp_untrusted"),
    # the clock
    wrong("clock", "none", setting(timestamp_url=""), "timestamp_unset"),
    wrong("clock", "on loopback", setting(timestamp_url="http://127.0.0.1:99/"), "timestamp_local"),
    wrong("clock", "on loopback by name", setting(timestamp_url="http://localhost/"), "timestamp_local"),
    wrong("clock", "on loopback as a number", setting(timestamp_url="http://2130706433/"), "timestamp_local"),
    wrong("clock", "private", setting(timestamp_url="http://[::ffff:10.1.2.3]/"), "timestamp_local"),
    wrong("clock", "private by name", setting(timestamp_url="https://tsa.internal/"), "timestamp_local"),
    wrong("clock", "no web address", setting(timestamp_url="file:///tsr"), "timestamp_local"),
    # secrets
    wrong("secret", "none", setting(master_secret=""), "master_secret_unset"),
    wrong("secret", "blank", setting(master_secret="  "), "master_secret_unset"),
    wrong("secret", "short", setting(master_secret="0123456789abcdefghijklmnopqrstu"), "master_secret_weak"),
    wrong("secret", "plain", setting(master_secret="ab" * 30), "master_secret_weak"),
    wrong("secret file", "readable", open_secret, "master_secret_open", anywhere=True),
    wrong("signing key", "readable", open_signing_key, "signing_key_open", anywhere=True),
    wrong(
        "receipts key", "readable", mode(f"keys/receipts/{KEY}", 0o640), "receipts_key_open", anywhere=True
    ),
    wrong("ledger key", "readable", mode(f"keys/ledger/{KEY}", 0o604), "ledger_key_open", anywhere=True),
    wrong(
        "approvals key", "writable", mode(f"keys/approvals/{KEY}", 0o620), "approvals_key_open", anywhere=True
    ),
    # folders
    wrong("keys", "open", mode("keys", 0o755), "keys_folder_open"),
    wrong("receipts", "open", mode("keys/receipts", 0o711), "receipts_folder_open"),
    wrong("ledger", "open", mode("keys/ledger", 0o770), "ledger_folder_open"),
    wrong("approvals", "writable", mode("keys/approvals", 0o775), "approvals_folder_open"),
    wrong("signing", "writable", mode("../signing", 0o777), "signing_folder_open"),
    # parts
    wrong("blobs", "null", setting(blob_url="null://"), "null_blobs", anywhere=True),
    wrong("blobs", "in memory", setting(blob_url="memory:///"), "memory_blobs"),
    wrong("voice", "null", use(NullVoice()), "null_part", anywhere=True),
    wrong("voice", "null by its trace", use("null-voice 1"), "null_part", anywhere=True),
    wrong("lips", "null", use(NullLipSync()), "null_part", anywhere=True),
    wrong("part", "development", use(SimpleNamespace(name="beta", development=True)), "development_part"),
    wrong("gates", "ran elsewhere", foreign_receipt, "receipts_environment", anywhere=True),
]
IDS = [f"{broken.group}: {broken.what}" for broken in TABLE]


@pytest.fixture
def fresh(tmp_path: Path, authority: Authority, development: Pki) -> Callable[..., Case]:
    """A new fit installation on each call."""
    numbers = itertools.count()

    def make(environment: str = "production") -> Case:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return Case(Installation(folder, authority, environment), development)

    return make


@pytest.mark.parametrize("environment", ["production", "demo", "test"])
def test_where_all_is_fit_nothing_is_found(fresh: Callable[..., Case], environment: str) -> None:
    assert fresh(environment).codes() == []


@pytest.mark.parametrize("broken", TABLE, ids=IDS)
def test_each_fault_alone_is_refused_by_its_name(fresh: Callable[..., Case], broken: Broken) -> None:
    for environment in ("production", "demo", "test"):
        case = fresh(environment)
        broken.change(case)
        expected = broken.codes if environment == "production" or broken.anywhere else set()
        assert set(case.codes()) == expected, environment
        assert case.at.settings.environment == environment


def can_both_be(first: Broken, second: Broken) -> bool:
    another_folder = first.group == "trust" and first.what in ("none", "development")
    return first.group != second.group and not (another_folder and second.group in ("signing", "signing key"))


def test_no_fault_hides_another(fresh: Callable[..., Case]) -> None:
    """Every two that can hold at once."""
    pairs = [pair for pair in itertools.combinations(TABLE, 2) if can_both_be(*pair)]
    assert len(pairs) > 800
    for first, second in pairs:
        case = fresh()
        first.change(case)
        second.change(case)
        assert set(case.codes()) == first.codes | second.codes, (first, second)


def test_all_at_once_are_all_told(fresh: Callable[..., Case]) -> None:
    """The worst of each group; with them, any certificate fault that can stand beside the others."""
    case = fresh()
    last = {broken.group: broken for broken in TABLE}
    for broken in last.values():
        broken.change(case)
    worthless = issue("Any Signer", starts=-9, ends=-1, purposes=None, organisation=ORGANISATION)
    case.at.sign_with(worthless)
    open_signing_key(case)
    codes = case.codes()
    every = set().union(*(broken.codes for broken in last.values()))
    of_the_leaf = {"development", "self_signed", "untrusted", "expired", "purpose"}
    assert set(codes) == every | {f"signing_{code}" for code in of_the_leaf}
    assert all(fault.what and fault.where and fault.next_step for fault in faults(case.at.settings))


@pytest.mark.parametrize("here, there", list(itertools.product(("production", "demo", "test"), repeat=2)))
def test_a_receipt_releases_in_its_own_environment_only(
    fresh: Callable[..., Case], here: str, there: str
) -> None:
    case = fresh(here)
    case.receipts.append(receipt(there))
    assert case.codes() == ([] if here == there else ["receipts_environment"])


def test_looking_makes_nothing(tmp_path: Path) -> None:
    faults(Settings(environment="production", home=tmp_path / "none"))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_no_secret_is_told(fresh: Callable[..., Case]) -> None:
    case = fresh()
    case.at.values["master_secret"] = "correct horse"
    assert "correct horse" not in " ".join(fault.line() for fault in faults(case.at.settings))


# a chain with more than one way up ---------------------------------------------------------------------------------


def test_a_renewed_root_beside_its_expired_self_is_fit(fresh: Callable[..., Case]) -> None:
    """Cross-signing: the way whose certificates are valid counts."""
    case = fresh()
    root = case.at.authority.root
    old = issue("Example Root", ca=True, starts=-20, ends=-1, key=root.key)
    case.at.trust(old, root)
    assert case.codes() == []


def test_an_authority_that_may_not_have_authorities_below_is_no_way_up(fresh: Callable[..., Case]) -> None:
    case = fresh()
    between = case.at.authority.between  # path length 0
    lower = issue("Lower CA", between, ca=True)
    case.at.sign_with(issue("Leaf", lower, purposes=CLAIMS), lower, between)
    assert case.codes() == ["signing_untrusted"]


# the signer's own word ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken", [b for b in TABLE if b.group in ("trust", "clock") and b.codes != {"signing_unreadable"}]
)
def test_what_is_not_proven_calls_itself_development(
    fresh: Callable[..., Case], broken: Broken, home: Path
) -> None:
    """Decided from the chain, never from a URL: the credential then says "demonstration"."""
    case = fresh("demo")
    assert signer_of(case.at.settings).development is False
    broken.change(case)
    assert signer_of(case.at.settings).development is True


# who could sign approvals ------------------------------------------------------------------------------------------


def test_one_user_for_all_is_a_caution_and_no_fault(fresh: Callable[..., Case]) -> None:
    case = fresh()
    assert [caution.code for caution in cautions(case.at.settings)] == ["approvals_key_shared"]
    (case.at.home / "keys" / "approvals" / KEY).unlink()
    assert [caution.code for caution in cautions(case.at.settings)] == ["approvals_key_missing"]
    assert case.codes() == []


def test_another_users_key_is_as_it_should_be(
    fresh: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.parts.os.geteuid", lambda: os.getuid() + 1)
    assert cautions(fresh().at.settings) == []


# at the door, and at the start -------------------------------------------------------------------------------------


@pytest.fixture
def installed(fresh: Callable[..., Case], home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """A fit production whose settings are this process's."""
    case = fresh()
    monkeypatch.setattr("delivery.parts.get_settings", lambda: case.at.settings)
    yield case


def render_of(voice: str, origin: str = "made", speech: str | None = None) -> tuple[RenderRow, PersonaRow]:
    """What the parts check reads of a render and its persona."""
    return RenderRow(id="rnd_1", origin=origin, speech_sha256=speech), PersonaRow(voice=voice)


def test_the_door_lets_a_fit_render_pass(installed: Case) -> None:
    check_parts(*render_of("hibari"), installed.receipts)


@pytest.mark.parametrize("broken", TABLE, ids=IDS)
def test_the_door_names_each_fault(installed: Case, broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    broken.change(installed)
    if broken.group in ("voice", "lips", "part"):
        monkeypatch.setattr("delivery.parts.load_lipsync", lambda: installed.used[-1])
    with pytest.raises(ReleaseRefused) as refused:
        check_parts(*render_of("hibari"), installed.receipts)
    assert all(f"({code})" in refused.value.what for code in broken.codes)
    assert refused.value.next_step


def test_the_persona_voice_and_the_voice_that_spoke_are_both_asked(installed: Case, home: Path) -> None:
    with pytest.raises(ReleaseRefused, match="null_part"):
        check_parts(*render_of("null"), installed.receipts)
    check_parts(*render_of("null", origin="imported"), installed.receipts)  # it brought its own sound
    speech = home / "speech.npz"
    NullVoice().speak("Hello there.").save(speech)
    sha256 = blobs().put_file(speech, "speech").sha256
    with pytest.raises(ReleaseRefused, match="null_part"):
        check_parts(*render_of("hibari", speech=sha256), installed.receipts)


def test_a_null_store_in_use_is_refused_whatever_the_settings_say(
    installed: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.parts.blobs", NullBlobs)
    with pytest.raises(ReleaseRefused, match="null_part"):
        check_parts(*render_of("hibari"), installed.receipts)


def test_production_starts_only_with_fit_parts(installed: Case) -> None:
    (line,) = check_start()
    assert "approvals_key_shared" in line
    setting(timestamp_url="", master_secret="")(installed)
    with pytest.raises(UnfitParts) as refused:
        check_start()
    assert "timestamp_unset" in str(refused.value) and "master_secret_unset" in str(refused.value)


def test_a_demonstration_starts_with_its_own_parts(home: Path) -> None:
    assert check_start() == []


def test_up_asks_before_anything_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "production")
    get_settings.cache_clear()
    monkeypatch.setattr("greenroom.supervisor.Supervisor.start", lambda _self: pytest.fail("it started"))
    assert main(["up"]) == FAILED
