"""The examples of docs/extending.md, run as they stand there.

Those of the application's own clients are run by ``test_clients_mounted.py``.
Only the names of hosts and ports are led to this machine.
"""

import asyncio
import os
import re
import stat
import subprocess
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which

import asyncpg
import pytest

from tests.support.code_blocks import Block, blocks_of
from tests.support.http import DEADLINE
from tests.support.odd_server import OddServer, answer, odd_server
from tests.support.own_authority import own_authority
from tests.support.service import Service, served_service

BLOCKS = blocks_of("docs/extending.md")
JOB_TOKEN = "a-token-of-jobs"
PARTNER_KEY = "a-key-of-the-partner"
SHOP_TOKEN = "a-token-of-the-shop"
SHOP = [answer(b'{"checks": [{"status": "healthy"}]}')]
HOSTS = {
    "ops.example.com": "127.0.0.1",
    "shop.example.com": "localhost",
    "mail.example.com": "127.0.0.1",
}


def blocks(language: str, *words: str) -> list[Block]:
    """Those of a language that have all the words."""
    return [
        one
        for one in BLOCKS
        if one.language == language and all(word in one.text for word in words)
    ]


def variable(name: str) -> str:
    """What the page sets it to, in the line that starts the service."""
    [block] = blocks("bash", f"{name}=", "pm33 serve")
    found = re.search(rf"\b{name}=(\S+)", block.text)
    assert found is not None
    return found[1]


def test_each_block_is_run_by_one_of_these_tests() -> None:
    run = [
        *blocks("toml", "[checks."),
        *blocks("toml", "entry-points"),
        *blocks("python", "# myapp/"),
        *blocks("bash", "pm33 serve"),
        *blocks("bash", "curl"),
    ]
    # A package that is no dependency.
    sketches = blocks("python", "stripe.HTTPXClient")

    assert sorted([*run, *sketches], key=BLOCKS.index) == [*BLOCKS]
    assert len(run) == 16


@asynccontextmanager
async def tls_port(folder: Path) -> AsyncIterator[int]:
    """Serves with the certificate that the page's authority has signed."""
    (folder / "certs").mkdir()
    authority = own_authority(folder / "certs")
    context = authority.context("localhost", 90)
    authority.certificate.rename(folder / "certs" / "own-ca.pem")
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context
    )
    async with server:
        yield int(server.sockets[0].getsockname()[1])


@asynccontextmanager
async def declared_as_shown(folder: Path, database_url: str) -> AsyncIterator[Service]:
    """A service with every declared check of the page."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "create table jobs (created_at timestamptz, finished_at timestamptz);"
        "insert into jobs values (now() - interval '1 minute')"
    )
    await connection.close()
    async with tls_port(folder) as port, odd_server({"/health": SHOP}) as shop:
        text = "\n".join(one.text for one in blocks("toml", "[checks."))
        text = text.replace("https://shop.example.com", shop.url)
        text = text.replace("port = 443", f"port = {port}")
        text = text.replace("port = 587", f"port = {shop.url.rpartition(':')[2]}")
        text = text.replace("certs/", f"{folder}/certs/")
        for name, here in HOSTS.items():
            text = text.replace(name, here)
        path = folder / variable("HEALTH_CHECKS_FILE")
        path.write_text(text, encoding="utf-8")
        async with served_service(
            folder,
            DATABASE_URL=database_url,
            HEALTH_CHECKS_FILE=path,
            PM33_HEARTBEAT_TOKEN=JOB_TOKEN,
            REPORTS_DATABASE_URL=database_url,
            SHOP_TOKEN=SHOP_TOKEN,
        ) as service:
            yield service
        assert f"authorization: bearer {SHOP_TOKEN}" in shop.asked[0][1]


def report(folder: Path, port: int) -> str:
    """Runs the crontab's line, with a job that succeeds; returns the answer."""
    [line] = blocks("bash", "curl")
    job = folder / "bin" / "backup-everything"
    job.parent.mkdir()
    job.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    job.chmod(job.stat().st_mode | stat.S_IXUSR)
    command = line.text.replace("https://ops.example.com", f"http://127.0.0.1:{port}")
    done = subprocess.run(
        ["sh", "-c", command],
        env={
            "NO_PROXY": "*",
            "PATH": f"{job.parent}:{os.environ['PATH']}",
            "PM33_HEARTBEAT_TOKEN": JOB_TOKEN,
        },
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.skipif(
    which("openssl") is None or which("curl") is None,
    reason="openssl makes the certificate, curl reports",
)
async def test_declared_checks_as_shown(tmp_path: Path, database_url: str) -> None:
    names = [
        name
        for block in blocks("toml", "[checks.")
        for name in tomllib.loads(block.text)["checks"]
    ]
    async with declared_as_shown(tmp_path, database_url) as service:
        await service.check_becomes("nightly_backup", status="unknown")
        told = await asyncio.to_thread(report, tmp_path, service.port)
        assert '"next_expected_at"' in told
        for name in names:
            await service.check_becomes(name, status="healthy")
        await service.answers("/api/health/startup", 200)


@asynccontextmanager
async def ledger_port() -> AsyncIterator[int]:
    """What the page's class asks; waits until it has been left."""
    left = asyncio.Event()

    async def pong(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline() == b"PING\n":
            writer.write(b"PONG\n")
        writer.close()
        await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(pong, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
        async with asyncio.timeout(DEADLINE):
            await left.wait()


def written(folder: Path, partner: str) -> None:
    """The package of the page, installed as far as entry points need it."""
    for block in blocks("python", "# myapp/"):
        path = folder / block.file
        path.parent.mkdir(exist_ok=True)
        text = block.text.replace("https://partner.example.com", partner)
        path.write_text(text, encoding="utf-8")
    (folder / "myapp" / "__init__.py").touch()
    [block] = blocks("toml", "entry-points")
    [(group, entries)] = tomllib.loads(block.text)["project"]["entry-points"].items()
    about = folder / "myapp-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: myapp\nVersion: 1\n")
    lines = [f"[{group}]", *(f"{name} = {path}" for name, path in entries.items())]
    (about / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


@asynccontextmanager
async def asked_partner(folder: Path) -> AsyncIterator[OddServer]:
    """Who is asked for all replicas; the package leads there."""
    async with odd_server({"/v1/status": [answer(b"{}")]}) as partner:
        written(folder, partner.url)
        yield partner


async def test_checks_in_code_as_shown(tmp_path: Path, database_url: str) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "job").touch()
    async with (
        ledger_port() as port,
        asked_partner(tmp_path) as partner,
        served_service(
            tmp_path,
            DATABASE_URL=database_url,
            HEALTH_EXTRA_CHECKS=variable("HEALTH_EXTRA_CHECKS"),
            LEDGER_PORT=port,
            PARTNER_KEY=PARTNER_KEY,
            PM33_REPLICA_ID="r-1",
            PYTHONPATH=tmp_path,
            SPOOL=spool,
        ) as service,
    ):
        waiting = await service.check_becomes("spool", status="healthy")
        assert waiting["data"] == {"waiting": 1}
        ledger = await service.check_becomes("ledger", status="healthy")
        assert (ledger["critical"], ledger["shared"]) == (True, True)
        over = await service.check_becomes("licence", status="unhealthy")
        assert (over["failure"], over["remedy"]) == ("permission", "buy another")
        shared = await service.check_becomes("partner", status="healthy")
        assert shared["data"] == {"code": 200, "observed_by": "r-1"}
        assert f"authorization: bearer {PARTNER_KEY}" in partner.asked[0][1]
        await service.answers("/api/health/startup", 200)
