"""A server that leaves in order: lame duck, in flight, closing, exit 0.

uvicorn's own shutdown stops accepting at once, closes connections on which a request
is just arriving, waits without a limit, and dies of the signal it was sent.
"""

import asyncio
import gc
import logging
import math
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn
from typing_extensions import override

from app.backend.server.instant import Instant, ServingState
from app.backend.server.protocol import HeaderDeadlineProtocol, describe_request

__all__ = ["DrainPlan", "DrainingServer"]

logger = logging.getLogger("pm33.server")

_TICK = 0.05
# A connection that was used so recently is likely to be used again.
_IDLE_MOMENT = 1.0
# The listen backlog is emptied within milliseconds; this bounds a flood.
_ACCEPT_WINDOW = 0.5
# How long the interpreter may take to end after the drain.
_EXIT_GRACE = 1.0


@dataclass(frozen=True, slots=True)
class DrainPlan:
    """The phases of the drain, in seconds.

    Attributes:
        lame_duck: how long everything is still accepted and answered.
        in_flight: how long accepted requests may take to finish.
        closing: how long the application's shutdown may take.
    """

    lame_duck: float
    in_flight: float
    closing: float

    @property
    def total(self) -> float:
        """Seconds from the signal to the end of the drain, at most."""
        return self.lame_duck + self.in_flight + self.closing


