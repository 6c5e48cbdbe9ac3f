"""A script from a template and typed fields (trust step 2).

The template language is a small part of Jinja2: text, ``{{ field }}``, a few filters, and ``{% if %}``. No loops,
no attributes, no calls, no arithmetic on strings: so time and output are bounded by construction, and the sandbox
is the second wall. Fields are values of the context and never become source.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from generate.errors import TemplateError
from generate.fields import check_fields, check_schema

LONGEST_TEMPLATE = 20_000  # characters
LONGEST_SCRIPT = 15_000
MOST_NODES = 2_000
DEEPEST = 20  # blocks within blocks: bounds the compiler's recursion

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If, nodes.CondExpr, nodes.Const,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Test, nodes.Neg,
)  # fmt: skip
_TESTS = frozenset({"defined", "undefined", "even", "odd"})
_OPEN, _MIDDLE, _CLOSE = "\ue000", "\ue001", "\ue002"  # private use: neither template nor field may hold them


@dataclass(frozen=True)
class FieldSpan:
    """Where a field's value stands in the composed text: characters from ``start`` up to ``end``."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class ComposedScript:
    """The text that the rule packs check and the voice speaks, and where the fields are in it."""

    text: str
    fields: tuple[FieldSpan, ...]


class _FieldText(str):
    """A field's text on its way through filters, with its name."""

    field: str

    def __new__(cls, text: str, field: str) -> _FieldText:
        made = super().__new__(cls, text)
        made.field = field
        return made


class _FieldInt(int):
    field: str


class _FieldFloat(float):
    field: str


def compose_script(source: str, schema: Mapping[str, Any], fields: Mapping[str, Any]) -> ComposedScript:
    """The script for one recipient.

    Args:
        source: the template. schema: JSON Schema of its fields (see :mod:`generate.fields`). fields: the values.

    Raises:
        TemplateError: the template is too long, does not parse, uses what is not allowed, or names a variable that
            the schema does not describe.
        FieldError: a value is missing or is not what the schema says.
    """
    check_template(source, schema)
    values = check_fields(schema, fields)
    try:
        marked = _ready(source).template.render({n: _carried(n, v) for n, v in values.items()})
    except UndefinedError as error:
        raise TemplateError(
            f"the template uses a field that has no value: {error.message}",
            where="template",
            next_step="require the field in the schema, or write {% if field is defined %}",
            code="template_unknown_variable",
        ) from error
    except (TypeError, ValueError) as error:
        raise TemplateError(
            "the template compares or formats a field in a way that does not fit its type",
            where="template",
            next_step="compare text with text and numbers with numbers",
        ) from error
    composed = _unmarked(marked)
    if not composed.text:
        raise TemplateError("the script is empty", where="template", next_step="write at least one word")
    if len(composed.text) > LONGEST_SCRIPT:
        raise TemplateError(
            f"the script has {len(composed.text):,} characters, more than {LONGEST_SCRIPT:,}",
            where="template",
            next_step="shorten the template, or split it into several videos",
        )
    return composed


def variables(source: str) -> dict[str, Any]:
    """The template's variables as a JSON Schema to start from: each a required plain string.

    Raises TemplateError as :func:`compose_script` does.
    """
    names = list(_ready(source).names)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {name: {"type": "string", "maxLength": 200} for name in names},
        "required": names,
        "additionalProperties": False,
    }


def check_template(source: str, schema: Mapping[str, Any]) -> None:
    """Whether a template and the schema of its fields can be used together, before any recipient is known.

    Raises TemplateError as :func:`compose_script` does.
    """
    known = check_schema(schema)
    for name in _ready(source).names:
        if name not in known:
            raise TemplateError(
                f"the template uses '{name[:40]}', which the schema of the fields does not describe",
                where="template",
                next_step=f"describe it in the schema, or use one of: {', '.join(sorted(known)) or 'none'}",
                code="template_unknown_variable",
            )


class _Ready(NamedTuple):
    template: Template
    names: tuple[str, ...]  # of its variables


@lru_cache(maxsize=64)
def _ready(source: str) -> _Ready:
    """A template that is checked and compiled: once, and not for each recipient of a campaign."""
    names = tuple(sorted(find_undeclared_variables(parsed(source))))
    return _Ready(sandbox().from_string(source), names)


