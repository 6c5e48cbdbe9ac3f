"""A small change of the source, put into the functions that run: wherever they were imported, and undone at the end.

A patch is a text that stands exactly once in a file and what stands there instead. The file is compiled with it, and
each function and method of the module gets its new code; nothing is written to disk, and no module is imported
again. So a patch may change what functions do, and not constants, classes or decorators.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Patch:
    """``old`` stands exactly once in ``file`` (relative to the tree) and is replaced by ``new``."""

    file: str
    old: str
    new: str


class PatchFails(Exception):
    """The patch does not fit the source any more: look at what the check became."""


def changed_source(patch: Patch) -> str:
    """The file with the change. Raises PatchFails unless it applies exactly once and still parses."""
    source = (ROOT / patch.file).read_text(encoding="utf-8")
    if source.count(patch.old) != 1:
        raise PatchFails(
            f"{patch.file}: {patch.old!r} stands there {source.count(patch.old)} times, not once"
        )
    changed = source.replace(patch.old, patch.new)
    try:
        ast.parse(changed)
    except SyntaxError as error:
        raise PatchFails(f"{patch.file}: the patch does not parse ({error.msg})") from error
    return changed


def changed_functions(patch: Patch) -> set[str]:
    """Names of the functions whose code the patch changes. Raises PatchFails when there are none."""
    before = _functions(ast.parse((ROOT / patch.file).read_text(encoding="utf-8")))
    after = _functions(ast.parse(changed_source(patch)))
    names = {name for name in before if before[name] != after.get(name)}
    if not names or set(before) != set(after):
        raise PatchFails(f"{patch.file}: a patch changes what functions do, and nothing else")
    return names


@contextmanager
def patched(patch: Patch) -> Iterator[None]:
    """The product with this change, for the length of the block."""
    names = changed_functions(patch)
    module = importlib.import_module(patch.file.removesuffix(".py").replace("/", "."))
    # Inlined constants of the annotations do not matter: only bodies are taken over.
    codes = dict(_codes(compile(changed_source(patch), str(ROOT / patch.file), "exec")))
    originals: list[tuple[FunctionType, CodeType]] = []
    for name, function in _live(module):
        if name in names and name in codes:
            originals.append((function, function.__code__))
    if {function.__qualname__ for function, _ in originals} < names:
        raise PatchFails(f"{patch.file}: not found in the module: {names}")
    try:
        for function, _ in originals:
            function.__code__ = codes[function.__qualname__]
        yield
    finally:
        for function, code in originals:
            function.__code__ = code


def _functions(tree: ast.Module) -> dict[str, str]:
    """What each outer function says, by qualified name."""
    found = {}
    for node in tree.body:
        for part in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
                found[owner + part.name] = ast.dump(part)
    return found


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant.co_qualname, constant
            if "<locals>" not in constant.co_qualname:
                yield from _codes(constant)


def _live(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """The module's own functions and methods as they are called, behind decorators too."""
    for value in list(vars(module).values()):
        members: list[Any] = list(vars(value).values()) if inspect.isclass(value) else [value]
        for member in members:
            function = (
                member.fget
                if isinstance(member, property)
                else inspect.unwrap(member)
                if callable(member)
                else member
            )
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield function.__qualname__, function
