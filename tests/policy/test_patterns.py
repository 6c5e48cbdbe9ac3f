"""Patterns that could run away are refused when they are read, not when an attacker finds them."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest

from policy.errors import PackError
from policy.packs import pack_names, rule_set, shipped_pack
from policy.patterns import compile_pattern
from policy.service import MAX_TEXT, check_text
from tests.policy.lists import Field


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b", "a*", "a+b", r"(a|a){30}b", "(a?){30}a{30}", "(.{0,50}){0,50}x", r"(a)\1", "a{0,100}a{0,100}b",
        "(?:a|b|ab){1,40}c", "", "a{0,5}", "x*|y", "(", "a{1,1000}b", "a" * 501,
    ],
)  # fmt: skip
def test_an_unbounded_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(PackError):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    "pattern", [r"\{\{", r"[a-z0-9-]{1,63}\.(?:com|net)", r"(?:a|b){1,3}c", "<[^<>]{0,100}>"]
)
def test_a_bounded_pattern_is_accepted(pattern: str) -> None:
    assert compile_pattern(pattern).pattern == pattern


def hostile(size: int) -> list[str]:
    """Strings that make backtracking matchers slow: long runs of what the rules' parts can begin with."""
    seeds = [
        "a", "<a", "&#", "1 ", "1.", "((((", "<<<<", "{{", "w.", "@a", "g u a r ", "best in ", "a-", "aa.",
        "\u0301", "\u200b", "no side ", "0000000000 ", "s*", "fu", "Ａ", "ก", "𝐠", "guarantee",
        "guaranteed. ", "free trial ", "cures flu ",
        "one two three four ", "/",
    ]  # fmt: skip
    return [(seed * (size // len(seed) + 1))[:size] for seed in seeds]


@pytest.fixture
def quiet_collector() -> Iterator[None]:
    """The garbage of earlier tests' models is not counted here: one full collection takes longer than a check."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("quiet_collector")
@pytest.mark.parametrize("text", hostile(MAX_TEXT))
def test_hostile_text_takes_time_linear_in_its_length(text: str) -> None:
    """Ten times the text takes at most about ten times the time, on the processor in this thread."""

    def seconds(part: str) -> float:
        began = time.thread_time()
        check_text(
            part,
            pack="consumer-products",
            territory="in",
            fields=[Field("first_name", 0, min(60, len(part)))],
        )
        return time.thread_time() - began

    check_text("warm", pack="consumer-products", territory="in")
    short = min(seconds(text[: MAX_TEXT // 10]) for _ in range(2))
    whole = seconds(text)
    assert whole < 5.0
    assert whole < 40 * max(short, 0.005)


def test_patterns_of_the_shipped_packs_are_linear_on_100_kb() -> None:
    patterns = [p for rule in rule_set(pack_names()).rules for p in rule.patterns]
    assert len(patterns) > 20
    for text in hostile(100_000):
        for pattern in patterns:
            began = time.thread_time()
            for _ in pattern.finditer(text):
                pass
            assert time.thread_time() - began < 1.0, pattern.pattern


def test_a_text_of_100_kb_is_blocked_unread() -> None:
    began = time.thread_time()
    report = check_text("a " * 50_000, pack="consumer-products", territory="in")
    assert [finding.code for finding in report.findings] == ["text_too_long"]
    assert report.verdict == "block"
    assert time.thread_time() - began < 1.0


def test_every_shipped_pack_loads() -> None:
    assert {"base", "consumer-products", "eu", "in", "us"} <= set(pack_names())
    assert all(shipped_pack(name).rules for name in pack_names())
