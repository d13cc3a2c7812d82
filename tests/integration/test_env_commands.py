import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.canaries import REFUSING, Canaries
from tests.support.fake_vendors import Behaviour, FakeVendors, fake_vendors
from tests.support.local_platform import (
    light_repository,
    running_platform,
    short_home,
)
from tests.support.plausible import LIST
from tests.support.processes import eventually
from tests.support.scripts import PM33, ROOT, SCRIPTS, ran
from tests.support.service import Finished
from tests.support.valkey import valkey_server

VALIDATE = SCRIPTS / "validate-env.py"
# In words that the specification uses.
DOCUMENTED = (
    ("./scripts/validate-env.py", "--environment", "production"),
    ("python3", "scripts/validate-env.py", "--environment", "production", "--verbose"),
    ("./scripts/validate-env.py", "--environment", "production", "--verbose"),
    ("python3", "scripts/validate-env.py", "--environment", "production"),
    ("./scripts/validate-env.py", "--verbose"),
)
PATHS = {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.defpath))}


@pytest.fixture
async def vendors() -> AsyncIterator[FakeVendors]:
    async with fake_vendors() as fakes:
        yield fakes


async def validate(folder: Path, *words: str | Path, **env: str) -> Finished:
    return await ran(VALIDATE, *words, folder=folder, **env)


def findings(said: Finished) -> dict[str, tuple[str, str]]:
    """Rule and severity by variable."""
    return {
        one["variable"]: (one["rule"], one["severity"])
        for one in json.loads(said.out)["findings"]
    }


def asked(said: Finished) -> dict[str, str]:
    """What became of each question, by the variable that it was to prove."""
    return {one["variable"]: one["outcome"] for one in json.loads(said.out)["services"]}


@pytest.mark.parametrize("words", DOCUMENTED, ids=" ".join)
async def test_the_specifications_commands_run_as_written(
    words: tuple[str, ...],
) -> None:
    said = await ran(*words, folder=ROOT, **PATHS)

    production = "production" in words
    assert said.code == (1 if production else 0), said.err
    assert ("DATABASE_URL" in said.out) is (production or "--verbose" in words)
    origin = "production (from --environment)"
    name = origin if production else "development (by default)"
    assert said.err == f"environment {name}\n"


async def test_the_specifications_list_and_nothing_else_is_fit_for_production(
    tmp_path: Path,
) -> None:
    lines = "".join(f'{name}="{value}"\n' for name, value in LIST.items())
    (tmp_path / "prod.env").write_text(lines)
    words = ("--offline", "-e", "production", "--env-file", "prod.env")
    said = await validate(tmp_path, *words)

    assert said.code == 0, said.out
    # What is no part of the list, and known to Railway alone: hosts, and the drain.
    assert "production: 0 errors, 2 warnings" in said.out
    last = "next: pm33 deploy --environment production --dry-run"
    assert said.out.splitlines()[-1] == last


async def test_an_answer_is_there_within_a_moment(tmp_path: Path) -> None:
    began = time.monotonic()
    said = await validate(tmp_path, "--offline", "-e", "production")

    assert said.code == 1
    # It takes half a second of an idle processor.
    assert time.monotonic() - began < 10


