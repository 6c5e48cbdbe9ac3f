"""A video from script to release with every private key at a remote signer."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.ledger import sequence_pending, verify_ledger
from core.blobs import blobs
from core.remote_signer import RemoteSignerProblem
from core.settings import get_settings
from delivery.parts import faults
from greenroom.installation import initialise
from pipeline.runner import advance
from pipeline.states import State
from provenance.signer import RemoteClaimSigner, signer_of
from provenance.timestamp import DevelopmentTimestamps, TimestampAuthority
from tests.delivery.production import CLOCKS, Authority, issue
from tests.kit.home import all_tables
from tests.kit.machines import machine
from tests.kit.remote_signer import Remote, remote_signer
from tests.kit.world import World
from tests.kit.world import world as open_world

pytestmark = pytest.mark.only("sqlite")  # what signs is not the database's


@dataclass
class Studio:
    """A world whose keys are elsewhere."""

    w: World
    remote: Remote


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("remote")
    authority, clock_root = Authority(), issue("Clock Root", ca=True, organisation="Example Time Ltd")
    clock_leaf = issue("Clock", clock_root, purposes=CLOCKS, organisation="Example Time Ltd")
    clock = DevelopmentTimestamps(TimestampAuthority(clock_leaf.key, [clock_leaf.certificate]))
    (folder / "chain.pem").write_bytes(authority.leaf.pem + authority.between.pem)
    (folder / "anchors.pem").write_bytes(authority.root.pem + clock_root.pem)
    with remote_signer(folder / "signer") as remote:
        remote.rings.keep("claims", authority.leaf.key)
        settings = remote.settings() | {
            "signing_key": remote.address("claims"),
            "signing_chain": str(folder / "chain.pem"),
            "signing_anchors": str(folder / "anchors.pem"),
            "timestamp_url": clock.url,
            "environment": "test",
        }

        def begin() -> None:
            all_tables()
            initialise()

        with machine(folder / "home", **settings), open_world(folder / "home", make_tables=begin) as w:
            yield Studio(w, remote)
    clock.close()


@pytest.fixture
def signed(studio: Studio) -> Iterator[Counter[str]]:
    """What the signer signs in a test, by kind; complete once the test asks for it last."""
    before = len(studio.remote.log())

    class Late(Counter[str]):
        def now(self) -> dict[str, int]:
            return dict(Counter(line["signed"] for line in studio.remote.log()[before:] if "signed" in line))

    yield Late()


def test_it_is_sealed_decided_released_and_verified(studio: Studio, signed: Counter[str]) -> None:
    out = studio.w.released()
    path = blobs().get_file(out.published_sha256 or "")
    report = studio.w.verify(path)
    assert (report.verdict, report.trusted) == ("intact", True), report.problems
    sequence_pending()
    assert verify_ledger().good
    told = signed.now()  # type: ignore[attr-defined]
    assert told["claim"] >= 2 and told["greenroom.approval.v1"] == 1 and told["checkpoint"] >= 1
    assert told["greenroom.receipt.v1"] >= 3
    assert list(studio.w.home.rglob("*.pem")) == [] and list(studio.w.home.rglob("*.key")) == []


def test_a_workers_token_seals_and_decides_nothing(studio: Studio) -> None:
    with machine(studio.w.home, **studio.remote.settings("worker")):
        render = studio.w.to_review()
        with pytest.raises(RemoteSignerProblem, match="refused \\(403\\)"):
            studio.w.approve(render)
    assert studio.w.now_is(render).state == State.IN_REVIEW
    assert studio.w.approved(render).state == State.APPROVED


def test_a_webs_token_seals_nothing(studio: Studio) -> None:
    with (
        machine(studio.w.home, **studio.remote.settings("web")),
        pytest.raises(RemoteSignerProblem, match="refused \\(403\\)"),
    ):
        signer_of().sign(b"\x84\x6aSignature1 and so on")


def test_the_chain_says_which_key_and_a_wrong_answer_is_no_signature(studio: Studio) -> None:
    signer = signer_of()
    assert isinstance(signer, RemoteClaimSigner)
    data = b"\x84\x6aSignature1" + hashlib.sha256(b"a claim").digest()
    assert len(signer.sign(data)) == 64
    other = Authority()
    (studio.w.home / "other.pem").write_bytes(other.leaf.pem + other.between.pem)
    with (
        machine(studio.w.home, signing_chain=str(studio.w.home / "other.pem")),
        pytest.raises(RemoteSignerProblem, match="refused \\(404\\)"),  # it has no such key
    ):
        signer_of().sign(data)
    # A key under the wrong name at the signer: what it signs is not believed.
    ring = studio.remote.folder / "keys" / "claims"
    kept = (ring / f"{signer.key_id}.pem").read_bytes()
    studio.remote.rings.keep("claims", other.leaf.key)
    try:
        with machine(studio.w.home, signing_chain=str(studio.w.home / "other.pem")):
            (ring / f"{signer_of().key_id}.pem").write_bytes(kept)  # type: ignore[attr-defined]
            with pytest.raises(RemoteSignerProblem, match="not of the key"):
                signer_of().sign(data)
    finally:
        (studio.w.home / "other.pem").unlink()


def test_while_it_is_down_the_seal_waits_and_nothing_is_lost(studio: Studio) -> None:
    down = "http://127.0.0.1:9/keys/claims"
    with machine(studio.w.home, signing_key=down):
        render = studio.w.render()
        advance(render.id)
        row = studio.w.now_is(render)
        assert row.state == State.EXAMINED and row.retry_at is not None and row.waits == 1
    assert studio.w.released(studio.w.approved(studio.w.to_review(render))).state == State.RELEASED


def test_the_parts_are_looked_at_without_asking_anybody(studio: Studio) -> None:
    with machine(studio.w.home, signing_key="http://127.0.0.1:9/keys/claims", environment="production"):
        codes = {fault.code for fault in faults(get_settings())}
    assert not any(code.startswith("signing_") for code in codes), codes
    with machine(studio.w.home, signing_key="http://signer.example/claims", environment="production"):
        assert "signing_unreadable" in {fault.code for fault in faults(get_settings())}


def test_another_home_with_the_public_halves_alone_signs_as_well(studio: Studio, tmp_path: Path) -> None:
    shutil.copytree(studio.w.home / "keys", tmp_path / "second" / "keys")
    with machine(
        tmp_path / "second",
        database_url=f"sqlite:///{studio.w.home / 'greenroom.db'}",
        blob_url=f"file://{studio.w.home / 'blobs'}",
        ledger_url=f"file://{studio.w.home / 'ledger'}",
    ):
        assert studio.w.released().state == State.RELEASED
