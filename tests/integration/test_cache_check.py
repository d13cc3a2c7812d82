import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr
from redis.asyncio.connection import Connection

from app.backend.health.checks.cache import CacheCheck
from app.backend.health.checks.cache_failures import judge_error
from app.backend.health.models import CheckResult, Failure, Status
from tests.support.valkey import ValkeyServer, valkey_server

CLIENT = "pm33-health"
PATIENT = 60.0


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ValkeyServer]:
    async with valkey_server() as running:
        yield running


@asynccontextmanager
async def cache_check(
    url: str, *, socket_timeout: float = 10.0, writable: bool = True
) -> AsyncIterator[CacheCheck]:
    check = CacheCheck(
        SecretStr(url),
        connect_timeout=10.0,
        socket_timeout=socket_timeout,
        writable=writable,
    )
    try:
        yield check
    finally:
        await check.close()


async def eventually(
    condition: Callable[[], Awaitable[bool]], *, deadline: float = 20.0
) -> None:
    until = time.monotonic() + deadline
    while not await condition():
        assert time.monotonic() < until, "the condition was not met in time"
        await asyncio.sleep(0.02)


def verdict(result: CheckResult) -> tuple[Status, Failure | None]:
    return result.status, result.failure


async def test_without_a_url_the_cache_is_skipped() -> None:
    result = await CacheCheck(None).probe()
    assert result.status is Status.SKIPPED
    assert "REDIS_URL" in result.remedy


async def test_a_running_server_is_healthy_and_described(server: ValkeyServer) -> None:
    async with cache_check(server.url()) as check:
        result = await check.probe()
    assert verdict(result) == (Status.HEALTHY, None)
    assert result.latency_ms is not None
    assert result.data["software"] == "valkey"
    assert result.data["version"].startswith("9.")
    assert result.data["role"] == "master"
    assert result.data["used_memory_bytes"] > 0
    assert result.data["headroom_percent"] is None


async def test_a_stopped_server_is_refused_and_heals_after_its_restart(
    server: ValkeyServer,
) -> None:
    async with cache_check(server.url()) as check:
        assert (await check.probe()).status is Status.HEALTHY
        await server.stop()
        stopped = await check.probe()
        await server.start()
        restarted = await check.probe()
    assert verdict(stopped) == (Status.UNHEALTHY, Failure.REFUSED)
    assert stopped.remedy
    assert verdict(restarted) == (Status.HEALTHY, None)


async def test_a_restart_between_two_probes_is_no_failure(server: ValkeyServer) -> None:
    async with cache_check(server.url()) as check:
        await check.probe()
        await server.stop()
        await server.start()
        assert verdict(await check.probe()) == (Status.HEALTHY, None)


async def test_a_frozen_server_is_a_timeout_and_heals(server: ValkeyServer) -> None:
    async with cache_check(server.url(), socket_timeout=0.3) as check:
        server.freeze()
        frozen = await check.probe()
        server.thaw()

        async def healed() -> bool:
            return (await check.probe()).status is Status.HEALTHY

        await eventually(healed)
    assert verdict(frozen) == (Status.UNHEALTHY, Failure.TIMEOUT)
    assert frozen.remedy


async def test_a_cancelled_and_aborted_attempt_leaves_one_good_connection(
    server: ValkeyServer,
) -> None:
    async with cache_check(server.url(), socket_timeout=PATIENT) as check:
        await check.probe()
        server.freeze()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(check.probe(), timeout=0.3)
        check.abort()
        server.thaw()
        assert verdict(await check.probe()) == (Status.HEALTHY, None)

        async def one_connection() -> bool:
            return await server.connections(CLIENT) == 1

        await eventually(one_connection)


async def test_abort_ends_an_attempt_that_waits(server: ValkeyServer) -> None:
    async with cache_check(server.url(), socket_timeout=PATIENT) as check:
        await check.probe()
        server.freeze()
        attempt = asyncio.create_task(check.probe())
        # Until it has sent PING, which takes turns of the loop but no time.
        for _ in range(100):
            await asyncio.sleep(0)
        check.abort()
        result = await asyncio.wait_for(attempt, timeout=20.0)
        server.thaw()
    assert result.status is Status.UNHEALTHY


