"""What was heard stands beside what the script says, and nothing of either is lost on the way."""

from __future__ import annotations

import random

import pytest

from review_ui.spoken import LONGEST_LINE, Heard, lines_of


def heard(text: str, pace: float = 0.5) -> list[Heard]:
    return [Heard(word, n * pace, (n + 1) * pace) for n, word in enumerate(text.split())]


def sides(script: str, said: str) -> tuple[list[str], list[str]]:
    """The words that are marked: of the script, and of what was heard."""
    lines = lines_of(script, heard(said))
    return (
        [word.text for line in lines for word in line.script if word.other],
        [word.text for line in lines for word in line.heard if word.other],
    )


@pytest.mark.parametrize(
    ("script", "said", "marked"),
    [
        ("Hello Asha, your tea is ready.", "hello asha your tea is ready", ([], [])),
        ("Hello Asha, your tea is ready.", "Hello Usher, your tea is ready.", (["Asha,"], ["Usher,"])),
        ("Hello Asha, your tea is ready.", "Hello Asha, your is ready.", (["tea"], [])),
        ("Hello Asha.", "Hello dear Asha.", ([], ["dear"])),
        ("", "Hello Asha.", ([], [])),  # nothing to compare with
    ],
)
def test_what_the_other_side_does_not_have_is_marked(
    script: str, said: str, marked: tuple[list[str], list[str]]
) -> None:
    assert sides(script, said) == marked


def test_every_word_of_both_sides_is_there_in_order_whatever_was_said() -> None:
    numbers = random.Random(7)
    words = [f"{word}{end}" for word in ("tea", "is", "ready", "now", "Asha") for end in ("", ",", ".")]
    for _ in range(50):
        script = " ".join(numbers.choices(words, k=numbers.randint(0, 60)))
        said = " ".join(numbers.choices(words, k=numbers.randint(1, 60)))
        lines = lines_of(script, heard(said))
        assert [word.text for line in lines for word in line.script] == script.split()
        assert [word.text for line in lines for word in line.heard] == said.split()
        assert all(len(side) <= LONGEST_LINE for line in lines for side in (line.script, line.heard))
        assert [line.t0 for line in lines] == sorted(line.t0 for line in lines)
        assert [word.t0 for line in lines for word in line.heard] == [word.t0 for word in heard(said)]


def test_nothing_heard_is_no_line() -> None:
    assert lines_of("Hello.", []) == []
