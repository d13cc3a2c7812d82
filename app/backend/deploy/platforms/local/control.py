"""The control socket: one request a connection, JSON lines both ways.

A request is ``{"op": …, …}``. The answer is any number of ``{"item": …}``, with
``{"idle": true}`` every 5 s in which there is none, and at the end ``{"ok": …}`` or
``{"error": {"kind", "message", "remedy"}}``.
"""

import asyncio
import contextlib
import errno
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import app.errors
from app.errors import OpsError, PlatformError

__all__ = ["IDLE", "LONGEST_LINE", "Answers", "ControlServer", "error_from", "error_of"]

logger = logging.getLogger("pm33.platform")

IDLE: Final = 5.0
"""Seconds after which a stream without news says that it is still there."""

LONGEST_LINE: Final = 8 * 1024 * 1024
"""Bytes of a line, at most."""

_REQUEST_TIMEOUT: Final = 5.0
_TREE: Final = frozenset(getattr(app.errors, name) for name in app.errors.__all__)

Request = Mapping[str, Any]
Answer = Callable[[Request], Awaitable[Any]]
Stream = Callable[[Request], AsyncIterator[Any]]
Answers = Mapping[str, Answer | Stream]
"""What may be asked: coroutine functions, and async generators for streams."""


def error_of(error: OpsError) -> dict[str, str]:
    """An error as it travels: as what the tree of errors knows it as."""
    kinds = (kind.__name__ for kind in type(error).__mro__ if kind in _TREE)
    return {
        "kind": next(kinds),
        "message": str(error),
        "remedy": error.remedy,
    }


def error_from(body: Mapping[str, str]) -> OpsError:
    """The error that has travelled; one of an unknown kind is a PlatformError."""
    kind = getattr(app.errors, body.get("kind", ""), None)
    if not (isinstance(kind, type) and issubclass(kind, OpsError)):
        kind = PlatformError
    return kind(body.get("message", ""), remedy=body.get("remedy", ""))


class ControlServer:
    """Listens on a unix socket that this user alone can reach.

    Args:
        path: in a folder with mode 0700.
        answers: by ``op``.
    """

    def __init__(self, path: Path, answers: Answers) -> None:
        self._path = path
        self._answers = answers
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> None:
        """Listens; what an earlier process has left there is replaced."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(
            self._connected, str(self._path), limit=LONGEST_LINE
        )
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Stops listening and lets go of everybody."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._closed:
            writer.close()
            return
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            try:
                await self._converse(reader, writer)
            finally:
                writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT):
                line = await reader.readline()
        except (TimeoutError, ValueError):
            return
        if not line.endswith(b"\n"):
            return
        work = asyncio.create_task(self._answer(line, writer))
        # A caller who hangs up wants nothing any more.
        gone = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            result = await self._result(line, writer)
        except OpsError as error:
            await _send(writer, {"error": error_of(error)})
        except (KeyError, TypeError, ValueError) as error:
            logger.exception("a request could not be understood")
            problem = PlatformError(
                f"the platform does not understand the request ({error!r})",
                remedy="use the pm33 of the version that runs the platform",
            )
            await _send(writer, {"error": error_of(problem)})
        except ConnectionError:
            return  # the caller has gone, and with it the wish to know
        except Exception as error:  # the boundary of a request; the caller is told
            logger.exception("a request failed")
            await _send(writer, {"error": error_of(_failure(error))})
        else:
            await _send(writer, {"ok": result})

    async def _result(self, line: bytes, writer: asyncio.StreamWriter) -> Any:
        request = json.loads(line)
        answer = self._answers.get(request["op"])
        if answer is None:
            raise PlatformError(
                f"the platform knows no {request['op']}",
                remedy="use the pm33 of the version that runs the platform",
            )
        answered = answer(request)
        if isinstance(answered, Awaitable):
            return await answered
        async for item in _with_idle(answered):
            await _send(writer, {"idle": True} if item is None else {"item": item})
        return None


def _failure(error: Exception) -> PlatformError:
    if not isinstance(error, OSError):
        return PlatformError(
            f"the platform could not do it: {error!r}",
            remedy="its supervisor.log says more; ask again, or report it",
        )
    remedies = {
        errno.ENOSPC: "make room on its disk",
        errno.EDQUOT: "make room on its disk",
        errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
        errno.ENFILE: "raise the system's limit of open files",
    }
    return PlatformError(
        f"the platform could not do it: {error.strerror or error}",
        remedy=remedies.get(error.errno or 0, "its supervisor.log says more"),
    )


async def _with_idle(items: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The items, and None after every IDLE seconds without one."""
    while True:
        following = asyncio.ensure_future(anext(items, _END))
        try:
            while not (await asyncio.wait((following,), timeout=IDLE))[0]:
                yield None
            item = following.result()
        finally:
            following.cancel()
        if item is _END:
            return
        yield item


_END: Final = object()


async def _send(writer: asyncio.StreamWriter, body: Mapping[str, Any]) -> None:
    writer.write(json.dumps(body).encode() + b"\n")
    await writer.drain()
