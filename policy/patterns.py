"""Regular expressions that cannot run away.

Python's matcher backtracks: nested or neighbouring repeats can take polynomial or exponential time. A pack's
pattern is therefore accepted only if the number of ways it can be walked from one starting point has a
small fixed bound, counted over its parse tree. Time is then linear in the text.
"""

from __future__ import annotations

import re
import re._constants as op
import re._parser as parser
from typing import Any

from policy.errors import PackError

MAX_WAYS = 5_000
MAX_REPEAT = 100


def compile_pattern(source: str) -> re.Pattern[str]:
    """Compile a bounded pattern. Raises :class:`PackError` naming what makes it unbounded."""
    if len(source) > 500:
        raise PackError("a pattern is at most 500 characters", where=repr(source[:60]))
    try:
        tree = parser.parse(source)
        ways = _ways(tree, source)
        compiled = re.compile(source)
    except (re.error, RecursionError) as error:
        raise PackError(f"a pattern cannot be read: {error}", where=repr(source)) from error
    if ways > MAX_WAYS:
        raise PackError(
            f"a pattern can be walked in {min(ways, 10**9):,} ways; at most {MAX_WAYS:,} are allowed",
            where=repr(source),
            next_step="bound its repeats, or write it as a phrase",
        )
    if compiled.match(""):
        raise PackError("a pattern matches the empty text, so it would match everything", where=repr(source))
    return compiled


def _ways(tree: Any, source: str) -> int:
    """An upper bound on the paths through a parsed pattern from one starting point."""
    total = 1
    for code, argument in tree:
        total *= _ways_of(code, argument, source)
        if total > 10**9:
            return total
    return total


def _ways_of(code: Any, argument: Any, source: str) -> int:
    if code in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN, op.AT, op.CATEGORY):
        return 1
    if code is op.SUBPATTERN:
        return _ways(argument[-1], source)
    if code is op.BRANCH:
        return sum(_ways(branch, source) for branch in argument[1])
    if code in (op.ASSERT, op.ASSERT_NOT):
        return _ways(argument[1], source)
    if code in (op.MAX_REPEAT, op.MIN_REPEAT):
        low, high, inner = argument
        if high > MAX_REPEAT:
            raise PackError(
                "a pattern repeats without a bound",
                where=repr(source),
                next_step=f"use {{m,n}} with n up to {MAX_REPEAT} instead of * and +",
            )
        one = _ways(inner, source)
        if one == 1:
            return int(high - low + 1)
        return int(min(sum(one**count for count in range(low, high + 1)), 10**10))
    raise PackError("a pattern uses a construct that is not allowed", where=f"{source!r}: {code}")
