"""One door: no code but delivery/release.py writes the released state (trust step 12)."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOOR = Path("delivery/release.py")
PACKAGES = [
    "core",
    "audit",
    "generate",
    "detect",
    "policy",
    "provenance",
    "pipeline",
    "delivery",
    "review_ui",
    "greenroom",
]


def writers(source: str) -> list[int]:
    """Lines that could write the released state: a `state` that is given State.RELEASED, "released" or a
    name that could be either; and SQL text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg in ("state", "published_sha256") and _released(node):
            found.append(node.value.lineno)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            named = {t.attr for t in ast.walk(ast.Tuple(elts=list(targets))) if isinstance(t, ast.Attribute)}
            if named & {"published_sha256"} or ("state" in named and node.value and _mentions(node.value)):
                found.append(node.lineno)
        if isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            if "published_sha256" in keys and not _is_document(node):
                found.append(node.lineno)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.lower()
            if "update renders" in text or "insert into renders" in text:
                found.append(node.lineno)
        if isinstance(node, ast.FunctionDef) and node.name == "release":
            found.append(node.lineno)
    return found


def _released(node: ast.keyword) -> bool:
    return node.arg == "published_sha256" or _mentions(node.value)


def _mentions(value: ast.AST) -> bool:
    return any(
        (isinstance(n, ast.Attribute) and n.attr == "RELEASED")
        or (isinstance(n, ast.Constant) and n.value == "released")
        for n in ast.walk(value)
    )


def _is_document(node: ast.Dict) -> bool:
    """A dict of facts or of JSON is read, not stored in the render's row; it holds other keys of documents."""
    keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
    return bool(keys & {"essence", "link", "render", "actor", "sealed_sha256"})


def test_nothing_but_the_door_writes_the_released_state():
    others = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            relative = path.relative_to(ROOT)
            if relative != DOOR and (lines := writers(path.read_text(encoding="utf-8"))):
                others[str(relative)] = lines
    assert others == {}


def test_the_test_sees_the_door_itself():
    assert len(writers((ROOT / DOOR).read_text(encoding="utf-8"))) >= 2


def test_the_test_sees_a_back_door():
    for back_door in (
        "row.state = State.RELEASED",
        "row.state = 'released'",
        "update(RenderRow).values(state=State.RELEASED)",
        "update(RenderRow).values(published_sha256=digest)",
        "row.published_sha256 = digest",
        "session.execute(text('UPDATE renders SET x = 1'))",
        "update(RenderRow).values(**{'published_sha256': x, 'state': y})",
        "def release(x): ...",
    ):
        assert writers(back_door), back_door
