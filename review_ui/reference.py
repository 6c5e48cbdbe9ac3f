"""The API's description (OpenAPI), read into what the page `/docs` shows: operations by resource, and the documents.

Only what our own application says of itself is read here: its shapes are known, and nothing of a stranger's is in it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

USUAL = ("401", "408", "413", "422", "429", "500", "503")
"""The statuses of errors that any operation may answer with."""
EVERYWHERE = "idempotency-key"
"""The parameter that each POST takes, which the page tells of once."""


@dataclass(frozen=True)
class Word:
    """A piece of a type in words; ``document``: the name of the document that it stands for, "" for plain text."""

    text: str
    document: str = ""


@dataclass(frozen=True)
class Value:
    """A parameter, a part of a form, or a field of a document."""

    name: str
    kind: list[Word]
    required: bool
    says: str
    where: str = ""


@dataclass(frozen=True)
class Answer:
    """A status that is no error, and the document that comes with it."""

    status: str
    kind: list[Word]


@dataclass(frozen=True)
class Operation:
    """One method of one address.

    Attributes:
        right: what it asks for; "" where nobody has to say who they are.
        body: kinds of content that it takes.
        sends: the document that is sent as JSON, or the parts of a form.
        errors: its statuses of errors, beside ``USUAL``.
        sample: a command line of curl.
    """

    id: str
    method: str
    path: str
    says: str
    right: str
    parameters: list[Value]
    body: list[str]
    sends: list[Value]
    document: str
    answers: list[Answer]
    errors: list[str]
    sample: str


@dataclass(frozen=True)
class Document:
    """A typed document."""

    name: str
    says: str
    fields: list[Value]
    allowed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reference:
    """All of it: operations by resource, documents by name."""

    groups: dict[str, list[Operation]]
    documents: list[Document]


def reference_of(openapi: Schema, site: str) -> Reference:
    """What the page shows of this description; ``site``: where this installation is opened."""
    schemas: dict[str, Schema] = openapi["components"]["schemas"]
    groups: dict[str, list[Operation]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            groups.setdefault(tag, []).append(_operation(path, method.upper(), operation, schemas, site))
    named = sorted(name for name in schemas if not name.startswith("Body_"))
    return Reference(groups, [_document(name, schemas[name]) for name in named])


def _operation(path: str, method: str, said: Schema, schemas: dict[str, Schema], site: str) -> Operation:
    content: Schema = said.get("requestBody", {}).get("content", {})
    first = next(iter(content), "")
    name = _body_of(said, first)
    form = name.startswith("Body_")
    return Operation(
        id=said["operationId"],
        method=method,
        path=path,
        says=_plain(said.get("description", "")),
        right=_right(said),
        parameters=[
            Value(one["name"], _kind(one["schema"]), one.get("required", False), _says(one), one["in"])
            for one in said.get("parameters", [])
            if one["name"] != EVERYWHERE
        ],
        body=list(content),
        sends=_fields(schemas[name]) if form else [],
        document="" if form else name,
        answers=[
            Answer(status, _kind(_schema_of(answer)))
            for status, answer in sorted(said["responses"].items())
            if status < "400"
        ],
        errors=sorted(status for status in said["responses"] if status >= "400" and status not in USUAL),
        sample=_sample(path, method, said, schemas, site),
    )


def _right(said: Schema) -> str:
    """The right that a call needs: the scopes of its ways to say who one is, which are all alike."""
    ways: list[dict[str, list[str]]] = said.get("security", [])
    return "" if not ways or {} in ways else ", ".join(next(iter(ways[0].values())))


def _document(name: str, schema: Schema) -> Document:
    return Document(
        name,
        _plain(schema.get("description", "")),
        _fields(schema),
        [str(one) for one in schema.get("enum", [])],
    )


def _fields(schema: Schema) -> list[Value]:
    required = schema.get("required", [])
    return [
        Value(name, _kind(one), name in required, _says(one))
        for name, one in schema.get("properties", {}).items()
    ]


def _says(one: Schema) -> str:
    return _plain(one.get("description", ""))


def _kind(schema: Schema) -> list[Word]:
    """A type in words: a name of a document, a plain type with its bounds, a list, or several of these."""
    return list(_words(schema))


def _words(schema: Schema) -> Iterator[Word]:
    if name := _name_of(schema):
        yield Word(name, name)
    elif several := schema.get("anyOf") or schema.get("oneOf"):
        for number, one in enumerate(several):
            if number:
                yield Word(" or ")
            yield from _words(one)
    elif schema.get("type") == "array":
        yield Word("list of ")
        inside: Schema = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
        yield from _words(inside)
    elif isinstance(schema.get("additionalProperties"), dict):
        yield Word("object of ")
        yield from _words(schema["additionalProperties"])
    elif allowed := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        yield Word("one of " + ", ".join(map(str, allowed)) if len(allowed) > 1 else str(allowed[0]))
    else:
        yield Word(_plain_kind(schema) + _bounds(schema))


def _plain_kind(schema: Schema) -> str:
    if schema.get("format") == "binary" or "contentMediaType" in schema:
        return "file"
    if schema.get("format") == "date-time":
        return "time (RFC 3339)"
    return {"string": "text", "boolean": "true or false", "null": "null", None: "anything"}.get(
        schema.get("type"), str(schema.get("type"))
    )


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    if (most := schema.get("maxLength")) is not None:
        return f", at most {most} characters"
    return ""


def _name_of(schema: Schema) -> str:
    name: str = schema.get("$ref", "").rpartition("/")[2]
    return name


def _body_of(said: Schema, kind: str) -> str:
    """The name of the document that an operation takes, also where it may be left out."""
    schema: Schema = said.get("requestBody", {}).get("content", {}).get(kind, {}).get("schema", {})
    return next(filter(None, map(_name_of, [schema, *schema.get("anyOf", [])])), "")


def _schema_of(answer: Schema) -> Schema:
    contents: Schema = answer.get("content", {})
    found: Schema = next(iter(contents.values()), {"schema": {}})["schema"]
    return found


def _plain(text: str) -> str:
    """A docstring as one run of text; what stands in backticks is shown as code."""
    return " ".join(text.replace("``", "`").split())


def _sample(path: str, method: str, said: Schema, schemas: dict[str, Schema], site: str) -> str:
    """The call as a command line of curl."""
    address = re.sub(r"\{(\w+)_id\}", lambda found: f"{_PREFIXES[found[1]]}_YOURS", site + path)
    content: Schema = said.get("requestBody", {}).get("content", {})
    kind = next(iter(content), "")
    schema = schemas.get(_body_of(said, kind), {})
    words = ["curl"]
    if _right(said):
        words += ["-H", '"Authorization: Bearer $API_KEY"']
    if kind == "multipart/form-data":
        words += [word for part in _parts(schema) for word in ("-F", part)]
    elif kind == "application/json":
        words += ["-H", "'Content-Type: application/json'", "-d", shlex.quote(json.dumps(_example(schema)))]
    elif kind:
        if any(one["name"] == "key" for one in said.get("parameters", [])):
            address += "?key=spring"
        words += ["-H", f"'Content-Type: {kind}'", "--data-binary", "@recipients.csv"]
    elif method == "POST":
        words += ["-X", "POST"]
    return " ".join([*words, shlex.quote(address)])


def _example(schema: Schema) -> Any:
    """The document's own example, or else what it needs at least."""
    if examples := schema.get("examples"):
        return examples[0]
    needed = {name: schema["properties"][name] for name in schema.get("required", [])}
    return {name: (one.get("enum") or [name.upper()])[0] for name, one in needed.items()}


def _parts(schema: Schema) -> Iterator[str]:
    """What a form holds at least, and its file."""
    for name, one in schema["properties"].items():
        if "file" in "".join(word.text for word in _kind(one)):
            yield f"{name}=@{_FILES.get(name, name)}"
        elif name in schema.get("required", []):
            yield f"{name}={name.upper()}"


_FILES = {"file": "video.mp4", "document": "consent.pdf"}
_PREFIXES = {
    "campaign": "cmp", "render": "rnd", "link": "lnk", "job": "job", "list": "lst", "webhook": "whk", "message": "msg",
    "reference": "onb", "proposal": "prp", "authority": "aut", "hold": "hld",
}  # fmt: skip
