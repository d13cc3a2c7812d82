"""Plain probes: which requests may be answered before any ASGI exists, and with what.

A scope, a task and a response cycle cost more than a health endpoint's whole answer.
A request that asks for nothing but ready bytes does without them; whatever is unusual
about one sends it to the application, by the way that every request took before.
"""

from collections.abc import Callable, Sequence
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

__all__ = ["Headers", "Instant", "ServingState", "plain_answer"]

Headers = Sequence[tuple[bytes, bytes]]
Instant = Callable[[bytes, Headers], tuple[bytes, bytes] | None]
"""Looks up a ready answer to a GET.

Takes the request's target and its header fields, names in lower case. Returns the
answer's head (status line and fields, each with its line end, without the empty line
and without what the server adds) and its body, or None for the application to answer.
It is called on the event loop, must not raise, and may count on what it returns being
sent.
"""

# With any of these the message does not end with its head, or wants an answer before it
# (RFC 9112 §6, RFC 9110 §7.8 and §10.1.1).
_FRAMING: Final = frozenset(
    {b"content-length", b"expect", b"transfer-encoding", b"upgrade"}
)


class ServingState(ServerState):
    """uvicorn's state of one server, and what our connections share besides.

    Attributes:
        instant: looks up answers to plain probes; None: the application answers all.
        leaving: whether every answer says ``Connection: close`` from now on.
    """

    def __init__(self, instant: Instant | None = None) -> None:
        super().__init__()
        self.instant = instant
        self.leaving = False
        self._encoded: list[tuple[bytes, bytes]] = []
        self._lines = b""

    @property
    def default_lines(self) -> bytes:
        """The default header fields as they are sent."""
        # The server replaces the list once a second, for its Date.
        headers = self.default_headers
        if headers is not self._encoded:
            self._lines = b"".join([b"%b: %b\r\n" % header for header in headers])
            self._encoded = headers
        return self._lines


def plain_answer(connection: HttpToolsProtocol, state: ServingState) -> bytes | None:
    """What to send at once to the request whose head has just been parsed.

    None unless it is a GET of HTTP/1.1 that leaves the connection open, without a body
    or any wish for one, behind no unfinished answer, on a connection that takes bytes,
    and its target has a ready answer.
    """
    cycle, parser = connection.cycle, connection.parser
    if (
        state.instant is None
        or state.leaving
        or (cycle is not None and not cycle.response_complete)
        or connection.flow.write_paused
        or parser.get_method() != b"GET"
        or parser.get_http_version() != "1.1"
        or not parser.should_keep_alive()
    ):
        return None
    for name, value in connection.headers:
        if name in _FRAMING and (name != b"content-length" or value != b"0"):
            return None
    found = state.instant(connection.url, connection.headers)
    if found is None:
        return None
    head, body = found
    return b"%b%b\r\n%b" % (head, state.default_lines, body)
