"""A credential of a production authority is trusted and no demonstration; the reader refuses a clock of no known root.

The second is what `delivery/parts.py` cannot tell without asking the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provenance.credential import seal
from provenance.models import Anchors, VerifyReport
from provenance.signer import FileSigner
from provenance.timestamp import DevelopmentTimestamps, TimestampAuthority
from provenance.verify import verify
from tests.delivery.production import CLOCKS, Authority, Holder, issue
from tests.provenance.conftest import MARK_ID, seal_facts, write_clip
from tests.provenance.doubles import ToldSenses


@dataclass
class Station:
    """A production authority, and a clock of another house."""

    authority: Authority
    clock_root: Holder
    url: str
    folder: Path

    def sealed(self, *, environment: str = "production", development: bool = False) -> Path:
        leaf, between = self.authority.leaf, self.authority.between
        chain = (leaf.pem + between.pem).decode()
        signer = FileSigner(leaf.key, chain, self.url, development)
        asset, out = write_clip(self.folder / "asset.mp4", seconds=1), self.folder / "sealed.mp4"
        seal(asset, out, seal_facts(environment=environment), signer, anchors=self.anchors)
        return out

    @property
    def anchors(self) -> str:
        return (self.authority.root.pem + self.clock_root.pem).decode()


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    root = issue("Clock Root", ca=True, organisation="Example Time Ltd")
    leaf = issue("Clock", root, purposes=CLOCKS, organisation="Example Time Ltd")
    clock = DevelopmentTimestamps(TimestampAuthority(leaf.key, [leaf.certificate]))
    yield Station(Authority(), root, clock.url, tmp_path)
    clock.close()


def read(path: Path, anchors: str) -> VerifyReport:
    return verify(path, registry=None, anchors=Anchors(own=anchors), senses=ToldSenses(mark_id=MARK_ID))


def test_it_is_trusted_and_no_demonstration(station: Station) -> None:
    report = read(station.sealed(), station.anchors)
    assert (report.verdict, report.trusted, report.problems) == ("unreleased", True, ())
    assert report.credential["demonstration"] is False


@pytest.mark.parametrize("environment, development", [("demo", False), ("production", True)])
def test_what_is_not_both_is_a_demonstration(station: Station, environment: str, development: bool) -> None:
    report = read(station.sealed(environment=environment, development=development), station.anchors)
    assert report.trusted and report.credential["demonstration"] is True


def test_a_clock_whose_root_is_not_among_the_anchors_makes_nothing_trusted(station: Station) -> None:
    report = read(station.sealed(), station.authority.root.pem.decode())
    assert not report.trusted and report.credential["state"] != "trusted"