class DrainingServer(uvicorn.Server):
    """Answers the first SIGTERM or SIGINT with a drain, and a second one by exiting.

    The second signal ends the process at once with status 143 or 130. A process that
    still runs a second after the drain, because a thread of its does not end, is
    ended too: with 0, or with 1 if the event loop was stuck and the drain incomplete.
    A signal before the application has started cancels its start.

    Args:
        config: its ``http`` is a :class:`HeaderDeadlineProtocol`.
        plan: how long each phase may last.
        on_drain: called once on the event loop, as soon as the drain begins.
        instant: looks up answers to plain probes; while it drains, nobody is asked
            but the application.
    """

    server_state: ServingState

    def __init__(
        self,
        config: uvicorn.Config,
        plan: DrainPlan,
        on_drain: Callable[[], None],
        instant: Instant | None = None,
    ) -> None:
        super().__init__(config)
        self.server_state = ServingState(instant)
        self.plan = plan
        self._on_drain = on_drain
        self._lame_duck_ends = math.inf
        self._starting: asyncio.Task[Any] | None = None
        self._drained = False
        self._begun: dict[asyncio.Task[None], float] = {}

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True
        leave = threading.Timer(self.plan.total + _EXIT_GRACE, self._leave)
        leave.daemon = True
        leave.start()
        asyncio.get_running_loop().call_soon_threadsafe(self._begin_drain, sig)

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._starting = asyncio.current_task()
        try:
            await super().startup(sockets)
        except asyncio.CancelledError:
            if not self.should_exit:
                raise
            logger.warning("stopped before the application had started")
            return
        finally:
            self._starting = None
        # What exists now lives as long as the process; collections need not visit it.
        gc.collect()
        gc.freeze()
        addresses = [address for sock in sockets or () for address in _addresses(sock)]
        logger.info(
            "listening on %s", " and ".join(addresses), extra={"addresses": addresses}
        )

    @override
    async def on_tick(self, counter: int) -> bool:
        asked = await super().on_tick(counter)
        now = time.monotonic()
        # The age of each request, to a tenth of a second; most end unseen.
        begun, tasks = self._begun, self.server_state.tasks
        self._begun = {task: begun.get(task, now) for task in tasks}
        return asked and now >= self._lame_duck_ends

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stop_accepting(sockets or [])
        await self._finish_requests()
        await self._close()
        self._drained = True
        logger.info("stopped", extra={"phase": "stopped"})

    def _begin_drain(self, sig: int) -> None:
        # What is cancelled gets one line of ours; uvicorn would add a traceback.
        logging.getLogger("uvicorn.error").addFilter(_is_not_cancellation)
        if self._starting is not None:
            self._starting.cancel()
        self._lame_duck_ends = time.monotonic() + self.plan.lame_duck
        # Not a default header: an answer that says so itself would say it twice.
        self.server_state.leaving = True
        for connection in self.server_state.connections:
            if isinstance(connection, HeaderDeadlineProtocol):
                connection.announce_close()
        self._log_phase(
            "lame_duck", self.plan.lame_duck, signal=signal.Signals(sig).name
        )
        self._on_drain()

    async def _stop_accepting(self, sockets: list[socket.socket]) -> None:
        """Accepts what the kernel has accepted already, then stops.

        Closing the socket resets the connections that wait in its queue.
        """
        ends = time.monotonic() + _ACCEPT_WINDOW
        while select.select(sockets, [], [], 0)[0] and time.monotonic() < ends:  # noqa: ASYNC110  # a listen queue has no event
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for sock in sockets:
            sock.close()

    async def _finish_requests(self) -> None:
        state = self.server_state
        self._log_phase("in_flight", self.plan.in_flight)
        ends = time.monotonic() + self.plan.in_flight
        for connection in tuple(state.connections):
            if not isinstance(connection, HeaderDeadlineProtocol):
                # A WebSocket has no end of its own: it is told 1012, service restart.
                connection.shutdown()
        while state.connections or state.tasks:
            if time.monotonic() >= ends:
                self._cancel_requests()
                return
            for connection in tuple(state.connections):
                if isinstance(connection, HeaderDeadlineProtocol):
                    connection.close_if_idle(_IDLE_MOMENT)
            await asyncio.sleep(_TICK)
            # Keeps the Date header true.
            await self.on_tick(0)

    def _cancel_requests(self) -> None:
        now = time.monotonic()
        requests = [task for task in self.server_state.tasks if not task.done()]
        for task in requests:
            age = round(now - self._begun.get(task, now), 1)
            fields = {**describe_request(task), "age": age}
            logger.warning(
                "cancelled at the deadline: %(kind)s %(method)s %(path)s",
                fields,
                extra=fields,
            )
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, HeaderDeadlineProtocol):
                connection.give_up()
        for task in requests:
            task.cancel()

    async def _close(self) -> None:
        self._log_phase("closing", self.plan.closing)
        ends = time.monotonic() + self.plan.closing
        requests = set(self.server_state.tasks)
        if requests:
            # Cancelled requests clean up while what they use is still open.
            await asyncio.wait(requests, timeout=self.plan.closing / 2)
        try:
            async with asyncio.timeout(ends - time.monotonic()):
                await self.lifespan.shutdown()
        except TimeoutError:
            logger.warning("the application's shutdown took too long; left unfinished")
        stray = asyncio.all_tasks() - requests - {asyncio.current_task()}
        if stray:
            # The lifespan's own task is among them, and about to end.
            _, stray = await asyncio.wait(stray, timeout=_TICK)
        for task in stray:
            name = getattr(task.get_coro(), "__qualname__", "")
            logger.warning(
                "background task cancelled: %s",
                name,
                extra={"task": task.get_name(), "coroutine": name},
            )
            task.cancel()
        if stray:
            await asyncio.wait(stray, timeout=max(_TICK, ends - time.monotonic()))

    def _log_phase(self, phase: str, seconds: float, **fields: str) -> None:
        logger.info(
            "draining: %s for at most %g s",
            phase.replace("_", " "),
            seconds,
            extra={
                "phase": phase,
                "seconds": seconds,
                "connections": len(self.server_state.connections),
                "requests": len(self.server_state.tasks),
                **fields,
            },
        )

    def _leave(self) -> None:
        """Ends a process that outlived its drain; runs in a thread of its own."""
        threads = [thread.name for thread in threading.enumerate()]
        logger.warning("still running after the drain", extra={"threads": threads})
        os._exit(0 if self._drained else 1)


def _is_not_cancellation(record: logging.LogRecord) -> bool:
    return not (
        record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    )


def _addresses(sock: socket.socket) -> list[str]:
    if sock.family == socket.AF_UNIX:
        return [f"unix:{sock.getsockname()}"]
    host, port = sock.getsockname()[:2]
    if sock.family == socket.AF_INET:
        return [f"{host}:{port}"]
    both = not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    return [f"[{host}]:{port}"] + ([f"0.0.0.0:{port}"] if both else [])
