"""What a fingerprint comparison means for a verdict."""

from __future__ import annotations

from provenance.models import Difference
from provenance.senses import agreement


def test_a_whole_copy_agrees() -> None:
    found = agreement(True, (), (0.0, 29.6), 30.0, 29.6)
    assert found.agrees and found.share == 1.0 and found.excerpt is None


def test_an_excerpt_is_no_faithful_copy() -> None:
    for covers in ((0.0, 28.0), (2.0, 30.0)):
        found = agreement(True, (), covers, 30.0, covers[1] - covers[0])
        assert not found.agrees and found.share == 1.0 and found.excerpt == covers


def test_the_share_counts_seconds_once() -> None:
    differences = (
        Difference(1.0, 2.0, "picture"),
        Difference(1.0, 2.0, "face"),
        Difference(3.0, 5.0, "speech"),
    )
    found = agreement(False, differences, None, 10.0, 10.0)
    assert not found.agrees and abs(found.share - 0.7) < 1e-9


def test_a_disagreement_without_seconds_agrees_nowhere() -> None:
    assert agreement(False, (), None, 10.0, 10.0).share == 0.0