def parsed(source: str) -> nodes.Template:
    """A template's tree, of the small language alone. Raises TemplateError as :func:`compose_script` does."""
    if len(source) > LONGEST_TEMPLATE:
        raise TemplateError(
            f"the template has {len(source):,} characters, more than {LONGEST_TEMPLATE:,}",
            where="template",
            next_step="shorten it",
        )
    for character in source:
        if (
            unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")
            and character not in "\n\r\t\u200c\u200d"
        ):
            raise TemplateError(
                "the template holds an invisible or control character",
                where=f"template, line {source[: source.index(character)].count(chr(10)) + 1}",
                next_step="remove it",
            )
    if max((len(run) for run in re.findall(r"(?:[(\[{]|\bnot\b|-|\s)+", source)), default=0) > 400:
        raise TemplateError("the template nests too deeply", where="template", next_step="simplify it")
    try:
        tree = sandbox().parse(source)
    except TemplateSyntaxError as error:
        raise TemplateError(
            f"the template does not parse: {error.message}",
            where=f"template, line {error.lineno}",
            next_step="correct the syntax",
            code="template_syntax",
        ) from error
    except RecursionError as error:
        raise TemplateError(
            "the template nests too deeply", where="template", next_step="simplify it"
        ) from error
    _allowed(tree)
    return tree


def _allowed(tree: nodes.Template) -> None:
    """Nothing but the small language. Raises TemplateError with the line of what is not in it."""
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        named = (isinstance(node, nodes.Filter) and node.name not in FILTERS) or (
            isinstance(node, nodes.Test) and node.name not in _TESTS
        )
        arguments = isinstance(node, nodes.Filter | nodes.Test) and (node.args or node.kwargs)
        if (
            not isinstance(node, _ALLOWED)
            or named
            or arguments
            or (isinstance(node, nodes.Name) and (node.ctx != "load" or node.name == "self"))
        ):
            # `self` is Jinja2's own word for the template, whatever the schema says.
            kind = getattr(node, "name", "") if named else type(node).__name__.lower()
            raise TemplateError(
                f"a script template cannot use '{kind}'",
                where=f"template, line {node.lineno}",
                next_step="use {{ field }}, the filters " + ", ".join(sorted(FILTERS)) + ", and {% if %}",
                code="template_not_allowed",
            )
        if count > MOST_NODES or depth > DEEPEST:
            raise TemplateError("the template is too complex", where="template", next_step="simplify it")
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _kept(change: Any) -> Any:
    """A filter on text that keeps the field's name."""

    def filter_(value: Any) -> Any:
        text = change(str(value))
        return _FieldText(text, value.field) if hasattr(value, "field") else text

    return filter_


FILTERS: dict[str, Any] = {
    "upper": _kept(str.upper),
    "lower": _kept(str.lower),
    "capitalize": _kept(str.capitalize),
    "trim": _kept(str.strip),
}


def sandbox() -> ImmutableSandboxedEnvironment:
    """Where templates run: the second wall."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, finalize=_marked, cache_size=0
    )
    environment.globals.clear()
    environment.filters = dict(FILTERS)
    environment.tests = {
        name: test for name, test in environment.tests.items() if name in _TESTS or name in _COMPARE
    }
    return environment


_COMPARE = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "in"})


def _carried(name: str, value: str | int | float) -> Any:
    if isinstance(value, str):
        return _FieldText(value, name)
    number: Any = _FieldInt(value) if isinstance(value, int) else _FieldFloat(value)
    number.field = name
    return number


def _marked(value: Any) -> Any:
    field = getattr(value, "field", None)
    if isinstance(field, str):
        text = f"{float(value):g}" if isinstance(value, _FieldFloat) else str(value)
        return f"{_OPEN}{field}{_MIDDLE}{text}{_CLOSE}"
    return value


def _unmarked(marked: str) -> ComposedScript:
    """Collapse runs of white space, take the marks out and note where the fields stood."""
    marked = re.sub(r"[ \t\r]+", " ", marked)
    marked = re.sub(r" ?\n ?", "\n", marked)
    marked = re.sub(r"\n{2,}", "\n\n", marked).strip()
    text, spans = "", []
    for piece in re.split(f"({_OPEN}[^{_CLOSE}]*{_CLOSE})", marked):
        if piece.startswith(_OPEN):
            name, value = piece[1:-1].split(_MIDDLE, 1)
            spans.append(FieldSpan(name, len(text), len(text) + len(value)))
            text += value
        else:
            text += piece
    return ComposedScript(text, tuple(spans))
