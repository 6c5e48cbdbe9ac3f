"""Celery's filesystem transport, made to survive: a message is wholly there or not at all; what is none is put aside.

kombu writes a message under its final name, so a reader can meet half of it; and whatever its parser then says ends
the worker. Here a file gets its name when it is complete, and a file that is no message goes to the folder ``broken``
beside the processed ones. It loses nothing: a message is a hint, and the sweeper sends it again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem, virtual
from kombu.utils.json import dumps, loads

log = logging.getLogger("greenroom.broker")

LARGEST_MESSAGE = 1_000_000  # bytes; ours have about 1,000
_STALE_SECONDS = 3600.0  # a part this old belongs to nobody: its writer was killed


class Channel(filesystem.Channel):  # type: ignore[misc]
    """One process's view of the folders. Several write and take at once; a message is taken by one."""

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:
        # Sorted by name, messages are in the order of their making.
        name = f"{time.time_ns() // 1_000_000:013d}_{uuid.uuid4()}.{queue}.msg"
        try:
            _write(Path(self.data_folder_out) / name, dumps(payload).encode())
        except OSError as error:
            raise ChannelError(f"a message cannot be written ({type(error).__name__})") from error

    def _get(self, queue: str) -> Any:
        for path in sorted(Path(self.data_folder_in).iterdir()):
            if path.name.startswith("."):
                _sweep(path)
            elif path.name.partition(".")[2] == f"{queue}.msg":
                message = self._take(path)
                if message is not None:
                    return message
        raise Empty

    def _take(self, path: Path) -> Any:
        """The message, which is then gone from the folder; None when another took it, or it is none."""
        mine = Path(self.processed_folder) / path.name
        try:
            path.rename(mine)  # one of several wins
        except OSError:
            return None
        try:
            message = self._read(mine)
        except Exception as error:  # whatever a parser says of a file that anybody may have written
            self._put_aside(mine, error)
            return None
        if not self.store_processed:
            with contextlib.suppress(OSError):
                mine.unlink()
        return message

    def _read(self, path: Path) -> Any:
        # Opened without waiting and looked at first: a pipe or a device would hold the worker for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_MESSAGE:
                raise ValueError("no file, or too large")
            payload = loads(file.read(LARGEST_MESSAGE + 1).decode())
        message = self.Message(payload, channel=self)  # what the consumer will do with it
        if not isinstance(message.headers, dict) or not isinstance(message.delivery_info, dict):
            raise TypeError("no message")
        return payload

    def _put_aside(self, path: Path, error: Exception) -> None:
        folder = Path(self.processed_folder).parent / "broken"
        log.error("no message, put aside in broken: %.120r (%s)", path.name, type(error).__name__)
        try:
            folder.mkdir(exist_ok=True)
            path.replace(folder / path.name)
        except OSError as problem:
            # It is out of the queue in any case: nobody meets it twice.
            log.error("it stays in processed (%s)", type(problem).__name__)

    def get_table(self, exchange: str) -> list[Any]:
        """Which queues an exchange feeds. Where the table is gone or broken: what this process itself has bound."""
        rows: list[Any] = []
        try:
            rows = self._table(self._exchange_file(exchange))
        except (TypeError, ValueError) as error:
            log.error("the table of an exchange is broken (%s)", type(error).__name__)
        bound = self.state.exchanges.get(exchange, {}).get("table", [])
        return rows or [filesystem.exchange_queue_t(*row) for row in bound]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        file = self._exchange_file(exchange)
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        try:
            self.control_folder.mkdir(exist_ok=True)
            with (self.control_folder / ".lock").open("w") as guard:
                filesystem.lock(guard, filesystem.LOCK_EX)  # until it is closed
                try:
                    rows = self._table(file)
                except (TypeError, ValueError):
                    rows = []  # a broken one is written anew
                if row not in rows:
                    _write(file, dumps([row, *rows]).encode())
        except OSError as error:
            raise ChannelError(f"a queue cannot be bound ({type(error).__name__})") from error

    @staticmethod
    def _table(file: Path) -> list[Any]:
        try:
            return [filesystem.exchange_queue_t(*row) for row in loads(file.read_bytes().decode())]
        except FileNotFoundError:
            return []


class Transport(filesystem.Transport):  # type: ignore[misc]
    """What Celery is given: ``pipeline.transport:Transport``."""

    Channel = Channel
    global_state = virtual.BrokerState()  # what this process has declared and bound


def _write(path: Path, data: bytes) -> None:
    """The file appears under its name when it is complete; a reader never looks at names that begin with a dot."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _sweep(part: Path) -> None:
    with contextlib.suppress(OSError):
        if part.stat().st_mtime < time.time() - _STALE_SECONDS:
            part.unlink()
