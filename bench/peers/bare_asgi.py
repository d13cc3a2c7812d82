"""What no ASGI application can beat: an ASGI application that sends ready bytes.

The body is the content of the file ``BENCH_BODY``, so that its size is the size of what
it is compared with.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

__all__ = ["BareApp", "app"]

Message = MutableMapping[str, Any]


class BareApp:
    """Answers every request with the same bytes, whatever is asked."""

    def __init__(self, body: bytes) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        self._start = {
            "type": "http.response.start",
            "status": 200,
            "headers": headers,
        }
        self._body = {"type": "http.response.body", "body": body}

    async def __call__(
        self,
        _scope: Message,
        _receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """The ASGI interface, without a lifespan."""
        await send(self._start)
        await send(self._body)


_file = os.environ.get("BENCH_BODY")
app = BareApp(Path(_file).read_bytes() if _file else b"{}")
