import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.http import DEADLINE
from tests.support.service import TOKEN, Finished, pm33, served_service

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
REFUSED = "postgresql://pm33:pw@127.0.0.1:1/app"
PATIENCE = 120.0


def reply(status: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return ("\r\n".join([*lines, "connection: close", "", ""]) + body).encode()


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def saying(answer: bytes) -> Behaviour:
    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return behave


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.1)


@asynccontextmanager
async def answering(behave: Behaviour) -> AsyncIterator[str]:
    """The URL of a server that behaves like this once it has read a request's head."""
    connections: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            await behave(reader, writer)
            await writer.drain()
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            if connections:
                await asyncio.wait(connections, timeout=DEADLINE)


async def test_health_without_a_url_asks_the_database_itself(
    tmp_path: Path, database_url: str
) -> None:
    said = await pm33("health", "--json", DATABASE_URL=database_url, PM33_HOME=tmp_path)

    assert said.code == 0, said.err
    report = json.loads(said.out)
    assert report["checks"]["database"]["status"] == "healthy"
    assert list(report["checks"]) == [
        *("application", "database", "ai_services", "monitoring")
    ]


async def test_a_database_that_is_down_is_in_the_table_with_its_remedy(
    tmp_path: Path,
) -> None:
    said = await pm33("health", "--detailed", DATABASE_URL=REFUSED, PM33_HOME=tmp_path)

    assert said.code == 1, said.err
    assert said.out.startswith("UNHEALTHY")
    lines = [line.split() for line in said.out.splitlines()]
    database = next(line for line in lines if line[0] == "database")
    assert database[1] == "unhealthy"
    assert "refused:" in database
    assert {"system", "cache"} <= {line[0] for line in lines}
    assert "→ see whether the server runs" in said.out


async def test_a_running_service_is_asked_by_its_url(
    tmp_path: Path, database_url: str
) -> None:
    async with served_service(
        tmp_path, ENVIRONMENT="staging", DATABASE_URL=database_url
    ) as service:
        await service.check_becomes("database", status="healthy")
        url = f"127.0.0.1:{service.port}"
        variables = {"PM33_ADMIN_TOKEN": TOKEN}

        asked = await pm33("health", "--json", "--url", url, **variables)
        detailed = await pm33("health", "--json", "--detailed", "--url", url)
        wrong = await pm33("health", "--url", url, "--token", "wrong")
        live = await pm33("health", "--url", f"http://{url}/api/health/live/")

    assert (asked.code, detailed.code, wrong.code, live.code) == (0, 0, 0, 0)
    assert json.loads(asked.out)["checks"]["database"]["data"]
    assert "system" in json.loads(detailed.out)["checks"]
    assert "data" not in json.loads(detailed.out)["checks"]["database"]
    assert "the token was not accepted" in wrong.err
    assert wrong.out.startswith("HEALTHY")


async def test_an_unhealthy_service_is_a_report_and_not_an_error(
    tmp_path: Path,
) -> None:
    async with served_service(tmp_path, DATABASE_URL=REFUSED) as service:
        await service.check_becomes("database", status="unhealthy")
        url = f"http://127.0.0.1:{service.port}"

        said = await pm33("health", "--json", "--url", url)
        live = await pm33("health", "--url", f"{url}/api/health/live")

    assert (said.code, said.err) == (1, "")
    assert json.loads(said.out)["checks"]["database"]["failure"] == "refused"
    assert live.code == 0


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(silent, id="no answer"),
        pytest.param(dripping, id="an answer without end"),
        pytest.param(saying(reply("200 OK", "<html>hello</html>")), id="a page"),
        pytest.param(
            saying(reply("200 OK", "[]")), id="another JSON", marks=pytest.mark.full
        ),
        pytest.param(
            saying(reply("200 OK", '{"status": "ok"}')),
            id="another status",
            marks=pytest.mark.full,
        ),
        pytest.param(saying(reply("302 Found", "", "location: /login")), id="redirect"),
        pytest.param(
            saying(reply("503 Service Unavailable", "busy")),
            id="proxy error",
            marks=pytest.mark.full,
        ),
        pytest.param(saying(b"SSH-2.0-OpenSSH_9.2\r\n"), id="no HTTP"),
    ],
)
async def test_what_is_no_report_counts_as_nobody_asked(behave: Behaviour) -> None:
    async with answering(behave) as url:
        said = await pm33("health", "--json", "--url", url, "--timeout", "1")

    assert said.code == 3
    told = json.loads(said.out)
    assert told["error"] == "Health not reachable"
    assert told["remedy"]


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    said = await pm33("health", "--url", f"http://127.0.0.1:{port}/api/health")

    assert said.code == 3
    assert said.err.startswith("error: no health report from 127.0.0.1")
    assert "remedy: " in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("health", "--url", "ftp://127.0.0.1"),
        ("serve", "--port", "70000"),
        ("nothing",),
        (),
        pytest.param(
            ("health", "--url", "http://127.0.0.1:eighty"), marks=pytest.mark.full
        ),
        pytest.param(("health", "--timeout", "soon"), marks=pytest.mark.full),
    ],
    ids=" ".join,
)
async def test_a_usage_error_exits_with_2(words: tuple[str, ...]) -> None:
    said = await pm33(*words)
    assert said.code == 2
    assert "Traceback" not in said.err
    assert said.err


