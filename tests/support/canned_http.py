"""HTTP servers in a thread: one says what it is told to, one says nothing."""

import gc
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

__all__ = ["CannedService", "canned_service", "hanging_service", "still_open"]

DEADLINE = 30.0


@dataclass
class CannedService:
    """What the server answers, and what it was asked."""

    url: str = ""
    body: bytes = b""
    code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answers(self, body: Any, code: int = 200) -> "CannedService":
        """From now on, with JSON."""
        self.body, self.code = json.dumps(body).encode(), code
        return self


@contextmanager
def canned_service() -> Iterator[CannedService]:
    """A server that gives the one answer to every GET."""
    told = CannedService()

    class Telling(_Silent):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.asked.append((self.path, headers))
            self.send_response(told.code)
            self.send_header("content-length", str(len(told.body)))
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

    with _serving(Telling) as told.url:
        yield told


@contextmanager
def hanging_service() -> Iterator[str]:
    """A server that accepts and never answers; yields its address."""
    going = threading.Event()

    class Hanging(_Silent):
        def do_GET(self) -> None:
            going.wait(DEADLINE)

    with _serving(Hanging) as url:
        try:
            yield url
        finally:
            going.set()


def still_open(url: str) -> list[socket.socket]:
    """This process's own ends of connections to the address."""
    return [
        one
        for one in gc.get_objects()
        if type(one) is socket.socket
        and one.family in {socket.AF_INET, socket.AF_INET6}
        and one.fileno() >= 0
        and _leads_to(url, one)
    ]


class _Silent(BaseHTTPRequestHandler):
    @override
    def log_message(self, *_: object) -> None:
        """Says nothing on stderr."""


@contextmanager
def _serving(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(DEADLINE)
        server.server_close()


def _leads_to(url: str, connection: socket.socket) -> bool:
    try:
        return bool(connection.getpeername()[1] == urlsplit(url).port)
    except OSError:
        return False
