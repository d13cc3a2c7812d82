"""Redis or Valkey: does it answer, can it be written, has it memory left?"""

import asyncio
import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import SecretStr

from app.backend.health.checks.cache_failures import judge_error
from app.backend.health.models import CheckResult, Failure, Status

__all__ = ["CacheCheck", "CacheReading", "judge_cache"]

_HEADROOM_WARNING = 10.0
# Settings of a pool, which redis-py's URLs may carry; here is one connection only.
_POOL_SETTINGS = frozenset({"connection_class", "max_connections", "timeout"})
_UNUSABLE_URL = CheckResult.unhealthy(
    Failure.CONFIG,
    "REDIS_URL cannot be used",
    remedy=(
        "Write it as redis://user:password@host:port/0 (rediss:// for TLS), with"
        " special characters of the password percent-encoded."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheReading:
    """What one answered probe found.

    Attributes:
        software: ``redis`` or ``valkey``.
        version: the server's own, not the Redis version it is compatible with.
        role: ``master``, or ``slave`` for a replica, in the server's words.
        used_memory: bytes.
        max_memory: bytes; 0: no limit of its own.
        policy: what happens at the limit; ``noeviction`` refuses writes.
        latency_ms: of PING.
    """

    software: str
    version: str
    role: str
    used_memory: int
    max_memory: int
    policy: str
    latency_ms: float

    @property
    def headroom_percent(self) -> float | None:
        """What is left below the limit; None without one."""
        if not self.max_memory:
            return None
        left = max(self.max_memory - self.used_memory, 0)
        return round(100 * left / self.max_memory, 1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "software": self.software,
            "version": self.version,
            "role": self.role,
            "used_memory_bytes": self.used_memory,
            "max_memory_bytes": self.max_memory or None,
            "maxmemory_policy": self.policy,
            "headroom_percent": self.headroom_percent,
        }


def judge_cache(reading: CacheReading, *, writable: bool) -> CheckResult:
    """Healthy, or degraded where it answers but writes fail or soon will."""
    failure, message, remedy = None, "", ""
    headroom = reading.headroom_percent
    if writable and reading.role != "master":
        failure = Failure.CONFIG
        message = "the server is a read-only replica"
        remedy = "Point REDIS_URL to the primary."
    elif (
        headroom is not None
        and headroom < _HEADROOM_WARNING
        and reading.policy == "noeviction"
    ):
        failure = Failure.OVERLOADED
        message = f"{headroom} % of maxmemory is left, and the policy is noeviction"
        remedy = "Raise maxmemory, let keys expire, or choose a policy that evicts."
    return CheckResult(
        status=Status.DEGRADED if failure else Status.HEALTHY,
        failure=failure,
        message=message,
        remedy=remedy,
        data=reading.to_dict(),
        latency_ms=reading.latency_ms,
    )


class CacheCheck:
    """Asks the server over one connection that is kept from probe to probe.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; None: nothing to check.
        connect_timeout: seconds to connect, with TLS; longer than the check's own
            timeout, so that a slow first connection can become warm.
        socket_timeout: seconds to wait for each single answer; shorter than it.
        writable: whether the application writes, so that a replica will not do.
    """

    name = "cache"

    def __init__(
        self,
        url: SecretStr | None,
        *,
        connect_timeout: float = 5.0,
        socket_timeout: float = 1.5,
        writable: bool = True,
    ) -> None:
        self._url = url
        self._connect_timeout = connect_timeout
        self._socket_timeout = socket_timeout
        self._writable = writable
        self._redis: ModuleType | None = None
        # redis-py's Connection, most of whose methods have no types.
        self._connection: Any = None

    async def probe(self) -> CheckResult:
        """PING, then INFO."""
        if self._url is None:
            return CheckResult.skipped(
                "no cache is configured", remedy="Set REDIS_URL to have it checked."
            )
        if self._redis is None:
            # 0.3 s of imports, which would stall the loop.
            self._redis = await asyncio.to_thread(
                importlib.import_module, "redis.asyncio"
            )
        redis = self._redis
        if self._connection is None:
            try:
                self._connection = self._make_connection(redis, self._url)
            except (ValueError, TypeError, redis.RedisError):
                # Not even logged: the parser quotes pieces of the URL.
                return _UNUSABLE_URL
        try:
            reading = await _ask(self._connection)
        except (redis.RedisError, OSError) as error:
            return judge_error(error)
        return judge_cache(reading, writable=self._writable)

    def abort(self) -> None:
        """Breaks the connection: what waits on it ends, the next probe makes another.

        While it is still being made there is nothing to break; that wait ends by its
        own timeout, or is cancelled.
        """
        # redis-py's own ways have to be awaited, or forget the writer in mid-write.
        writer = self._connection and self._connection._writer  # noqa: SLF001 - above
        if writer is not None:
            writer.transport.abort()

    async def close(self) -> None:
        """Closes the connection; waits for it as long as for connecting at most."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect()

    def _make_connection(self, redis: ModuleType, url: SecretStr) -> Any:
        """Reads the URL; opens nothing yet."""
        settings = redis.connection.parse_url(url.get_secret_value())
        kind = settings.get("connection_class", redis.Connection)
        settings = {k: v for k, v in settings.items() if k not in _POOL_SETTINGS}
        settings |= {
            "socket_connect_timeout": self._connect_timeout,
            "socket_timeout": self._socket_timeout,
            "client_name": "pm33-health",
            # RESP 2 needs no HELLO, and without a driver's name there is no SETINFO:
            # fewer round trips on a new connection.
            "protocol": 2,
            "driver_info": None,
            # No retry inside a check: the next probe is one.
            "retry": None,
            "retry_on_timeout": False,
            "health_check_interval": 0,
        }
        return kind(**settings)


async def _ask(connection: Any) -> CacheReading:
    # What the server closed while it was idle is no verdict on how it is now.
    if connection.is_connected and await connection.can_read():
        await connection.disconnect(nowait=True)
    await connection.connect()
    began = time.monotonic()
    await connection.send_command("PING")
    await connection.read_response()
    latency_ms = (time.monotonic() - began) * 1000
    # All sections at once: only since Redis 7 can several be named in one INFO.
    await connection.send_command("INFO")
    info = _info(await connection.read_response())
    return CacheReading(
        software="valkey" if "valkey_version" in info else "redis",
        version=info.get("valkey_version") or info.get("redis_version", ""),
        role=info.get("role", "master"),
        used_memory=int(info.get("used_memory", 0)),
        max_memory=int(info.get("maxmemory", 0)),
        policy=info.get("maxmemory_policy", ""),
        latency_ms=latency_ms,
    )


def _info(answer: bytes | str) -> Mapping[str, str]:
    """Reads the ``key:value`` lines of INFO (https://redis.io/commands/info/)."""
    text = answer if isinstance(answer, str) else answer.decode(errors="replace")
    lines = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {key: value for key, _, value in lines}
