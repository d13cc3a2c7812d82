"""The load generator for machines without ``wrk``: one process, one epoll loop.

Usage: ``python -m bench._load_client PORT PATH CONNECTIONS SECONDS``; prints one JSON
object. No event loop of anybody's: a generator that costs more than what it loads would
leave the server waiting, and a waiting server spends more on each request.
"""

import json
import selectors
import socket
import sys
import time
from collections import Counter

from bench._servers import ACCEPT

__all__ = ["length_of"]

ANSWER_DEADLINE = 10.0
MOST_BYTES = 262_144


def length_of(data: bytes) -> int | None:
    """How long the answer that begins here is, head and body; None: not known yet."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        return end + 4 + int(head[at + 17 :].split(b"\r", 1)[0])
    if b"\r\ntransfer-encoding: chunked" in head:
        return len(data) if data.endswith(b"\r\n0\r\n\r\n") else None
    return end + 4


class _Load:
    """A fixed number of connections, each with one request under way."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._request = (
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: {ACCEPT}\r\n\r\n"
        ).encode()
        self._selector = selectors.DefaultSelector()
        self._partial: dict[int, bytes] = {}
        self.answers: Counter[bytes] = Counter()
        self.broken = 0

    def connect(self) -> None:
        """Opens a connection and asks."""
        address = ("127.0.0.1", self._port)
        connection = socket.create_connection(address, timeout=ANSWER_DEADLINE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ, connection)
        connection.sendall(self._request)

    def run(self, seconds: float) -> float:
        """Answers each complete answer with the next request; returns the seconds."""
        began = now = time.perf_counter()
        while now - began < seconds:
            for key, _ in self._selector.select(ANSWER_DEADLINE):
                self._read(key.data)
            now = time.perf_counter()
        return now - began

    def close(self) -> None:
        """Leaves the last requests unanswered; they are not counted."""
        for key in list(self._selector.get_map().values()):
            key.data.close()
        self._selector.close()

    def _read(self, connection: socket.socket) -> None:
        number = connection.fileno()
        try:
            received = connection.recv(MOST_BYTES)
        except OSError:
            received = b""
        if not received:
            # Between two answers a server may close; in the middle it breaks a request.
            self.broken += number in self._partial
            self._partial.pop(number, None)
            self._selector.unregister(connection)
            connection.close()
            self.connect()
            return
        data = self._partial.pop(number, b"") + received
        length = length_of(data)
        if length is None or len(data) < length:
            self._partial[number] = data
            return
        self.answers[data[9:12]] += 1
        connection.sendall(self._request)


def _main(port: int, path: str, connections: int, seconds: float) -> None:
    load = _Load(port, path)
    try:
        for _ in range(connections):
            load.connect()
        took = load.run(seconds)
    finally:
        load.close()
    good = load.answers[b"200"]
    told = {
        "requests": good,
        "failures": load.broken + load.answers.total() - good,
        "seconds": took,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    _port, _path, _connections, _seconds = sys.argv[1:]
    _main(int(_port), _path, int(_connections), float(_seconds))
