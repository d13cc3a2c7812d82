import signal
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.backend.database.embedded import EmbeddedServer
from app.backend.monitoring.redaction import MARKER
from tests.support.canaries import LOCAL, PATHS, REFUSING, Canaries, Crawler
from tests.support.leaky_checks import FORMS, LOGGED, REFUSED, SHOWN
from tests.support.processes import start
from tests.support.service import Service, pm33, served_service, until
from tests.support.valkey import valkey_server

MODULE = "tests.support.leaky_checks"
ENVIRONMENTS = ("development", "production")
PATIENCE = 120.0


@pytest.fixture
def canaries(postgres: EmbeddedServer) -> Canaries:
    address = urlsplit(postgres.url)
    return Canaries(f"{address.hostname}:{address.port}{address.path}")


def sample() -> list[str]:
    """Every vehicle and every form at least once."""
    vehicles = [*SHOWN, *LOGGED, REFUSED]
    count = max(len(vehicles), len(FORMS))
    pairs = zip(cycle(vehicles), cycle(FORMS), range(count), strict=False)
    return [f"{vehicle}_as_{form}" for vehicle, form, _ in pairs]


def everything() -> list[str]:
    return [f"{v}_as_{form}" for v in (*SHOWN, *LOGGED, REFUSED) for form in FORMS]


def extra(names: Iterable[str]) -> str:
    return ",".join(f"{MODULE}:{name}" for name in names)


async def details(service: Service, canaries: Canaries, path: str) -> str:
    answer = await service.get(path, token=canaries.of("PM33_ADMIN_TOKEN"))
    return answer.text


async def all_have_leaked(service: Service, names: list[str]) -> None:
    async def none_is_pending() -> bool:
        checks = (await service.json("/api/health/detailed"))["checks"]
        return all(checks[name]["status"] != "unknown" for name in names)

    await until(none_is_pending, PATIENCE)


def leaks(canaries: Canaries, texts: dict[str, str]) -> dict[str, str]:
    """Where there is a trace, with the first one of each place."""
    found = ((where, canaries.found_in(text)) for where, text in texts.items())
    return {where: next(iter(words.values())) for where, words in found if words}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize(
    "names",
    [sample(), pytest.param(everything(), marks=pytest.mark.full)],
    ids=["sample", "all"],
)
async def test_no_answer_and_no_log_line_gives_a_secret_away(
    tmp_path: Path, canaries: Canaries, environment: str, names: list[str]
) -> None:
    mounted = {"PM33_MOUNT": f"{MODULE}:app"} if environment == "production" else {}
    running = [name for name in names if not name.startswith(REFUSED)]
    async with served_service(
        tmp_path,
        ENVIRONMENT=environment,
        HEALTH_EXTRA_CHECKS=extra(names),
        PM33_LOG_FORMAT="auto",
        **canaries.variables,
        **LOCAL,
        **mounted,
    ) as service:
        await all_have_leaked(service, running)
        crawler = Crawler(service, canaries)
        forms = sorted({name.partition("_as_")[2] for name in names})
        raising = [f"/{way}/{form}" for form in forms for way in ("raise", "group")]
        await crawler.look(raising if mounted else ())
        await crawler.look(f"/api/health/checks/{name}" for name in running)
        await crawler.crawl(PATHS)
        await crawler.intrude()

        told = await details(service, canaries, "/api/health/detailed?why")
        service.child.signal(signal.SIGTERM)
        assert await service.child.exit_code() == 0
        log = service.child.output()

    assert leaks(canaries, crawler.seen | {"the log": log}) == {}
    # Each of them did try.
    shown = [name for name in running if name.partition("_as_")[0] in SHOWN]
    assert told.count(MARKER) > len(shown)
    assert log.count(MARKER) > len(running) - len(shown)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
async def test_an_application_that_does_not_start_gives_no_secret_away(
    tmp_path: Path, canaries: Canaries, environment: str
) -> None:
    async with served_service(
        tmp_path,
        ENVIRONMENT=environment,
        PM33_MOUNT=f"{MODULE}:failing",
        **canaries.variables,
        **LOCAL,
    ) as service:
        crawler = Crawler(service, canaries)
        await crawler.look(("/api/health/startup", "/api/health/detailed", "/"))

        told = await details(service, canaries, "/api/health/startup")
        log = service.child.output()

    assert leaks(canaries, crawler.seen | {"the log": log}) == {}
    assert f"cannot start with ['{MARKER}" in told


@pytest.mark.full
@pytest.mark.parametrize("environment", ENVIRONMENTS)
async def test_a_cache_that_refuses_the_password_gives_no_secret_away(
    tmp_path: Path, environment: str
) -> None:
    canaries = Canaries(f"{REFUSING}/app")
    async with valkey_server() as valkey:
        await valkey.command("CONFIG", "SET", "requirepass", "another")
        password = str(urlsplit(canaries.of("REDIS_URL")).password)
        variables = (
            canaries.variables | LOCAL | {"REDIS_URL": valkey.url(password=password)}
        )
        async with served_service(
            tmp_path, ENVIRONMENT=environment, **variables
        ) as service:
            await all_have_leaked(service, ["cache", "database"])
            crawler = Crawler(service, canaries)
            await crawler.crawl(PATHS)

            checks = (await service.json("/api/health/detailed"))["checks"]
            log = service.child.output()

    assert leaks(canaries, crawler.seen | {"the log": log}) == {}
    assert checks["cache"]["failure"] == "auth"
    assert checks["database"]["failure"] == "refused"


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
async def test_the_command_line_gives_no_secret_away(
    tmp_path: Path, canaries: Canaries, options: tuple[str, ...]
) -> None:
    said = await pm33(
        "health",
        "--detailed",
        *options,
        HEALTH_EXTRA_CHECKS=extra(sample()),
        PM33_HOME=tmp_path,
        **canaries.variables,
        **LOCAL,
    )

    assert said.code == 1, said.err
    assert leaks(canaries, {"out": said.out, "err": said.err}) == {}
    assert said.out.count(MARKER) > len(SHOWN)
    assert said.err.count(MARKER) > len(LOGGED)


async def test_a_script_that_asks_prints_no_secret(
    tmp_path: Path, canaries: Canaries
) -> None:
    names = [name for name in sample() if name.partition("_as_")[0] not in LOGGED]
    variables = {"HEALTH_EXTRA_CHECKS": extra(names), "PM33_HOME": str(tmp_path)}
    script = (
        "import asyncio; from app.backend.health import get_health;"
        "print(asyncio.run(get_health(detailed=True)).to_dict())"
    )
    with start(
        ["-c", script],
        output=tmp_path / "out",
        env=canaries.variables | LOCAL | variables,
    ) as child:
        assert await child.exit_code(PATIENCE) == 0, child.output()
        said = child.output()

    assert leaks(canaries, {"said": said}) == {}
    assert said.count(MARKER) > len(names)


def test_each_variable_has_a_canary_of_its_own(canaries: Canaries) -> None:
    found = {name: canaries.found_in(text) for name, text in canaries.variables.items()}
    assert {len(words) for words in found.values()} == {2}
    words = [word for words in found.values() for word in words]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("form", FORMS)
def test_the_search_knows_every_form(canaries: Canaries, form: str) -> None:
    written = FORMS[form](canaries.of("SECRET_KEY"))
    assert len(canaries.found_in(f"before {written} after")) == 2