@pytest.mark.parametrize("connected", [True, False])
async def test_abort_at_any_moment_leaves_one_good_connection(
    server: ValkeyServer, *, connected: bool
) -> None:
    async with cache_check(server.url()) as check:

        async def healthy() -> bool:
            return (await check.probe()).status is Status.HEALTHY

        for turns in range(60):
            if not connected:
                await check.close()
            attempt = asyncio.create_task(check.probe())
            for _ in range(turns):
                await asyncio.sleep(0)
            check.abort()
            async with asyncio.timeout(20.0):
                # It may end in any way: nobody reads it any more.
                await asyncio.gather(attempt, return_exceptions=True)
            await eventually(healthy)

        async def one_connection() -> bool:
            return await server.connections(CLIENT) == 1

        await eventually(one_connection)


@pytest.mark.parametrize("login", ["app:wrong-password", ""])
async def test_a_refused_login_is_auth(server: ValkeyServer, login: str) -> None:
    await server.command("CONFIG", "SET", "requirepass", "right-password")
    user, _, password = login.partition(":")
    async with cache_check(server.url(user=user, password=password)) as check:
        result = await check.probe()
    assert verdict(result) == (Status.DEGRADED, Failure.AUTH)
    assert "REDIS_URL" in result.remedy
    assert "wrong-password" not in f"{result!r}"


async def test_the_right_password_is_healthy(server: ValkeyServer) -> None:
    await server.command("CONFIG", "SET", "requirepass", "right-password")
    async with cache_check(server.url(password="right-password")) as check:
        assert (await check.probe()).status is Status.HEALTHY


@pytest.mark.parametrize("rights", ["+@connection", "+info +ping", "-@all"])
async def test_a_user_without_the_rights_is_permission(
    server: ValkeyServer, rights: str
) -> None:
    rules = ("on", ">secret", "+auth", *rights.split())
    await server.command("ACL", "SETUSER", "poor", *rules)
    async with cache_check(server.url(user="poor", password="secret")) as check:
        result = await check.probe()
    assert verdict(result) == (Status.DEGRADED, Failure.PERMISSION)
    assert "+info" in result.remedy


async def test_the_rights_that_the_remedy_names_are_enough(
    server: ValkeyServer,
) -> None:
    rules = ("on", ">secret", "+@connection", "+info")
    await server.command("ACL", "SETUSER", "poor", *rules)
    async with cache_check(server.url(user="poor", password="secret")) as check:
        assert (await check.probe()).status is Status.HEALTHY


async def test_no_free_client_slot_is_overloaded_and_heals(
    server: ValkeyServer,
) -> None:
    _, holder = await asyncio.open_connection("127.0.0.1", server.port)
    holder.write(b"PING\r\n")
    await server.command("CONFIG", "SET", "maxclients", "1")
    async with cache_check(server.url()) as check:
        full = await check.probe()
        holder.close()
        await holder.wait_closed()

        async def healed() -> bool:
            return (await check.probe()).status is Status.HEALTHY

        await eventually(healed)
    assert verdict(full) == (Status.DEGRADED, Failure.OVERLOADED)


async def test_a_blocking_script_is_overloaded(server: ValkeyServer) -> None:
    await server.command("CONFIG", "SET", "busy-reply-threshold", "1")
    script = asyncio.create_task(server.command("EVAL", "while true do end", "0"))
    async with cache_check(server.url()) as check:

        async def busy() -> bool:
            result = await check.probe()
            return verdict(result) == (Status.DEGRADED, Failure.OVERLOADED)

        await eventually(busy)
    await server.stop()
    await asyncio.wait({script}, timeout=20.0)
    assert script.exception() is not None


async def fill(server: ValkeyServer, policy: str) -> None:
    await server.command("SETRANGE", "ballast", 20_000_000, "x")
    used = (await server.command("INFO", "memory"))["used_memory"]
    await server.command("CONFIG", "SET", "maxmemory-policy", policy)
    await server.command("CONFIG", "SET", "maxmemory", int(used * 1.04))


