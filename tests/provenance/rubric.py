"""A small evaluator of json-formula, as far as the official C2PA asset rubrics use it.

json-formula extends JMESPath with functions, arithmetic and user expressions. Supported: identifiers (plain and
quoted), ``@``, ``$variables``, field access, indexes, filters and projections (``[?…]``, ``[]``, ``[].x``), pipes,
``||``, ``&&``, ``!``, comparisons, ``*``, arrays, objects, JSON literals in backticks, strings and calls. Anything
else raises, so that a new rubric cannot pass by not being understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TOKEN = re.compile(
    r"""\s*(?:
    (?P<literal>`[^`]*`)|(?P<string>"(?:[^"\\]|\\.)*")|(?P<quoted>'(?:[^'\\]|\\.)*')|
    (?P<number>-?\d+(?:\.\d+)?)|(?P<name>\$?[A-Za-z_][A-Za-z0-9_]*)|
    (?P<op>\|\||&&|==|!=|>=|<=|\[\?|[|!<>()\[\]{}:,.@*])
    )""",
    re.VERBOSE,
)

Node = Callable[[Any], Any]


class NotUnderstood(ValueError):
    """The expression uses something that this evaluator does not know."""


@dataclass(frozen=True)
class Projection:
    """A list over whose items what follows is applied."""

    items: list[Any]


@dataclass
class Rubric:
    """One official rubric file."""

    variables: dict[str, Any]
    expressions: dict[str, str]
    statements: list[dict[str, Any]]
    arguments: list[list[Any]] = field(default_factory=list)

    @staticmethod
    def load(path: Path, **variables: Any) -> Rubric:
        head, statements = yaml.safe_load_all(path.read_text(encoding="utf-8"))
        named = dict(head["variables"]) | {f"${key}": value for key, value in variables.items()}
        return Rubric(named, head["expressions"], statements)

    def failures(self, document: Any) -> list[str]:
        """Ids of the statements that fail or warn, with what matched."""
        failed = []
        for statement in self.statements:
            value = self.evaluate(statement["expression"], document)
            matched = bool(statement.get("failIfMatched") or statement.get("warnIfMatched"))
            if truthy(value) == matched:
                failed.append(f"{statement['id']}: {value!r}")
        return failed

    def evaluate(self, expression: str, document: Any) -> Any:
        parser = Parser(expression, self, document)
        node = parser.pipe()
        parser.end()
        return plain(node(document))

    def call(self, name: str, arguments: list[Any], document: Any) -> Any:
        if name in self.expressions:
            self.arguments.append(arguments)
            try:
                return self.evaluate(self.expressions[name], document)
            finally:
                self.arguments.pop()
        if name not in FUNCTIONS:
            raise NotUnderstood(f"function {name}")
        return FUNCTIONS[name](*arguments)


def truthy(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def plain(value: Any) -> Any:
    return value.items if isinstance(value, Projection) else value


def access(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _starts(text: Any, prefix: str) -> bool:
    return isinstance(text, str) and text.startswith(prefix)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "keys": lambda value: list(value or {}),
    "values": lambda value: list((value or {}).values()),
    "length": len,
    "contains": lambda where, what: what in (where or []),
    "startsWith": _starts,
    "endsWith": lambda text, suffix: isinstance(text, str) and text.endswith(suffix),
    "split": lambda text, separator: text.split(separator),
    "notNull": lambda *values: next((value for value in values if value is not None), None),
    "type": lambda value: {str: "string", list: "array", dict: "object", bool: "boolean"}.get(
        type(value), "number"
    ),
}

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a is not None and b is not None and a > b,
    "<": lambda a, b: a is not None and b is not None and a < b,
    ">=": lambda a, b: a is not None and b is not None and a >= b,
    "<=": lambda a, b: a is not None and b is not None and a <= b,
}


class Parser:
    """Recursive descent: pipe > or > and > comparison > product > not > chain of accesses."""

    def __init__(self, text: str, rubric: Rubric, document: Any):
        self.rubric, self.document = rubric, document
        self.tokens: list[tuple[str, str]] = []
        position, text = 0, text.strip()
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise NotUnderstood(text[position : position + 30])
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()
        self.at = 0

    def peek(self, *values: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] in {("op", value) for value in values}

    def take(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise NotUnderstood("the expression ends early")
        self.at += 1
        return self.tokens[self.at - 1]

    def need(self, value: str) -> None:
        if self.take() != ("op", value):
            raise NotUnderstood(f"no {value} where one is needed")

    def end(self) -> None:
        if self.at != len(self.tokens):
            raise NotUnderstood(f"left over: {self.tokens[self.at :]}")

    def pipe(self) -> Node:
        node = self.either()
        while self.peek("|"):
            self.take()
            # What follows a pipe may begin with a bracket, applied to the value that comes in.
            node = self._after(
                node, self.chain(lambda value: value) if self.peek("[", "[?") else self.either()
            )
        return node

    @staticmethod
    def _after(first: Node, second: Node) -> Node:
        return lambda value: second(plain(first(value)))

    def either(self) -> Node:
        node = self.both()
        while self.peek("||"):
            self.take()
            left, right = node, self.both()
            node = lambda value, left=left, right=right: (  # noqa: E731
                found if truthy(found := plain(left(value))) else right(value)
            )
        return node

    def both(self) -> Node:
        node = self.comparison()
        while self.peek("&&"):
            self.take()
            left, right = node, self.comparison()
            node = lambda value, left=left, right=right: (  # noqa: E731
                right(value) if truthy(found := plain(left(value))) else found
            )
        return node

    def comparison(self) -> Node:
        node = self.product()
        if self.peek(*COMPARE):
            compare = COMPARE[self.take()[1]]
            left, right = node, self.product()
            return lambda value: compare(plain(left(value)), plain(right(value)))
        return node

    def product(self) -> Node:
        node = self.negation()
        while self.peek("*"):
            self.take()
            left, right = node, self.negation()
            node = lambda value, left=left, right=right: float(left(value)) * float(right(value))  # noqa: E731
        return node

    def negation(self) -> Node:
        if self.peek("!"):
            self.take()
            inner = self.negation()
            return lambda value: not truthy(plain(inner(value)))
        return self.chain(self.primary())

    def primary(self) -> Node:
        kind, text = self.take()
        if kind == "literal":
            constant = json.loads(text[1:-1])
            return lambda value: constant
        if kind == "string":
            string = json.loads(text)
            return lambda value: string
        if kind == "number":
            return lambda value: float(text)
        if kind == "quoted":
            return lambda value: access(value, text[1:-1])
        if kind == "name":
            return self.named(text)
        if text == "@":
            return lambda value: value
        if text == "(":
            inner = self.pipe()
            self.need(")")
            return inner
        if text == "[":
            items = self.listed("]")
            return lambda value: [plain(item(value)) for item in items]
        if text == "{":
            return self.object()
        raise NotUnderstood(text)

    def object(self) -> Node:
        members: dict[str, Node] = {}
        while not self.peek("}"):
            name = self.take()[1]
            self.need(":")
            members[name] = self.pipe()
            if not self.peek("}"):
                self.need(",")
        self.take()
        return lambda value: {name: plain(node(value)) for name, node in members.items()}

    def named(self, name: str) -> Node:
        rubric, document = self.rubric, self.document
        if name == "$args":
            arguments = rubric.arguments[-1]
            return lambda value: arguments
        if name.startswith("$"):
            constant = rubric.variables[name]
            return lambda value: constant
        if not self.peek("("):
            return lambda value: access(value, name)
        self.take()
        items = self.listed(")")
        if name == "if":
            test, then, other = items
            return lambda value: (then if truthy(plain(test(value))) else other)(value)
        return lambda value: rubric.call(name, [plain(item(value)) for item in items], document)

    def listed(self, end: str) -> list[Node]:
        items: list[Node] = []
        while not self.peek(end):
            items.append(self.pipe())
            if not self.peek(end):
                self.need(",")
        self.take()
        return items

    def chain(self, node: Node) -> Node:
        while self.peek(".", "[", "[?"):
            node = self._step(node)
        return node

    def _step(self, node: Node) -> Node:
        opened = self.take()[1]
        if opened == ".":
            kind, text = self.take()
            if kind not in ("name", "quoted"):
                raise NotUnderstood(f"an access to {text}")
            if kind == "name" and self.peek("("):
                call = self.named(text)
                return lambda value: each(node(value), call)
            name = text[1:-1] if kind == "quoted" else text
            return lambda value: each(node(value), lambda item: access(item, name))
        if opened == "[?":
            test = self.pipe()
            self.need("]")
            return lambda value: Projection(
                [item for item in plain(node(value)) or [] if truthy(plain(test(item)))]
            )
        if self.peek("]"):
            self.take()
            return lambda value: Projection(flattened(plain(node(value)) or []))
        kind, text = self.take()
        self.need("]")
        if kind != "number":
            raise NotUnderstood(f"an index {text}")
        index = int(text)
        return lambda value: (
            items[index]
            if isinstance(items := plain(node(value)), list) and -len(items) <= index < len(items)
            else None
        )


def each(value: Any, apply: Node) -> Any:
    """Apply to a value, or to each item of a projection; nulls drop out of projections."""
    if isinstance(value, Projection):
        found = (plain(apply(item)) for item in value.items)
        return Projection([item for item in found if item is not None])
    return apply(value)


def flattened(items: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for item in items:
        flat += item if isinstance(item, list) else [item]
    return flat
