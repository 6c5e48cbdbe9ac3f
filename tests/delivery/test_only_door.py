"""One door (trust step 12), read from the code: nobody but pipeline/life.py writes a render's state, and nobody but
delivery/release.py moves one to `released`.

The database refuses the rest whatever the code says (test_guard.py); this finds it before it runs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packages import PACKAGES

ROOT = Path(__file__).parent.parent.parent
DOOR, LIFE, GUARD = "delivery/release.py", "pipeline/life.py", "pipeline/guard.py"

COLUMNS = {"state", "published_sha256"}
SQL = re.compile(r"\b(update|insert|replace)\b.*\brenders\b", re.IGNORECASE | re.DOTALL)
UNGUARDING = re.compile(r"\b(drop|disable)\s+trigger\b", re.IGNORECASE)
BULK = {"bulk_update_mappings", "bulk_insert_mappings", "bulk_save_objects", "merge"}
ABOUT_STATES = {"get", "count", "Move", "StageSpec", "_from"}  # calls that speak of a state and set none

# What each of these does besides is read by hand when it changes.
MAY: dict[str, set[str]] = {
    LIFE: {"assigns", "dictionary", "table", "update", "unpacked"},
    DOOR: {"dictionary", "moves", "named release", "vouches"},
    GUARD: {"table"},
    "pipeline/guard_sqlite.py": {"sql", "vouches"},
    "pipeline/guard_postgresql.py": {"sql"},
    "core/engines.py": {"vouches"},
    "generate/ways.py": {"assigns"},  # a part of a template, whatever it is called
    "core/metrics.py": {"assigns"},  # methods of a class, that are counted
    "pipeline/counting.py": {"sql"},  # triggers that count
    "pipeline/tables.py": {"table"},
    "pipeline/states.py": set(),
    "pipeline/leases.py": {"update", "unpacked"},  # fences and times: a test below reads its columns
    "pipeline/outbox.py": {"update"},
    "pipeline/shift.py": {"update", "unpacked"},  # frees a lease: leases.FREE names its columns
    "pipeline/steering.py": {"update"},  # when a message was sent
    "pipeline/script_approval.py": {"update"},  # when a stage is tried again and a message was sent
    "pipeline/again.py": {"update"},  # by which cause lists find it
    "pipeline/capture/examining.py": {"assigns"},  # where a reference clip is
    "pipeline/capture/references.py": {"assigns"},
    "delivery/register.py": {"dictionary"},  # what the register says
    "delivery/webhook_messages.py": {"assigns"},  # where a message is
    "delivery/withdrawal.py": {"update"},
    "review_ui/api/carrying.py": {"assigns"},  # where a job is
    "review_ui/pages/console.py": {"dictionary"},  # what a script is answered
    "greenroom/backup/load.py": {
        "unguards"
    },  # an empty database gets its rows back, released ones among them
    "greenroom/demo/report.py": {"dictionary"},  # what the demonstration prints
    "greenroom/migrations/versions/0002_what_the_doors_read.py": {"sql", "vouches"},
    "greenroom/migrations/versions/0003_many_machines.py": {"sql"},
    "greenroom/migrations/versions/0008_sending.py": {"sql"},  # causes
    "greenroom/migrations/versions/0012_review.py": {"sql"},  # flags of a list
    "greenroom/migrations/versions/0014_script_approval.py": {"sql"},  # triggers
}


def writes(source: str) -> Iterator[tuple[str, int]]:
    """Each place where code could write a render's state or make one released: what it is, and its line."""
    tree = ast.parse(source)
    about_renders = "RenderRow" in source
    documents = {id(part) for node in ast.walk(tree) for part in _docstring(node)}
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(
                isinstance(part, ast.Attribute) and part.attr in COLUMNS and isinstance(part.ctx, ast.Store)
                for target in targets
                for part in ast.walk(target)
            ):
                yield "assigns", line
        elif isinstance(node, ast.Dict) and about_renders and any(_is_column(key) for key in node.keys):
            yield "dictionary", line
        elif isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in documents:
            if SQL.search(_text(node)):
                yield "sql", line
            if UNGUARDING.search(_text(node)):
                yield "unguards", line
        elif (
            isinstance(node, ast.Attribute) and node.attr == "__table__" and _last(node.value) == "RenderRow"
        ):
            yield "table", line
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "release":
            yield "named release", line
        elif isinstance(node, ast.Name | ast.alias) and _name(node) in ("release_transaction", "VOUCHES"):
            yield "vouches", line
        elif isinstance(node, ast.Call):
            yield from ((what, line) for what in _calls(node))