async def test_little_headroom_without_eviction_is_overloaded(
    server: ValkeyServer,
) -> None:
    await fill(server, "noeviction")
    async with cache_check(server.url()) as check:
        result = await check.probe()
    assert verdict(result) == (Status.DEGRADED, Failure.OVERLOADED)
    assert 0 <= result.data["headroom_percent"] < 10
    assert result.latency_ms is not None


async def test_little_headroom_with_eviction_is_healthy(server: ValkeyServer) -> None:
    await fill(server, "allkeys-lru")
    async with cache_check(server.url()) as check:
        assert (await check.probe()).status is Status.HEALTHY


@pytest.mark.parametrize(
    ("writable", "expected"),
    [
        (True, (Status.DEGRADED, Failure.CONFIG)),
        (False, (Status.HEALTHY, None)),
    ],
)
async def test_a_replica_is_wrong_only_for_a_writer(
    server: ValkeyServer, *, writable: bool, expected: tuple[Status, Failure | None]
) -> None:
    await server.command("REPLICAOF", "127.0.0.1", 1)
    async with cache_check(server.url(), writable=writable) as check:
        result = await check.probe()
    assert verdict(result) == expected
    assert result.data["role"] == "slave"


async def test_twenty_probes_use_one_connection_and_close_ends_it(
    server: ValkeyServer,
) -> None:
    async with cache_check(server.url()) as check:
        for _ in range(20):
            await check.probe()
        assert await server.connections(CLIENT) == 1

    async def closed() -> bool:
        return await server.connections(CLIENT) == 0

    await eventually(closed)


async def test_a_closed_check_can_be_probed_again(server: ValkeyServer) -> None:
    async with cache_check(server.url()) as check:
        await check.probe()
        await check.close()
        assert (await check.probe()).status is Status.HEALTHY


async def test_a_plain_server_behind_a_tls_url_is_tls() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-ERR this is not TLS\r\n")
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, cache_check(f"rediss://127.0.0.1:{port}") as check:
        result = await check.probe()
    assert verdict(result) == (Status.UNHEALTHY, Failure.TLS)
    assert "rediss://" in result.remedy


async def test_another_protocol_on_the_port_is_config() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, cache_check(f"redis://127.0.0.1:{port}") as check:
        result = await check.probe()
    assert verdict(result) == (Status.UNHEALTHY, Failure.CONFIG)


async def test_a_host_that_does_not_exist_is_dns() -> None:
    # The blank makes the resolver refuse the name without asking a server.
    async with cache_check("redis://no%20such%20host:6379") as check:
        result = await check.probe()
    assert verdict(result) == (Status.UNHEALTHY, Failure.DNS)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:canary-secret@127.0.0.1:6379",
        "redis://user:canary-secret/x@127.0.0.1:6379",
        "redis://127.0.0.1:6379?socket_timeout=canary-secret",
        "redis://127.0.0.1:6379?unknown=canary-secret",
        "rediss://127.0.0.1:6379?ssl_cert_reqs=canary-secret",
    ],
)
async def test_an_unusable_url_is_config_and_never_quoted(url: str) -> None:
    async with cache_check(url) as check:
        result = await check.probe()
    assert verdict(result) == (Status.UNHEALTHY, Failure.CONFIG)
    assert "redis://user:password@host" in result.remedy
    assert "canary" not in f"{result!r}{check!r}"


async def test_settings_of_a_pool_in_the_url_do_not_disturb(
    server: ValkeyServer,
) -> None:
    url = server.url() + "?max_connections=50&protocol=3&decode_responses=True"
    async with cache_check(url) as check:
        assert (await check.probe()).status is Status.HEALTHY


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("LOADING Redis is loading the dataset in memory", Failure.OVERLOADED),
        ("ERR max number of clients + cluster connections reached", Failure.OVERLOADED),
        ("ERR invalid password", Failure.AUTH),
        ("ERR DB index is out of range", Failure.CONFIG),
        ("MASTERDOWN Link with MASTER is down", Failure.CONFIG),
    ],
)
def test_what_the_server_refuses_with_is_degraded(
    answer: str, failure: Failure
) -> None:
    parser: Any = Connection()._parser
    error = parser.parse_error(answer)
    assert verdict(judge_error(error)) == (Status.DEGRADED, failure)
