"""An event loop that does not wait for a name server that says nothing.

``getaddrinfo`` blocks for as long as the resolver likes, 30 s and more. asyncio runs it
in a pool of threads, and a process cannot end before these have.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from typing_extensions import override

__all__ = ["LeavingLoop"]

_Resolve = Callable[..., list[Any]]
_RESOLVE: Final[_Resolve] = socket.getaddrinfo


class LeavingLoop(asyncio.SelectorEventLoop):
    """Resolves each name in a daemon thread, which is left behind when it hangs.

    Args:
        resolve: with the parameters of :func:`socket.getaddrinfo`.
    """

    def __init__(self, resolve: _Resolve = _RESOLVE) -> None:
        super().__init__()
        self._resolve = resolve

    @override
    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> list[Any]:
        """As :func:`socket.getaddrinfo`.

        Raises:
            OSError, UnicodeError: as that does.
        """
        outcome: asyncio.Future[list[Any]] = self.create_future()

        def deliver(found: list[Any] | Exception) -> None:
            if outcome.done():
                return
            if isinstance(found, Exception):
                outcome.set_exception(found)
            else:
                outcome.set_result(found)

        def run() -> None:
            found: list[Any] | Exception
            try:
                found = self._resolve(host, port, **hints)
            except (OSError, UnicodeError) as error:
                found = error
            with contextlib.suppress(RuntimeError):  # the loop is closed by now
                self.call_soon_threadsafe(deliver, found)

        threading.Thread(target=run, name="resolver", daemon=True).start()
        return await outcome
