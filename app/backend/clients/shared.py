"""One limit for all replicas, kept in Redis or Valkey."""

import asyncio
import importlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

from pydantic import SecretStr

from app.backend.clients.limit import Limit

__all__ = ["BELIEVED", "RedisShared", "Reply", "Report", "Shared"]

BELIEVED: Final = 60.0
"""Seconds for which a replica's word on its calls in flight counts."""

_PATIENCE: Final = 0.5
"""Seconds for an exchange, which stands in the way of a call."""
_PAUSE: Final = 5.0
"""Seconds for which a server that did not answer is left alone."""

_log = logging.getLogger("pm33.clients")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a replica tells the others.

    Attributes:
        busy: its calls in flight.
        hold: seconds for which the vendor has asked to be left alone.
        corrections: by the second of an earlier :class:`Reply`, the tokens that were
            used beyond those counted there.
    """

    busy: int
    hold: float = 0.0
    corrections: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What comes of it.

    Attributes:
        granted: whether the call that was asked for may go ahead; it is counted.
        wait: seconds after which to ask again; None: as soon as a call has ended.
        second: in which it was counted.
        replicas: that have lately been at work, this one included.
        told: whether the wait is one that the vendor has asked for.
    """

    granted: bool
    wait: float | None
    second: int
    replicas: int
    told: bool


class Shared(Protocol):
    """What replicas agree by."""

    async def exchange(
        self, vendor: str, limit: Limit, report: Report, *, asked: int | None
    ) -> Reply | None:
        """Reports, and asks for leave to make a call of so many tokens; None: for none.

        Returns:
            None: the others cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Closes what is open."""
        ...


class RedisShared:
    """Asks one script, which reads and writes one hash for each vendor.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        prefix: of the keys; environments that share a server differ in it.
        clock: of this process, for how long to leave a silent server alone.
        now: the time for the script, in milliseconds; 0: the server's own, which all
            replicas have in common.
        patience: seconds for an exchange.
    """

    def __init__(
        self,
        url: SecretStr,
        *,
        prefix: str,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = lambda: 0,
        patience: float = _PATIENCE,
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._clock = clock
        self._now = now
        self._patience = patience
        self._replica = ""
        self._redis: ModuleType | None = None
        # redis-py's client and script, which have no types to speak of.
        self._client: Any = None
        self._script: Any = None
        self._away_until: float | None = None

    async def exchange(
        self, vendor: str, limit: Limit, report: Report, *, asked: int | None
    ) -> Reply | None:
        """See :class:`Shared`. A server that is away is told of in the log, once."""
        if self._away_until is not None and self._clock() < self._away_until:
            return None
        if self._redis is None:
            # 0.5 s of imports, which would stall the loop.
            self._redis = await asyncio.to_thread(
                importlib.import_module, "redis.asyncio"
            )
        if not self._replica:
            # Not before: a server may fork the process that has built this.
            self._replica = secrets.token_hex(8)
        redis = self._redis
        words = self._words(limit, report, asked)
        try:
            async with asyncio.timeout(self._patience):
                script = self._opened(redis)
                said = await script(keys=[f"{self._prefix}:{vendor}"], args=words)
        except (redis.RedisError, OSError, ValueError, TypeError) as error:
            self._lost(error)
            return None
        self._found()
        granted, wait, second, replicas, told = map(int, said)
        return Reply(
            granted=bool(granted),
            wait=None if wait < 0 else wait / 1000,
            second=second,
            replicas=replicas,
            told=bool(told),
        )

    async def close(self) -> None:
        """Closes the connections."""
        client, self._client, self._script = self._client, None, None
        if client is not None:
            await client.aclose()

    def _words(self, limit: Limit, report: Report, asked: int | None) -> list[Any]:
        return [
            self._now(),
            self._replica,
            report.busy,
            limit.requests,
            limit.tokens,
            limit.concurrency,
            -1 if asked is None else asked,
            round(report.hold * 1000),
            round(BELIEVED * 1000),
            *(word for pair in report.corrections.items() for word in pair),
        ]

    def _opened(self, redis: ModuleType) -> Any:
        """Reads the URL and the script; connects to nobody yet."""
        if self._script is None:
            self._client = redis.Redis.from_url(
                self._url.get_secret_value(),
                client_name="pm33-clients",
                socket_connect_timeout=self._patience,
                socket_timeout=self._patience,
                # Fewer round trips on a new connection, as in the cache check.
                protocol=2,
                driver_info=None,
                # An exchange that failed is not repeated: it may have counted.
                retry=None,
                retry_on_timeout=False,
                health_check_interval=0,
            )
            text = Path(__file__).with_name("shared.lua").read_text(encoding="utf-8")
            self._script = self._client.register_script(text)
        return self._script

    def _lost(self, error: Exception) -> None:
        if self._away_until is None:
            _log.warning(
                "limits are not shared: %s",
                # The kind alone: a parser quotes pieces of the URL.
                type(error).__name__,
                extra={
                    "remedy": "see REDIS_URL and the cache check; until then each "
                    "replica keeps to its part of every limit"
                },
            )
        self._away_until = self._clock() + _PAUSE

    def _found(self) -> None:
        if self._away_until is not None:
            _log.info("limits are shared again")
        self._away_until = None
