"""Files that people write (YAML or JSON), read into a model; what is wrong with one is said in words.

One place for every such file: each fault names its line and key, what is allowed there, and the word that was
probably meant. A file is data of a stranger: no aliases (they nest a small file into an endless one), no repeated
keys, a bound on its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from core.errors import InputError
from core.faults import shortened, worded

Model = TypeVar("Model", bound=BaseModel)

MOST_BYTES = 500_000
FAULTS_TOLD = 5


class StatedError(InputError):
    """A file that a person wrote says something that it cannot say."""

    code = "bad_file"


def read_stated(path: Path, model: type[Model], *, kind: str, see: str) -> Model:
    """What a file says.

    Args:
        kind: what it is, with its article: "a campaign". see: the document that shows a whole one.

    Raises:
        StatedError: it cannot be read, is no YAML, or says what the model does not allow: every fault, with its line.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        reason = (
            "there is no such file" if isinstance(error, FileNotFoundError) else "the file cannot be read"
        )
        raise StatedError(reason, where=path.name, next_step="check its path") from error
    return stated(data, model, name=path.name, kind=kind, see=see)


def stated(data: bytes, model: type[Model], *, name: str, kind: str, see: str) -> Model:
    """As :func:`read_stated`, of bytes; ``name`` is the file's."""
    step = f"correct it; {see} shows a whole one"
    try:
        node, value = _parsed(data)
        if not isinstance(value, Mapping):
            raise StatedError(f"this is not {kind}: it has no keys with values")
    except StatedError as error:
        raise StatedError(error.what, where=_joined(name, error.where), next_step=step) from error
    return validated(value, model, where=name, next_step=step, node=node)


def validated(
    value: Any, model: type[Model], *, where: str, next_step: str, node: yaml.Node | None = None
) -> Model:
    """What values say, read into a model. Raises :class:`StatedError` with every fault; ``node`` gives their lines."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        told = list(dict.fromkeys(worded(error, model, node)))
        raise StatedError(_listed(told), where=where, next_step=next_step) from error


def _listed(told: Sequence[str]) -> str:
    text = "; ".join(told[:FAULTS_TOLD])
    return f"{text}; and {len(told) - FAULTS_TOLD} more" if len(told) > FAULTS_TOLD else text


def _joined(name: str, where: str) -> str:
    return f"{name}, {where}" if where else name


# The file's tree -----------------------------------------------------------------------------------------------


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases and repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise StatedError("aliases (*name) may not be used", where=f"line {event.start_mark.line + 1}")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        known: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in known:
                line = key.start_mark.line + 1
                raise StatedError(f"the key `{shortened(key.value)}` stands twice", where=f"line {line}")
            known.add(str(key.value))
        return super().construct_mapping(node, deep)


def plain_yaml(data: bytes) -> Any:
    """A document's value. Raises :class:`StatedError` where it is no such YAML; ``where`` is then the line."""
    return _parsed(data)[1]


def _parsed(data: bytes) -> tuple[yaml.Node | None, Any]:
    if len(data) > MOST_BYTES:
        raise StatedError(f"the file is larger than {MOST_BYTES // 1000} kB")
    try:
        loader = _PlainLoader(data)
        try:
            node = loader.get_single_node()
            return node, None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError as error:
        raise StatedError("it nests too deeply") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark is not None else ""
        raise StatedError(f"this is no YAML: {error.problem or error.context}", where=where) from error
    except (yaml.YAMLError, ValueError) as error:  # a byte that is no text, a date that there is not
        raise StatedError("this is no YAML in UTF-8") from error
