"""One set-up of logging for every process: web, worker, relay, sequencer and single commands.

A line is one JSON object on stderr, or a line of text for a person at a terminal. It has ``timestamp``, ``level``,
``event``, ``logger``, ``process``, ``pid``, and the ids of what is being worked on (:func:`bound`). Calls stay those of
the standard library: ``logging.getLogger("greenroom.x").warning("lease lost: %s", render_id)``. What a line must not
say is left out on its way to stderr, whoever wrote it: :mod:`core.redaction`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from core.errors import DevelopmentPart
from core.redaction import argument, said, traceback_words
from core.settings import get_settings

OURS = frozenset(
    {
        "greenroom", "core", "audit", "generate", "detect", "policy", "provenance", "pipeline", "delivery",
        "review_ui",
    }
)  # fmt: skip
"""First words of our loggers' names. Of all others a warning or worse is written, without what it fills in."""

FIELDS = (
    "render_id", "brand_id", "request_id", "stage", "code", "method", "route", "status", "seconds", "exception",
)  # fmt: skip
"""What a line may carry beside its words, in this order. Other fields (``extra``) are not written."""

_BOUND: ContextVar[dict[str, str] | None] = ContextVar("bound", default=None)


@contextlib.contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Ids that every line carries while the block runs, in this thread, task, and threads started with its context."""
    token = _BOUND.set({**(_BOUND.get() or {}), **ids})
    try:
        yield
    finally:
        _BOUND.reset(token)


def learned(**ids: str) -> None:
    """Ids that become known within a :func:`bound` block, also in a thread that works for it. Else nothing happens."""
    known = _BOUND.get()
    if known is not None:
        known.update(ids)


def set_up(process: str, *, stream: TextIO | None = None) -> None:
    """Log as ``GREENROOM_LOG`` and ``GREENROOM_LOG_FORMAT`` say. A second call takes the first one's place.

    Args:
        process: its kind: ``web``, ``worker``, ``relay``, ``sequencer`` or ``command``.
        stream: instead of stderr.
    """
    from structlog.stdlib import ProcessorFormatter

    settings = get_settings()
    handler = _Handler(stream)
    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not getattr(handler.stream, "isatty", lambda: False)()
    )
    line = _Line(process, _secrets())
    handler.setFormatter(
        ProcessorFormatter(
            processors=[line, _json() if as_json else _text],
            use_get_message=False,  # what is filled in is looked at first
            pass_foreign_args=True,
        )
    )
    handler.addFilter(_worth_a_line)
    root = logging.getLogger()
    for other in list(root.handlers):
        if isinstance(other, _Handler):
            root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(settings.log)
    _take_over()


def catch_uncaught() -> None:
    """What would end the process, or a thread of it, as a traceback with its words on stderr becomes a line; warnings
    too. For processes that run on their own: a person at a terminal may read the words."""
    log = logging.getLogger("greenroom.process")

    def uncaught(kind: type[BaseException], error: BaseException, _place: Any) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            return
        log.critical("the process ends by an error", exc_info=error)

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            log.error("a thread ends by an error", exc_info=arguments.exc_value)

    def warned(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
    ) -> None:
        # Only our own words: a foreign warning may quote what it warns of.
        words = str(message) if issubclass(category, DevelopmentPart) else category.__name__
        log.warning("%s (%s:%d)", words, os.path.basename(filename), lineno)  # noqa: PTH119

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    warnings.showwarning = warned


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at that moment, unless told otherwise."""

    def __init__(self, stream: TextIO | None):
        logging.Handler.__init__(self)
        self._given = stream

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return self._given or sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A line that cannot be written is lost: the library would print the record, arguments and all."""


class _Line:
    """The processor that makes the line: from a record of the standard library, or an event of structlog."""

    def __init__(self, process: str, secrets: tuple[str, ...]):
        self._process = process
        self._secrets = secrets

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        record: logging.LogRecord = event["_record"]
        given = event if event["_from_structlog"] else vars(record)
        error = _exception(event.get("exc_info"))
        fields = {**given, **(_BOUND.get() or {})}
        fields["exception"] = traceback_words(error) if error is not None else None
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": said(_message(record, event), self._secrets),
            "logger": said(record.name),
            "process": self._process,
            "pid": record.process,
        }
        for name in FIELDS:
            value = fields.get(name)
            if value is not None:
                line[name] = value if isinstance(value, int | float) else self._words(name, value)
        return line

    def _words(self, name: str, value: Any) -> str:
        # The traceback is made here of names of code alone; its length is bounded by its frames.
        return str(value) if name == "exception" else said(str(value), self._secrets)


def _message(record: logging.LogRecord, event: Mapping[str, Any]) -> str:
    words = str(event["event"])
    arguments = event.get("positional_args") or ()
    ours = is_ours(record.name)
    try:
        if isinstance(arguments, dict):
            return words % {name: argument(value, ours=ours) for name, value in arguments.items()}
        return words % tuple(argument(value, ours=ours) for value in arguments) if arguments else words
    except (TypeError, ValueError, KeyError):
        return words  # a place for a number whose value was left out


def is_ours(logger: str) -> bool:
    return logger.partition(".")[0] in OURS


def _worth_a_line(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or is_ours(record.name)


def _exception(found: Any) -> BaseException | None:
    """From what a log call was given: an exception, what ``sys.exc_info`` gives, or True."""
    if found is True:
        return sys.exc_info()[1]
    if isinstance(found, tuple):
        found = found[1]
    return found if isinstance(found, BaseException) else None


def _json() -> Any:
    from structlog.processors import JSONRenderer

    return JSONRenderer(ensure_ascii=False, default=str)


def _text(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> str:
    """For a person: the time of day, the level, the words, then the ids."""
    ids = "".join(f" {name}={line[name]}" for name in FIELDS if name in line)
    return f"{line['timestamp'][11:19]} {line['level']:<8} {line['event']}{ids}"


def _secrets() -> tuple[str, ...]:
    """What this installation was given as a secret; whatever its shape, no line holds it."""
    settings = get_settings()
    given = (settings.master_secret, settings.metrics.token)
    return tuple(value for secret in given if len(value := secret.get_secret_value().strip()) >= 8)


def _take_over() -> None:
    """Libraries that brought handlers of their own (uvicorn) hand their records on instead."""
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and logger.handlers:
            logger.handlers.clear()
            logger.propagate = True