async def test_every_vendor_is_asked_and_none_refuses(
    vendors: FakeVendors, tmp_path: Path
) -> None:
    said = await validate(tmp_path, "--json", **vendors.variables())

    outcomes = asked(said)
    assert set(outcomes.values()) <= {"answered", "reached"} | {"dns", "tls"}, said.out
    assert {
        *("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "TOGETHER_API_KEY"),
        *("PINECONE_API_KEY", "STRIPE_SECRET_KEY", "RESEND_API_KEY"),
        *("POSTHOG_PROJECT_API_KEY", "SLACK_BOT_TOKEN"),
    } <= {name for name, how in outcomes.items() if how == "answered"}
    errors = {n: one for n, one in findings(said).items() if one[1] == "error"}
    assert (said.code, errors) == (0, {})
    for key in vendors.variables().values():
        assert len(key) < 20 or key.startswith("http") or key not in said.out + said.err


async def test_a_key_that_a_vendor_refuses_is_an_error(
    vendors: FakeVendors, tmp_path: Path
) -> None:
    vendors.behaviours |= {
        "openai": Behaviour.UNAUTHORIZED,
        "together": Behaviour.RATE_LIMITED,
        "anthropic": Behaviour.BROKEN,
    }
    said = await validate(tmp_path, "--json", **vendors.variables())
    found = findings(said)

    assert said.code == 1
    assert found["OPENAI_API_KEY"] == ("service-refused", "error")
    assert found["TOGETHER_API_KEY"] == ("service-troubled", "warning")
    assert found["ANTHROPIC_API_KEY"] == ("service-troubled", "warning")


@pytest.mark.full
async def test_vendors_that_hang_are_given_up_together_after_ten_seconds(
    vendors: FakeVendors, tmp_path: Path
) -> None:
    hanging = ("openai", "anthropic", "together")
    vendors.behaviours |= dict.fromkeys(hanging, Behaviour.HANG)
    began = time.monotonic()
    said = await validate(tmp_path, "--json", "--connect", **vendors.variables())
    found = findings(said)

    assert 9 <= time.monotonic() - began < 20
    assert said.code == 1
    for name in hanging:
        rule = found[f"{name.upper()}_API_KEY"]
        assert rule == ("service-unreachable", "error")
        assert asked(said)[f"{name.upper()}_API_KEY"] == "timeout"


async def test_a_database_is_asked_whether_the_login_works(
    database_url: str, tmp_path: Path
) -> None:
    fine = await validate(tmp_path, "--json", DATABASE_URL=database_url)
    nowhere = database_url.rsplit("/", 1)[0] + "/no_such_database"
    gone = await validate(tmp_path, "--json", DATABASE_URL=nowhere)
    down = await validate(
        tmp_path, "--json", DATABASE_URL=f"postgresql://u:canary@{REFUSING}/app"
    )

    assert asked(fine) == {"DATABASE_URL": "answered"}
    assert fine.code == 0, fine.out
    assert findings(gone)["DATABASE_URL"] == ("service-refused", "error")
    assert gone.code == 1
    assert ("service-unreachable", "warning") in findings(down).values()
    assert (down.code, "canary" in down.out + down.err) == (0, False)


async def test_a_cache_is_asked_whether_the_login_works(tmp_path: Path) -> None:
    async with valkey_server() as server:
        await server.command("CONFIG", "SET", "requirepass", "a-canary-password")
        right = server.url(password="a-canary-password")
        fine = await validate(tmp_path, "--json", REDIS_URL=right)
        wrong = server.url(password="another-canary")
        refused = await validate(tmp_path, "--json", REDIS_URL=wrong)

    assert asked(fine) == {"REDIS_URL": "answered"}
    assert findings(refused)["REDIS_URL"] == ("service-refused", "error")
    assert "canary" not in f"{refused.out}{refused.err}"


async def test_a_private_network_is_no_fault_from_outside(tmp_path: Path) -> None:
    url = {"DATABASE_URL": "postgresql://u:canary@db.railway.internal/app"}
    said = await validate(tmp_path, "--json", **url)
    insisting = await validate(tmp_path, "--json", "--connect", **url)

    assert (said.code, insisting.code) == (0, 1)
    assert findings(said)["DATABASE_URL"] == ("private-network", "info")
    assert findings(insisting)["DATABASE_URL"] == ("private-network", "error")


@pytest.mark.parametrize(
    ("form", "way"),
    [
        ("table", "process"),
        ("json", "file"),
        pytest.param("github", "process", marks=pytest.mark.full),
        pytest.param("github", "file", marks=pytest.mark.full),
        pytest.param("table", "file", marks=pytest.mark.full),
        pytest.param("json", "process", marks=pytest.mark.full),
    ],
)
async def test_no_canary_gets_out_of_a_process(
    form: str, way: str, tmp_path: Path
) -> None:
    canaries = Canaries(f"{REFUSING}/app")
    words = ["--format", form, "--verbose", "-e", "production"]
    variables = canaries.variables
    if way == "file":
        path = tmp_path / "some.env"
        escaped = {
            name: value.replace("\\", "\\\\").replace('"', '\\"')
            for name, value in variables.items()
        }
        path.write_text("".join(f'{n}="{v}"\n' for n, v in escaped.items()))
        words, variables = [*words, "--env-file", str(path)], {}
    said = await validate(tmp_path, *words, **variables)

    assert said.code == 1, said.err
    assert "Traceback" not in said.err
    assert canaries.found_in(said.out + said.err) == {}


async def test_ctrl_c_ends_it_while_services_are_asked(
    vendors: FakeVendors, tmp_path: Path
) -> None:
    vendors.behaviours["openai"] = Behaviour.HANG
    given = {
        name: vendors.variables()[name]
        for name in ("OPENAI_API_KEY", "HEALTH_OPENAI_BASE_URL")
    }
    process = await asyncio.create_subprocess_exec(
        PM33,
        *("env", "validate"),
        cwd=tmp_path,
        env=given,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await eventually(lambda: vendors.asked_of("openai"))
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(5):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 130
    assert (out, b"Traceback" in err) == (b"", False)


@pytest.mark.parametrize(
    "words",
    [
        ("--environment", "prod"),
        ("--env-file", "none.env"),
        ("--env-file", "empty.env"),
        ("--env-file", "picture.env"),
        ("--env-file", "secret.env", "--env-file", "again.env"),
    ],
    ids=" ".join,
)
async def test_what_was_asked_wrongly_exits_with_2(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "empty.env").touch()
    (tmp_path / "picture.env").write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    (tmp_path / "secret.env").write_text("SECRET_KEY=canary\n")
    (tmp_path / "again.env").write_text("A=1\nSECRET_KEY=canary\n")
    said = await validate(tmp_path, *words)

    assert (said.code, said.out) == (2, "")
    assert words[-1] in said.err
    assert "canary" not in said.err
    assert "Traceback" not in said.err


async def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = f"'{VALIDATE}' -e production --offline | head -n 1"
    said = await ran("/bin/sh", "-c", command, folder=tmp_path, **PATHS)

    assert "errors" in said.out
    assert "Traceback" not in said.err
    assert "BrokenPipe" not in said.err


async def test_two_sources_are_compared_by_name(tmp_path: Path) -> None:
    (tmp_path / "one.env").write_text("SECRET_KEY=a-canary\nPORT=80\n")
    said = await ran(
        *(PM33, "env", "diff", "one.env", "process"),
        folder=tmp_path,
        SECRET_KEY="another-canary",
    )

    assert said.code == 1, said.err
    assert said.out.splitlines() == [
        *("only in one.env", "  PORT", "different", "  SECRET_KEY"),
        "0 equal, 1 different, 1 in one of them only",
    ]


async def test_what_a_platforms_next_deployment_would_get_is_a_source(
    tmp_path: Path,
) -> None:
    (tmp_path / "some.env").write_text("ENVIRONMENT=staging\nPORT=80\n")
    with short_home() as home:
        place = {"PM33_HOME": str(home)}
        given = {"DB_POOL_SIZE": "many", "SECRET_KEY": "a-canary-secret"}
        repository = light_repository(tmp_path)
        async with running_platform(
            home, repository, given, environment="staging", database=True
        ) as platform:
            own = ("--source", "local:staging", "--json", "--verbose")
            said = await validate(tmp_path, *own, **place)
            other = await validate(tmp_path, "--source", "local:production", **place)
            diff = (PM33, "env", "diff", "some.env", "local:staging", "--json")
            compared = await ran(*diff, folder=tmp_path, **place)
            variables = home / "platform" / "variables.env"
            variables.write_text("DB_POOL_SIZE=1\na-canary nonsense\n")
            broken = await validate(tmp_path, *own, **place)
            await platform.close()
        gone = await validate(tmp_path, *own, **place)

    assert said.err == "environment staging (from --source)\n"
    assert said.code == 1
    assert findings(said)["DB_POOL_SIZE"][0] == "unusable-value"
    assert json.loads(said.out)["variables"]["DATABASE_URL"] == "sealed"
    assert other.code == 2
    assert "runs staging" in other.err
    body = json.loads(compared.out)
    assert (body["equal"], body["only_first"]) == (["ENVIRONMENT"], ["PORT"])
    assert {"DATABASE_URL", "SECRET_KEY"} <= set(body["only_second"])
    assert (broken.code, gone.code) == (2, 3)
    assert "line 2" in broken.out
    for one in (said, other, compared, broken, gone):
        assert "canary" not in one.out + one.err


def test_nothing_listens_where_nobody_may() -> None:
    """What these tests take for a closed port is one."""
    host, _, port = REFUSING.partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
