"""The table of sabotages holds: every patch fits the code, names tests that exist, and a share of it is run.

Everything is run by ``make bench NAME=sabotage``. Here, each day another part: within days each was tried, and a
sabotage that is not caught fails the build at the latest then.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections import Counter
from functools import lru_cache

import pytest

from tests.sabotage.patching import ROOT, Patch, PatchFails, changed_functions, patched
from tests.sabotage.table import SABOTAGES, Sabotage

PARTS = 12
"""Each run of the tests tries one of so many parts of the table, another one each day."""


@lru_cache(maxsize=100)
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda s: f"{s.step}: {s.name}")
def test_a_sabotage_fits_the_code_and_names_tests_that_exist(sabotage: Sabotage):
    assert changed_functions(sabotage.patch)
    assert sabotage.tests
    for test in sabotage.tests:
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in names_in(file), test


def test_the_table_speaks_of_every_step_that_checks_and_of_no_check_twice():
    steps = {step for sabotage in SABOTAGES for step in sabotage.step.split("-")}
    assert {"1", "2", "3", "6", "8", "9", "10", "11", "12", "13", "ledger"} <= steps
    assert [name for name, times in Counter(s.name for s in SABOTAGES).items() if times > 1] == []
    assert len(SABOTAGES) >= 40


def test_a_part_of_the_table_is_caught():
    """In a process of its own: the code under test is changed while it runs."""
    day = int(os.environ.get("SABOTAGE_PART") or time.time() // (24 * 3600))
    names = [sabotage.name for sabotage in SABOTAGES[day % PARTS :: PARTS]]
    answer = subprocess.run(
        [sys.executable, "-m", "tests.sabotage.runner", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert answer.stdout, answer.stderr[-3000:]
    report = json.loads(answer.stdout.splitlines()[-1])
    assert (report["uncaught"], report["broken"]) == ({}, [])
    assert report["caught"] == report["tried"] == len(names)


# The patching itself


def test_a_patch_changes_what_runs_everywhere_and_leaves():
    from pipeline.decision_table import rule_of as imported_elsewhere
    from pipeline.states import State, check_move

    patch = Patch("pipeline/states.py", "if end not in TRANSITIONS[start]:", "if False:")
    with patched(patch):
        check_move(State.RECALLED, State.RELEASED, where="x")
    with pytest.raises(Exception, match="cannot go"):
        check_move(State.RECALLED, State.RELEASED, where="x")
    assert callable(imported_elsewhere)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("this stands nowhere", "", "0 times"),
        ("import", "import", "times, not once"),
        ("if end not in TRANSITIONS[start]:", "if", "does not parse"),
        ('RECALLED = "recalled"', 'RECALLED = "released"', "what functions do"),
        ("if end not in TRANSITIONS[start]:", "if end not in TRANSITIONS[start]:", "what functions do"),
    ],
)
def test_a_patch_that_does_not_fit_is_an_error(old: str, new: str, words: str):
    with pytest.raises(PatchFails, match=words), patched(Patch("pipeline/states.py", old, new)):
        pass
