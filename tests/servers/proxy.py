"""A TCP proxy on loopback that misbehaves when told: the network before a database, a broker or a store."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_BLOCK = 65_536


class Proxy:
    """Forwards ``port`` to a port of loopback.

    ``drop()``: new connections are refused and open ones cut, until ``mend()``; ``cut()``: open ones are cut, once;
    ``delay(seconds)``: each block waits; ``cut_after(*words)``: the connection in whose requests these words come one
    after the other is cut when the last went through and before its answer comes back: nobody knows whether it was
    done. Once for each call; ``waiting`` holds those that did not come yet.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._down = False
        self._delay = 0.0
        self.waiting: list[tuple[bytes, ...]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        self._down = True
        self.cut()

    def cut(self) -> None:
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._end(pair)

    def delay(self, seconds: float) -> None:
        self._delay = seconds

    def mend(self) -> None:
        self._down, self._delay, self.waiting = False, 0.0, []

    def cut_after(self, *words: bytes) -> None:
        with self._lock:
            self.waiting.append(words)

    def close(self) -> None:
        self._down = True
        with contextlib.suppress(OSError):
            self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._down:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._pump, args=((client, server),), daemon=True).start()

    def _pump(self, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        with self._lock:
            self._pairs.add(pair)
        doomed, known = False, dict[tuple[bytes, ...], int]()
        try:
            while True:
                readable, _, _ = select.select(pair, [], [], 60)
                for source in readable:
                    block = source.recv(_BLOCK)
                    if not block:
                        return
                    if self._delay:
                        time.sleep(self._delay)
                    if source is server and doomed:
                        return
                    if source is client and self.waiting:
                        doomed = self._read(block, known) or doomed
                    (server if source is client else client).sendall(block)
        except (OSError, ValueError):
            pass
        finally:
            self._end(pair)

    def _read(self, block: bytes, known: dict[tuple[bytes, ...], int]) -> bool:
        """Whether all words of one call have come in this connection; ``known``: how many so far."""
        with self._lock:
            for words in self.waiting:
                known[words] = _read_on(block, words, known.get(words, 0))
            came = [words for words in self.waiting if known[words] == len(words)]
            self.waiting = [words for words in self.waiting if words not in came]
        return bool(came)

    def _end(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._pairs.discard(pair)
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _read_on(block: bytes, words: tuple[bytes, ...], known: int) -> int:
    """How many of the words were read after this block, of which ``known`` were before it."""
    at = 0
    while known < len(words) and (found := block.find(words[known], at)) >= 0:
        at, known = found + len(words[known]), known + 1
    return known


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """A proxy for the length of the block."""
    running = Proxy(target)
    try:
        yield running
    finally:
        running.close()