def _calls(node: ast.Call) -> Iterator[str]:
    called = _last(node.func)
    first = node.args[0] if node.args else None
    named = {keyword.arg for keyword in node.keywords}
    if called == "setattr" and not (
        len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and node.args[1].value not in COLUMNS
    ):
        yield "assigns"
    if called == "create_function":
        yield "vouches"
    if called in ("update", "insert", "delete") and first is not None and _last(first) == "RenderRow":
        yield "update"
    if called == "update" and isinstance(node.func, ast.Attribute) and _of_renders(node.func.value):
        yield "update"
    if called in BULK and isinstance(node.func, ast.Attribute) and _is_session(node.func.value):
        yield "update"
    if called == "RenderRow" or (called == "values" and _of_renders(node.func)):
        if named & COLUMNS:
            yield "assigns"
        if None in named:
            yield "unpacked"
    if called not in ABOUT_STATES:
        values = [*node.args, *(k.value for k in node.keywords if k.arg != "start")]
        if any(_last(value) == "RELEASED" for value in values):
            yield "moves"


def _of_renders(node: ast.AST) -> bool:
    return any(_last(part) == "RenderRow" for part in ast.walk(node))


def _is_column(key: ast.AST | None) -> bool:
    return (isinstance(key, ast.Constant) and key.value in COLUMNS) or (
        isinstance(key, ast.Attribute) and key.attr in COLUMNS and _last(key.value) == "RenderRow"
    )


def _is_session(node: ast.AST) -> bool:
    return _last(node) in ("session", "s") or not isinstance(node, ast.Name)


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _name(node: ast.Name | ast.alias) -> str:
    return node.id if isinstance(node, ast.Name) else node.name


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return " ".join(
        part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def _docstring(node: ast.AST) -> Iterator[ast.AST]:
    """Words that stand alone: documentation, and nothing that runs."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value


def found() -> dict[str, set[str]]:
    """What each file of the product does that could write a state."""
    result: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if kinds := {kind for kind, _ in writes(path.read_text(encoding="utf-8"))}:
                result[str(path.relative_to(ROOT))] = kinds
    return result


def test_nobody_but_the_life_writes_a_state_and_nobody_but_the_door_releases():
    beyond = {path: kinds - MAY.get(path, set()) for path, kinds in found().items()}
    assert {path: kinds for path, kinds in beyond.items() if kinds} == {}


def test_what_is_allowed_is_done():
    """An allowance that nothing needs is an open door."""
    assert {path: kinds for path, kinds in MAY.items() if kinds} == {
        path: kinds for path, kinds in found().items() if path in MAY
    }


def test_leases_write_no_state():
    """They unpack a dictionary into an update: none of its keys is a state."""
    from pipeline.leases import FREE

    assert not COLUMNS & set(FREE)


@pytest.mark.parametrize(
    "back_door",
    [
        "row.state = State.RELEASED",
        "row.state, row.reason = new, None",
        "row.published_sha256 = digest",
        "row.state: str = 'released'",
        "setattr(row, 'state', 'released')",
        "setattr(row, name, value)",
        "update(RenderRow).values(state=State.RELEASED)",
        "update(RenderRow).values(state=wanted)",
        "update(RenderRow).values({'state': wanted})",
        "update(RenderRow).values({RenderRow.state: wanted})",
        "update(RenderRow).values(**wanted)",
        "update(tables.RenderRow).where(x)",
        "insert(RenderRow).values(**wanted)",
        "session.query(RenderRow).filter_by(id=x).update(wanted)",
        "session.bulk_update_mappings(table, wanted)",
        "session.bulk_save_objects(rows)",
        "session.merge(row)",
        "RenderRow(state='released')",
        "RenderRow(**wanted)",
        "renders = RenderRow.__table__",
        "session.execute(text('UPDATE renders SET x = 1'))",
        "session.execute(text(f'UPDATE renders SET {column} = 1'))",
        "session.execute(text('insert or replace into renders values (1)'))",
        "move(session, render_id, State.RELEASED, start=start)",
        "move(session, render_id, end=State.RELEASED, start=start)",
        "Outcome(State.RELEASED)",
        "with release_transaction(render_id, digest) as session: pass",
        "from pipeline.guard import release_transaction as quietly",
        "connection.create_function('greenroom_vouches', 2, lambda *_: 1)",
        "def release(x): ...",
    ],
)
def test_the_test_sees_a_back_door(back_door: str):
    assert list(writes(f"{back_door}\nRenderRow\n"))


def test_the_test_sees_every_back_door_that_the_database_refuses():
    """Those of test_guard.py, one by one, as they are written there."""
    tree = ast.parse((Path(__file__).parent / "test_guard.py").read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    (doors,) = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and _last(node.target) == "BACK_DOORS"
    ]
    assert isinstance(doors, ast.Dict) and len(doors.values) >= 20
    unseen = []
    for key, door in zip(doors.keys, doors.values, strict=True):
        code = functions[door.id] if isinstance(door, ast.Name) else door
        # A name for the table is seen where it is given.
        source = ast.unparse(code).replace("RENDERS", "RenderRow.__table__")
        if not list(writes(source)):
            unseen.append(ast.unparse(key))
    assert unseen == []


@pytest.mark.parametrize(
    "harmless",
    [
        "select(RenderRow).where(RenderRow.state == State.RELEASED)",
        "move(session, render_id, State.RECALLED, start=State.RELEASED)",
        "update(AuthorityRow).values(status='x')",
        "'''Nobody may update renders here.'''",
    ],
)
def test_the_test_lets_readers_be(harmless: str):
    assert list(writes(harmless)) == []
