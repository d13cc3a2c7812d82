"""Each declared type against the real thing."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which
from typing import Any

import asyncpg
import pytest

from app.backend.health.models import CheckResult, Failure, Status
from tests.support.canned_http import still_open
from tests.support.declared import declared
from tests.support.fake_vendors import closed_port
from tests.support.odd_server import End, OddServer, Step, answer, odd_server
from tests.support.own_authority import OwnAuthority, own_authority

HEALTHY, DEGRADED, UNHEALTHY = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY
JSON = b'{"checks": [{"status": "ok", "ready": true, "count": 1}]}'
SCRIPTS: dict[str, list[Step]] = {
    "/good": [answer(b"all is in stock", media="text/html")],
    "/long": [answer(length=10_000_000), End.FLOOD],
    "/json": [answer(JSON)],
    "/created": [answer(code=201)],
    "/moved": [answer(b"", 302, "location: /good")],
    "/401": [answer(code=401)],
    "/402": [answer(code=402)],
    "/403": [answer(code=403)],
    "/404": [answer(code=404)],
    "/429": [answer(b"{}", 429, "retry-after: 17")],
    "/500": [answer(code=500)],
    "/503": [answer(code=503)],
    "/529": [answer(code=529)],
    "/cut": [answer(b"in stock", length=100)],
    "/packed": [answer(b"in stock", 200, "content-encoding: gzip")],
    "/hang": [End.HANG],
    "/reset": [End.RESET],
}


def said(result: CheckResult) -> tuple[Status, Failure | None]:
    return result.status, result.failure


@pytest.fixture
async def site() -> AsyncIterator[OddServer]:
    async with odd_server({**SCRIPTS}) as serving:
        yield serving


def http(site: OddServer, path: str, *fields: str) -> str:
    url = f'url = "{site.url}{path}"'
    return "\n".join(["[checks.it]", 'type = "http"', url, *fields])


CELLS: dict[tuple[str, ...], tuple[Status, Failure | None]] = {
    ("/good",): (HEALTHY, None),
    ("/good", 'method = "HEAD"'): (HEALTHY, None),
    ("/good", 'contains = "in stock"'): (HEALTHY, None),
    ("/good", 'contains = "sold out"'): (DEGRADED, Failure.INTERNAL),
    ("/good", 'contains = "x"', 'mismatch = "unhealthy"'): (
        *(UNHEALTHY, Failure.INTERNAL),
    ),
    ("/good", 'json_path = "a"', "json_equals = 1"): (DEGRADED, Failure.INTERNAL),
    ("/long",): (HEALTHY, None),
    ("/long", 'contains = "y"'): (DEGRADED, Failure.INTERNAL),
    ("/json", 'json_path = "checks.0.status"', 'json_equals = "ok"'): (HEALTHY, None),
    ("/json", 'json_path = "checks.0.status"', 'json_equals = "no"'): (
        *(DEGRADED, Failure.INTERNAL),
    ),
    ("/json", 'json_path = "checks.0.ready"', "json_equals = true"): (HEALTHY, None),
    ("/json", 'json_path = "checks.0.count"', "json_equals = true"): (
        *(DEGRADED, Failure.INTERNAL),
    ),
    ("/json", 'json_path = "checks.1.status"', 'json_equals = "ok"'): (
        *(DEGRADED, Failure.INTERNAL),
    ),
    ("/created",): (HEALTHY, None),
    ("/created", "status = 200"): (DEGRADED, Failure.INTERNAL),
    ("/created", "status = [200, 201]"): (HEALTHY, None),
    ("/moved",): (DEGRADED, Failure.INTERNAL),
    ("/moved", "status = 302"): (HEALTHY, None),
    ("/401",): (DEGRADED, Failure.AUTH),
    ("/402",): (DEGRADED, Failure.QUOTA),
    ("/403",): (DEGRADED, Failure.PERMISSION),
    ("/404",): (DEGRADED, Failure.INTERNAL),
    ("/404", "status = 404"): (HEALTHY, None),
    ("/429",): (DEGRADED, Failure.RATE_LIMIT),
    ("/500",): (DEGRADED, Failure.INTERNAL),
    ("/500", 'mismatch = "unhealthy"'): (UNHEALTHY, Failure.INTERNAL),
    ("/503",): (DEGRADED, Failure.OVERLOADED),
    ("/529",): (DEGRADED, Failure.OVERLOADED),
    ("/cut", 'contains = "in stock"'): (DEGRADED, Failure.INTERNAL),
    ("/packed", 'contains = "in stock"'): (DEGRADED, Failure.INTERNAL),
    ("/hang", "timeout = 0.5"): (UNHEALTHY, Failure.TIMEOUT),
    ("/reset",): (UNHEALTHY, Failure.REFUSED),
}


def cells() -> Iterator[Any]:
    for number, cell in enumerate(CELLS):
        marks = pytest.mark.full if number % 3 else ()
        yield pytest.param(cell, marks=marks, id=" ".join(cell))


@pytest.mark.parametrize("cell", [*cells()])
async def test_an_answer_is_judged_as_declared(
    tmp_path: Path, site: OddServer, cell: tuple[str, ...]
) -> None:
    async with declared(tmp_path, http(site, *cell)) as found:
        result = await found.verdict()

    assert said(result) == CELLS[cell], result
    assert result.failure is None or (result.message and result.remedy)
    assert len(site.asked) == 1, "nothing is followed, nothing is asked twice"


async def test_the_declared_headers_are_sent_and_shown_to_nobody(
    tmp_path: Path, site: OddServer
) -> None:
    text = http(site, "/401", "headers = { Authorization = 'Bearer ${SHOP_TOKEN}' }")
    async with declared(tmp_path, text, SHOP_TOKEN="c4nary") as found:
        result = await found.verdict()

    [(_, head)] = site.asked
    assert "authorization: bearer c4nary" in head
    assert "c4nary" not in repr(result)


async def test_what_says_when_to_ask_again_is_believed(
    tmp_path: Path, site: OddServer
) -> None:
    async with declared(tmp_path, http(site, "/429")) as found:
        assert (await found.verdict()).retry_after == 17


async def test_a_knob_leads_the_request_elsewhere(
    tmp_path: Path, site: OddServer
) -> None:
    knob = {"HEALTH_IT_BASE_URL": f"{site.url}/good"}
    async with declared(tmp_path, http(site, "/500"), **knob) as found:
        assert (await found.verdict()).status is HEALTHY


def tcp(port: int, host: str = "127.0.0.1") -> str:
    head = "[checks.it]\ntype = 'tcp'\ntimeout = 2"
    return f"{head}\nhost = '{host}'\nport = {port}"


async def test_a_port_that_accepts_is_healthy(tmp_path: Path, site: OddServer) -> None:
    port = int(site.url.rpartition(":")[2])
    async with declared(tmp_path, tcp(port)) as found:
        assert said(await found.verdict()) == (HEALTHY, None)
        assert not still_open(site.url)


async def test_a_closed_port_is_refused(tmp_path: Path) -> None:
    async with declared(tmp_path, tcp(closed_port())) as found:
        result = await found.verdict()

    assert said(result) == (UNHEALTHY, Failure.REFUSED)
    assert result.message == "127.0.0.1 refused the connection"


async def test_a_name_that_nobody_has_is_dns(tmp_path: Path) -> None:
    async with declared(tmp_path, tcp(80, "nobody.invalid")) as found:
        assert said(await found.verdict()) == (UNHEALTHY, Failure.DNS)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OwnAuthority:
    if which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    return own_authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def tls_site(context: ssl.SSLContext) -> AsyncIterator[int]:
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context
    )
    async with server:
        yield int(server.sockets[0].getsockname()[1])


def tls(port: int, *fields: str) -> str:
    head = ["[checks.it]", "type = 'tls'", "host = '127.0.0.1'", f"port = {port}"]
    return "\n".join([*head, *fields])


TLS_CELLS = {
    # days it is valid, its name, whether it is trusted: what is found
    "long": (90, "localhost", True, HEALTHY, ""),
    "soon": (10, "localhost", True, DEGRADED, "expires in"),
    "very soon": (2, "localhost", True, UNHEALTHY, "expires in"),
    "over": (-1, "localhost", True, UNHEALTHY, "has expired"),
    "other name": (90, "other.example.com", True, UNHEALTHY, "is for another name"),
    "own": (90, "localhost", False, UNHEALTHY, "cannot be trusted"),
}


@pytest.mark.parametrize("cell", TLS_CELLS)
async def test_a_certificate_is_judged_by_its_end_its_name_and_its_issuer(
    tmp_path: Path, authority: OwnAuthority, cell: str
) -> None:
    days, name, trusted, status, words = TLS_CELLS[cell]
    fields = ["server_name = 'localhost'"]
    fields += [f"ca_file = '{authority.certificate}'"] if trusted else []
    async with (
        tls_site(authority.context(name, days)) as port,
        declared(tmp_path, tls(port, *fields)) as found,
    ):
        result = await found.verdict()
        assert not still_open(f"https://127.0.0.1:{port}")

    assert result.status is status, result
    assert words in result.message
    assert result.failure is (Failure.TLS if words else None)
    assert ("days_left" in result.data) is (words in {"", "expires in"})


async def test_a_server_without_tls_is_tls(tmp_path: Path, site: OddServer) -> None:
    port = int(site.url.rpartition(":")[2])
    async with declared(tmp_path, tls(port, "timeout = 2")) as found:
        result = await found.verdict()

    # The server waits for a line that never comes.
    assert said(result) in {(UNHEALTHY, Failure.TIMEOUT), (UNHEALTHY, Failure.TLS)}


async def test_an_authority_that_cannot_be_read_is_a_fault_of_configuration(
    tmp_path: Path,
) -> None:
    async with declared(tmp_path, tls(1, "ca_file = 'no-such.pem'")) as found:
        assert said(await found.verdict()) == (UNHEALTHY, Failure.CONFIG)


def dns(host: str, *fields: str) -> str:
    return "\n".join(["[checks.it]", "type = 'dns'", f"host = '{host}'", *fields])


OWN = 'addresses = ["127.0.0.1", "::1"]'
DNS_CELLS: dict[tuple[str, ...], tuple[Status, Failure | None]] = {
    ("localhost",): (HEALTHY, None),
    ("localhost", OWN): (HEALTHY, None),
    ("localhost", 'addresses = ["192.0.2.1"]'): (DEGRADED, Failure.CONFIG),
    ("localhost", 'addresses = ["192.0.2.1"]', 'mismatch = "unhealthy"'): (
        *(UNHEALTHY, Failure.CONFIG),
    ),
    ("nobody.invalid",): (UNHEALTHY, Failure.DNS),
    ("a" * 64 + ".invalid",): (UNHEALTHY, Failure.DNS),
}


@pytest.mark.parametrize("cell", DNS_CELLS, ids=" ".join)
async def test_a_name_leads_where_it_should(
    tmp_path: Path, cell: tuple[str, ...]
) -> None:
    async with declared(tmp_path, dns(*cell)) as found:
        assert said(await found.verdict()) == DNS_CELLS[cell]


def sql(query: str, *fields: str) -> str:
    head = ["[checks.it]", "type = 'sql'", f'query = """{query}"""']
    return "\n".join([*head, *fields])


SQL_CELLS: dict[tuple[str, ...], tuple[Status, Failure | None]] = {
    ("select 1",): (HEALTHY, None),
    ("select 0",): (UNHEALTHY, Failure.INTERNAL),
    ("select null",): (UNHEALTHY, Failure.INTERNAL),
    ("select 1 where false",): (UNHEALTHY, Failure.INTERNAL),
    ("select 7", "max = 10", "warn_max = 5"): (DEGRADED, Failure.INTERNAL),
    ("select 7", "max = 5"): (UNHEALTHY, Failure.INTERNAL),
    ("select 7::numeric", "min = 5", "max = 10"): (HEALTHY, None),
    ("select 'NaN'::numeric", "min = 5"): (UNHEALTHY, Failure.INTERNAL),
    ("select interval '2 hours'", "max = 3600"): (UNHEALTHY, Failure.INTERNAL),
    ("select 'seven'", "max = 5"): (UNHEALTHY, Failure.CONFIG),
    ("select generate_series(1, 1000000)",): (HEALTHY, None),
    ("select nothing",): (UNHEALTHY, Failure.CONFIG),
    ("selekt",): (UNHEALTHY, Failure.CONFIG),
    ("select 1; select 2",): (UNHEALTHY, Failure.CONFIG),
    ("create table written ()",): (UNHEALTHY, Failure.CONFIG),
    ("commit",): (UNHEALTHY, Failure.INTERNAL),
    ("select pg_sleep(60)", "timeout = 0.3"): (UNHEALTHY, Failure.TIMEOUT),
}


async def test_a_value_is_judged_as_declared_and_nothing_is_written(
    tmp_path: Path, database_url: str
) -> None:
    for cell, expected in SQL_CELLS.items():
        async with declared(tmp_path, sql(*cell), DATABASE_URL=database_url) as found:
            result = await found.verdict()
            assert said(result) == expected, (cell, result)
            # The connection is as good as before.
            assert said(await found.verdict()) == expected
    connection = await asyncpg.connect(database_url)
    try:
        assert not await connection.fetchval("select to_regclass('written')")
    finally:
        await connection.close()


async def test_a_query_may_go_to_another_database(
    tmp_path: Path, database_url: str
) -> None:
    text = sql("select 1", 'dsn = "${REPORTS}"')
    async with declared(tmp_path, text, REPORTS=database_url) as found:
        assert said(await found.verdict()) == (HEALTHY, None)


async def test_without_a_database_there_is_nothing_to_ask(tmp_path: Path) -> None:
    async with declared(tmp_path, sql("select 1")) as found:
        assert (await found.verdict()).status is Status.SKIPPED


async def test_a_refused_login_names_the_dsn(tmp_path: Path, database_url: str) -> None:
    text = sql("select 1", f'dsn = "postgresql://127.0.0.1:{closed_port()}/x"')
    async with declared(tmp_path, text, DATABASE_URL=database_url) as found:
        result = await found.verdict()

    assert said(result) == (UNHEALTHY, Failure.REFUSED)
    assert "`dsn`" in result.remedy


async def test_each_connection_is_named_after_its_check_and_closed(
    tmp_path: Path, database_url: str
) -> None:
    query = "select application_name = 'pm33-check-it' from pg_stat_activity"
    text = sql(f"{query} where pid = pg_backend_pid()")
    async with declared(tmp_path, text, DATABASE_URL=database_url) as found:
        assert said(await found.verdict()) == (HEALTHY, None)


async def test_a_certificate_file_that_is_missing_refuses_the_check(
    tmp_path: Path,
) -> None:
    dsn = "postgresql://db.example.com/x?sslmode=verify-full&sslrootcert=/no.pem"
    async with declared(tmp_path, sql("select 1", f'dsn = "{dsn}"')) as found:
        [refused] = found.refused

    assert found.checks == {}
    assert str(refused).startswith(f"{tmp_path}/checks.toml, line 1: check 'it': ")
