"""A verification in words: what to do, spans told once, and a credential that a layperson can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest

from provenance.models import Problem, VerifyReport, VerifyVerdict
from provenance.verdicts import NEXT, SENTENCES
from review_ui.answers import TITLES, Branch, answer_of, clock

GATES = [
    {"gate": "lip_sync", "version": "2", "verdict": "pass"},
    {"gate": "authenticity", "version": "2", "verdict": "review"},
]
OURS: dict[str, Any] = {
    "present": True, "state": "trusted", "ours": True, "id": "urn:c2pa:1", "issuer": "Greenroom",
    "signed_at": "2026-11-28T06:42:00+00:00", "tool": "Greenroom", "actions": ["c2pa.opened", "c2pa.published"],
    "made_by": ["c2pa.created", "c2pa.watermarked.bound"], "gates": GATES,
    "ingredients": [{"title": "sealed video", "relationship": "parentOf", "has_credential": True}],
    "approval": {"sha256": "sha256:ab", "manner": "seen"},
}  # fmt: skip
MARK = {"checked": True, "present": True, "id": "308e254e2c", "p_false": 1e-9}


def report(verdict: Any = "intact", credential: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "sentence": SENTENCES[verdict], "trusted": True, "release": "released", "watermark": MARK, "system": {},
    }  # fmt: skip
    shown = VerifyReport(
        verdict=verdict, credential=OURS if credential is None else credential, **usual | more
    )
    return shown.as_dict()


def words(branches: tuple[Branch, ...]) -> Iterator[str]:
    for branch in branches:
        yield branch.words
        yield from words(branch.parts)


def tree(**changes: Any) -> str:
    return "\n".join(words(answer_of(report(credential=OURS | changes)).tree))


@pytest.mark.parametrize("verdict", get_args(VerifyVerdict))
def test_every_verdict_has_a_title_a_sentence_and_what_to_do(verdict: Any):
    answer = answer_of(report(verdict))
    assert answer.title == TITLES[verdict] and answer.sentence == SENTENCES[verdict]
    assert answer.next == NEXT[verdict] and answer.next.endswith(".")


def test_only_a_released_and_trusted_video_is_good():
    assert answer_of(report()).tone == "good"
    assert answer_of(report("recalled", trusted=False, release="recalled")).tone == "bad"
    assert answer_of(report("nothing_found", {}, trusted=False, release="unreleased")).tone == "neutral"
    assert answer_of(report("intact", trusted=True, release="unknown_offline")).tone == "neutral"


def test_spans_of_one_kind_that_touch_are_told_as_one():
    seconds = [(3, 4), (4, 5), (9, 10), (5, 6), (62.5, 64)]
    problems = tuple(Problem("picture_differs", "The picture differs.", *each) for each in seconds)
    heard = (Problem("speech_differs", "The sound differs.", 3.0, 5.0), Problem("container", "Odd."))
    found = answer_of(report("tampered", problems=problems + heard)).found
    assert [(each.message, each.spans) for each in found] == [
        ("The picture differs.", "0:03 to 0:06, 0:09 to 0:10, 1:02.5 to 1:04"),
        ("The sound differs.", "0:03 to 0:05"),
        ("Odd.", ""),
    ]


def test_a_hundred_spans_are_a_few_and_their_number():
    problems = tuple(Problem("x", "It differs.", 10.0 * n, 10.0 * n + 1) for n in range(100))
    (only,) = answer_of(report("tampered", problems=problems)).found
    assert only.spans.endswith("1:10 to 1:11 and 92 more")


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (59.96, "1:00"), (3600.25, "60:00.2")])
def test_times_read_as_a_players(seconds: float, told: str):
    assert clock(seconds) == told


def test_a_check_that_asked_for_a_person_is_told_with_what_the_person_did():
    """A released video whose credential says `authenticity: review` is no doubtful one."""
    told = tree()
    assert "Authenticity: a person looked, and approved it." in told and "review" not in told.replace(
        "reviewer", ""
    )
    assert (
        "Lip sync: passed." in told and "2 checks before release, 1 of them passed without a person:" in told
    )
    assert "Authenticity: it asked for a person to look." in tree(approval=None)


def test_the_credential_is_told_without_a_code_or_a_brace():
    told = tree()
    for code in ("c2pa", "{", "_", "parentOf", "sha256"):
        assert code not in told, code
    for said in (
        "It is signed by us, and every check of it holds.", "Signed by Greenroom on 28 November 2026.",
        "Made, with generative AI.", "Marked invisibly.", "Published.", "by people who played at least 95 %",
        "The same video as it was before its release, with a credential of its own.",
    ):  # fmt: skip
        assert said in told, said
    assert "Taken from a finished video" not in told


def test_an_import_says_that_it_was_one():
    assert "Taken from a finished video." in tree(made_by=["c2pa.opened", "c2pa.watermarked.bound"])


def test_what_fails_a_check_speaks_of_another_file():
    assert "which this one is not" in tree(state="invalid")


def test_nothing_is_claimed_of_a_file_without_a_credential():
    answer = answer_of(
        report("nothing_found", {"present": False}, watermark={"checked": False, "present": False})
    )
    assert next(words(answer.tree)).startswith("The file carries no content credential")
    assert "An invisible mark was not looked for." in words(answer.tree)


def test_unknown_words_of_a_strangers_credential_are_told_as_they_are():
    told = tree(
        actions=["c2pa.color_adjustments", "org.example.own"], made_by=None, signed_at="never", gates=[]
    )
    assert "Color adjustments." in told and "Org example own." in told and "Signed by Greenroom." in told
