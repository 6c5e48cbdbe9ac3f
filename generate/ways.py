"""The ways through a script's template: which texts its conditions make of it, each with values that lead there.

With ``{% if %}`` some recipients hear what others do not. Whoever looks at a draft wants each of these parts looked at,
and not only those that one example leads to. So values are tried, up to a bound: the example's, what the conditions
compare a field with and its neighbours, each choice, and the field left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, product
from typing import Any

from jinja2 import Template, UndefinedError, nodes, pass_context

from generate.errors import FieldError
from generate.fields import check_schema, checked_value
from generate.templates import parsed, sandbox

MOST_WAYS = 24
"""So many are told at most; each is composed and held against every rule while somebody types."""
_MOST_TRIED = 2_000  # sets of values that are put in, at most
_MOST_PARTS = 80_000  # that are gone through meanwhile: a template of many conditions is tried less often
_MOST_VALUES = 12  # of one field; what the conditions name comes first
_LEFT_OUT = object()

Part = tuple[int, int]
"""(condition, arm): which condition of the template, and whether it held (0) or did not (1)."""
_NOWHERE: frozenset[Part] = frozenset([(-1, 0)])


@dataclass(frozen=True)
class Way:
    """One way through a template.

    Attributes:
        values: of each field; one that is left out is not in it.
        changed: the fields in which they differ from the example's.
    """

    values: Mapping[str, Any]
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ways:
    """What was found.

    Attributes:
        ways: the example's first, then each that leads through other parts; at most ``MOST_WAYS``, and those that
            reach something new before those that combine it in another way.
        more: there are more than those.
        unreached: lines of the template at which a part begins that no value led to.
    """

    ways: tuple[Way, ...]
    more: bool = False
    unreached: tuple[int, ...] = ()


def ways_through(source: str, schema: Mapping[str, Any], example: Mapping[str, Any]) -> Ways:
    """The ways through a template.

    Args:
        schema: of its fields (:mod:`generate.fields`). example: values that fit it.

    Raises:
        TemplateError, FieldError: as :func:`generate.templates.compose_script`.
    """
    fields = check_schema(schema)
    start = {
        name: checked_value(name, fields[name], value) for name, value in example.items() if name in fields
    }
    tree = parsed(source)
    values = _values(tree, schema, fields, start)
    if not values:
        return Ways((Way(start),))
    parts, lines = _parts(tree)
    return _searched(_Marked(tree, parts), lines, values, start)


def _searched(
    marked: _Marked, lines: Mapping[Part, int], values: Mapping[str, list[Any]], start: dict[str, Any]
) -> Ways:
    """All that is found by changing one field of a way that is known, and then two."""
    found = {marked.parts_of(start): start}
    missing = set(lines).difference(*found)
    most = min(_MOST_TRIED, _MOST_PARTS // (len(lines) + 1))
    for candidate in islice(_candidates(found, values), most):
        parts = marked.parts_of(candidate)
        found.setdefault(parts, candidate)
        missing -= parts
        if not missing and len(found) > MOST_WAYS:
            break
    chosen = _most_telling(found)
    unreached = {lines[part] for part in missing}
    ways = tuple(Way(one, _changed(one, start)) for one in chosen)
    return Ways(ways, len(found) > len(chosen), tuple(sorted(unreached)))


def _candidates(
    found: Mapping[frozenset[Part], dict[str, Any]], values: Mapping[str, list[Any]]
) -> Iterator[dict[str, Any]]:
    """From each way that is found, also of those found meanwhile, its neighbours that were not tried before."""
    tried: set[tuple[tuple[str, str], ...]] = set()
    for size in (1, 2):
        begun = 0
        while begun < len(found):
            of = list(found.values())[begun]
            begun += 1
            for candidate in _neighbours(of, values, size):
                key = tuple((name, repr(value)) for name, value in sorted(candidate.items()))
                if key not in tried:
                    tried.add(key)
                    yield candidate


def _most_telling(found: Mapping[frozenset[Part], dict[str, Any]]) -> list[dict[str, Any]]:
    """At most ``MOST_WAYS``: after the example those that reach a part that none before them did, then the others."""
    (known, example), *rest = found.items()
    new: list[dict[str, Any]] = [example]
    others: list[dict[str, Any]] = []
    for parts, values in rest:
        (others if parts <= known else new).append(values)
        known |= parts
    return (new + others)[:MOST_WAYS]


def _neighbours(
    of: Mapping[str, Any], values: Mapping[str, list[Any]], size: int
) -> Iterator[dict[str, Any]]:
    for names in combinations(values, size):
        for chosen in product(*(values[name] for name in names)):
            changed = {**of, **dict(zip(names, chosen, strict=True))}
            yield {name: value for name, value in changed.items() if value is not _LEFT_OUT}


def _changed(values: Mapping[str, Any], start: Mapping[str, Any]) -> tuple[str, ...]:
    names = dict.fromkeys((*start, *values))
    return tuple(name for name in names if values.get(name, _LEFT_OUT) != start.get(name, _LEFT_OUT))


def _values(
    tree: nodes.Template, schema: Mapping[str, Any], fields: Mapping[str, Any], start: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """What is tried of each field that a condition asks about, or that a recipient may leave out."""
    required = schema.get("required", list(fields))
    asked: dict[str, list[Any]] = {name: [] for name in fields if name not in required}
    for condition in _conditions(tree):
        names = _found(condition.test, nodes.Name, "name")
        constants = _found(condition.test, nodes.Const, "value")
        for name in names:
            asked.setdefault(name, []).extend([*constants, *(start[one] for one in names if one in start)])
    return {
        name: _of_field(name, fields[name], [start.get(name), *compared], name not in required)
        for name, compared in asked.items()
    }


def _of_field(name: str, field: Mapping[str, Any], wanted: Sequence[Any], optional: bool) -> list[Any]:
    described = [field[key] for key in ("minimum", "maximum", "default") if key in field]
    numbers = [
        one for one in (*wanted, *described) if isinstance(one, int | float) and not isinstance(one, bool)
    ]
    near = [number + step for number in numbers for step in (0, 1, -1)]
    possible = [*wanted, *field.get("enum", []), *(near or [0, 1, 2] if field["type"] != "string" else [])]
    left_out = [_LEFT_OUT] if optional and "default" not in field else []
    allowed = []
    for value in possible:
        try:
            allowed.append(checked_value(name, field, value))
        except FieldError:
            continue
    return [*left_out, *dict.fromkeys(allowed)][:_MOST_VALUES]


def _conditions(tree: nodes.Template) -> list[nodes.If | nodes.CondExpr]:
    return [*tree.find_all(nodes.If), *tree.find_all(nodes.CondExpr)]


def _found(node: nodes.Node, kind: type[nodes.Node], attribute: str) -> list[Any]:
    inside = [node] if isinstance(node, kind) else []
    return list(dict.fromkeys(getattr(one, attribute) for one in [*inside, *node.find_all(kind)]))


def _parts(tree: nodes.Template) -> tuple[list[tuple[Part, nodes.Node, str]], dict[Part, int]]:
    """Each arm of each condition: (part, node, which of its attributes holds it), and the line at which
    what it says stands."""
    parts: list[tuple[Part, nodes.Node, str]] = []
    lines: dict[Part, int] = {}
    conditions = _conditions(tree)
    further = {id(one) for node in conditions if isinstance(node, nodes.If) for one in node.elif_}
    for number, node in enumerate(conditions):
        arms = ("body", "else_") if isinstance(node, nodes.If) else ("expr1", "expr2")
        for arm, attribute in enumerate(arms):
            inside = getattr(node, attribute)
            if inside is None or (arm and id(node) in further):
                continue  # an expression without an else says nothing then; an elif's else is the first if's
            parts.append(((number, arm), node, attribute))
            if inside != []:  # else nothing is said there
                lines[number, arm] = inside[0].lineno if isinstance(inside, list) else node.lineno
    return parts, lines


class _Marked:
    """A template that writes down through which of its parts it goes."""

    def __init__(self, tree: nodes.Template, parts: Sequence[tuple[Part, nodes.Node, str]]) -> None:
        self._taken: set[Part] = set()
        place = sandbox()

        # Asks for the context, so that the compiler does not work it out beforehand.
        @pass_context
        def passed(_context: Any, value: Any, number: int, arm: int) -> Any:
            self._taken.add((number, arm))
            return value

        place.filters["passed"] = passed
        for part, node, attribute in parts:
            inside = getattr(node, attribute)
            if isinstance(node, nodes.CondExpr):
                setattr(node, attribute, _passing(inside, part))
            else:
                setattr(node, attribute, [nodes.Output([_passing(nodes.Const(""), part)]), *inside])
        tree.set_environment(place)
        self._template: Template = Template.from_code(place, place.compile(tree), place.globals)

    def parts_of(self, values: Mapping[str, Any]) -> frozenset[Part]:
        """The parts that these values lead through; ``_NOWHERE`` where nothing can be said with them."""
        self._taken.clear()
        try:
            self._template.render(values)
        except (UndefinedError, TypeError, ValueError):
            return _NOWHERE
        return frozenset(self._taken)


def _passing(value: nodes.Expr, part: Part) -> nodes.Filter:
    return nodes.Filter(value, "passed", [nodes.Const(part[0]), nodes.Const(part[1])], [], None, None)