@pytest.mark.parametrize(
    ("variables", "remedy"),
    [
        ({"PORT": "eighty"}, "correct the value"),
        ({"HOST": "192.0.2.1"}, "set HOST to one"),
        pytest.param({"PORT": "70000"}, "correct the value", marks=pytest.mark.full),
        pytest.param({"HOST": "not a host"}, "set HOST to one", marks=pytest.mark.full),
    ],
    ids=str,
)
async def test_an_address_that_cannot_be_used_exits_with_78(
    tmp_path: Path, variables: dict[str, str], remedy: str
) -> None:
    given = {"PORT": "0", "PM33_HOME": str(tmp_path)} | variables
    said = await pm33("serve", **given)

    assert said.code == 78
    assert next(iter(variables)) in said.err
    assert remedy in said.err
    assert "Traceback" not in said.err


async def test_a_port_in_use_exits_with_78(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = await pm33(
            "serve", "--host", "127.0.0.1", "--port", port, PM33_HOME=tmp_path
        )

    assert said.code == 78
    assert "another process listens there" in said.err
    assert "set PORT to a free port" in said.err


@pytest.mark.parametrize(
    ("variables", "code"),
    [({}, 78), ({"DATABASE_URL": REFUSED}, 1), ({"DATABASE_URL": "mysql://db"}, 78)],
    ids=["none", "down", "unusable"],
)
async def test_a_migration_without_a_database_says_what_to_do(
    tmp_path: Path, variables: dict[str, str], code: int
) -> None:
    said = await pm33("migrate", "up", PM33_HOME=tmp_path, **variables)

    assert said.code == code
    assert said.out == ""
    assert "remedy: " in said.err
    assert "Traceback" not in said.err


async def test_help_names_every_command_and_option() -> None:
    top, serve = await asyncio.gather(pm33("--help"), pm33("serve", "--help"))

    assert (top.code, serve.code) == (0, 0)
    for command in ("health", "migrate", "run", "serve"):
        assert f"\n  {command} " in top.out
    assert "--host" in serve.out
    assert "--port" in serve.out
    assert (await pm33("--version")).out.startswith("pm33, version ")


async def ran(*words: str, folder: Path = ROOT, **env: str) -> Finished:
    """Runs a command of this environment, with nothing else in its own."""
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Finished(process.returncode or 0, out.decode(), err.decode())


async def test_the_specification_asks_health_by_these_words() -> None:
    said = await ran(
        PYTHON,
        "-c",
        """
import asyncio
from app.backend.health import get_health
result = asyncio.run(get_health(detailed=True))
print(result.to_dict())
""",
    )
    assert said.code == 0, said.err
    assert said.out.startswith("{'status': ")
    assert "'system': {" in said.out


async def test_the_specification_asks_the_configuration_by_these_words() -> None:
    said = await ran(
        PYTHON,
        "-c",
        """
from app.backend.config.environment import get_config
config = get_config()
print(f'Database URL configured: {bool(config.database.url)}')
""",
    )
    assert (said.code, said.out) == (0, "Database URL configured: False\n"), said.err
