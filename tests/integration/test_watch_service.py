"""Real processes of the service, watched while something is done to them."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from app.backend.deploy.platforms.base import DeploymentStatus, ReplicaAddress
from app.backend.deploy.watching.baseline import Baseline, take_baseline
from app.backend.deploy.watching.gate import GateLimits, gate
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.probes import Prober
from app.backend.deploy.watching.samples import Expected
from app.backend.deploy.watching.verdict import Rule, Verdict
from app.backend.deploy.watching.watch import WatchReport, watch
from tests.support.known_deployment import KnownDeployment
from tests.support.obedient_app import ORDER, ROUTE
from tests.support.private_postgres import private_postgres
from tests.support.processes import Child, eventually
from tests.support.service import Service, attached, serving

EXPECTED = Expected("d-2", "c0ffee2c0ffee2c0ffee2c0ffee2c0ffee2c0ffe")
LIMITS = Limits(threshold=3, interval=0.3)
# A machine that tests in parallel stands still for half a second now and then.
PATIENT = replace(LIMITS, slow_extra=5.0)
SECONDS = 30.0


def variables(folder: Path, replica: str = "r1") -> dict[str, object]:
    return {
        "HEALTH_DATABASE_PERIOD": 0.3,
        "HEALTH_DATABASE_TIMEOUT": 1,
        "PM33_MOUNT": "tests.support.obedient_app:app",
        "PM33_DEPLOYMENT_ID": EXPECTED.deployment,
        "PM33_REPLICA_ID": replica,
        "PM33_COMMIT": EXPECTED.commit,
        ORDER: folder / "order",
    }


class Release:
    """A service of one replica, on TCP, and how it was when it was good."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self._folder = folder
        self.platform = KnownDeployment()
        self.baseline = Baseline()

    def prober(self, deadline: float = 2.0) -> Prober:
        url = f"http://127.0.0.1:{self.service.port}"
        return Prober(self.platform, "d-2", url=url, paths=[ROUTE], deadline=deadline)

    def order(self, word: str) -> None:
        (self._folder / "order").write_text(word, encoding="utf-8")

    async def watched(
        self,
        seconds: float = SECONDS,
        expected: Expected = EXPECTED,
        deadline: float = 2.0,
        limits: Limits = LIMITS,
    ) -> WatchReport:
        return await watch(
            self.prober(deadline),
            expected=expected,
            seconds=seconds,
            limits=limits,
            baseline=self.baseline,
        )


@asynccontextmanager
async def released(child: Child, folder: Path) -> AsyncIterator[Release]:
    async with attached(child) as service:
        await service.has_results()
        release = Release(service, folder)
        release.order("")
        release.baseline = await take_baseline(release.prober(), interval=0.05)
        yield release


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, Path]]:
    folder = tmp_path_factory.mktemp("lasting")
    with serving(folder, **variables(folder)) as child:
        yield child, folder


@pytest_asyncio.fixture
async def release(lasting: tuple[Child, Path]) -> AsyncIterator[Release]:
    """A release that its test leaves alive."""
    async with released(*lasting) as running:
        yield running


@pytest_asyncio.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[Release]:
    with serving(tmp_path, **variables(tmp_path)) as child:
        async with released(child, tmp_path) as running:
            yield running


async def test_a_good_release_passes_the_gate_and_the_watch(release: Release) -> None:
    limits = GateLimits(replicas=1, hold=0.5, interval=0.1)
    report = await gate(release.prober(8.0), expected=EXPECTED, limits=limits)
    watched = await release.watched(seconds=1.5, deadline=8.0, limits=PATIENT)

    assert (report.passed, report.healthy) == (True, ("r1",))
    assert watched.verdict is Verdict.OK
    assert watched.counts.failed == 0


@pytest.mark.parametrize("order", ["fail", "some", "slow"])
async def test_a_bad_route_is_found_while_the_health_page_smiles(
    release: Release, order: str
) -> None:
    release.order(order)
    report = await release.watched()

    assert report.verdict is Verdict.FAIL, report.reason
    assert report.rule in {Rule.CONSECUTIVE, Rule.SHARE, Rule.REPLICA}
    assert {one.path for one in report.evidence} == {ROUTE}
    assert (await release.service.get("/api/health")).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_process_that_answers_no_more_is_found(
    mortal: Release, number: signal.Signals
) -> None:
    mortal.service.child.signal(number)
    try:
        report = await mortal.watched(deadline=1.0)
    finally:
        mortal.service.child.signal(signal.SIGCONT)

    assert report.verdict is Verdict.FAIL
    assert report.seconds < 15


@pytest.mark.parametrize(
    "expected",
    [
        Expected("d-3", EXPECTED.commit),
        Expected(EXPECTED.deployment, "decade5decade5decade5decade5decade5decad"),
    ],
    ids=["deployment", "commit"],
)
async def test_another_release_than_the_expected_one_is_found(
    release: Release, expected: Expected
) -> None:
    report = await release.watched(expected=expected)
    limits = GateLimits(hold=0.0, deadline=0.5, interval=0.1)
    refused = await gate(release.prober(), expected=expected, limits=limits)

    assert (report.verdict, report.rule) == (Verdict.FAIL, Rule.IDENTITY)
    assert not refused.passed


async def test_what_the_platform_has_seen_crash_is_not_watched_on(
    release: Release,
) -> None:
    release.platform.status = DeploymentStatus.CRASHED
    report = await release.watched()

    assert (report.verdict, report.rounds) == (Verdict.FAIL, 1)


async def test_a_database_that_goes_down_blames_nobody(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(private_postgres())
        given = variables(tmp_path) | {"DATABASE_URL": server.url}
        child = stack.enter_context(serving(tmp_path, **given))
        release = await stack.enter_async_context(released(child, tmp_path))
        await release.service.check_becomes("database", status="healthy")
        release.order("query")

        async def goes_down() -> None:
            await asyncio.sleep(1.0)
            await server.stop()

        fate = asyncio.ensure_future(goes_down())
        during = await release.watched(seconds=3.0)
        await fate
        await server.start()
        await release.service.check_becomes("database", status="healthy")
        after = await release.watched(seconds=1.5)

    assert during.verdict is Verdict.INCONCLUSIVE, during.reason
    assert during.counts.inconclusive > 0
    assert after.verdict is Verdict.OK, after.reason


@pytest.mark.full
class TestFourReplicas:
    COUNT = 4

    @pytest.fixture
    def sockets(self) -> Iterator[list[Path]]:
        with tempfile.TemporaryDirectory(prefix="pm33-") as folder:
            yield [Path(folder) / f"{number}.sock" for number in range(self.COUNT)]

    @pytest.fixture
    def replicas(self, sockets: list[Path], tmp_path: Path) -> Iterator[list[Child]]:
        with ExitStack() as stack:
            children = []
            for number, path in enumerate(sockets):
                folder = tmp_path / str(number)
                folder.mkdir()
                given = variables(folder, f"r{number}") | {"PM33_SOCKET": path}
                children.append(stack.enter_context(serving(folder, **given)))
            yield children

    def spoil(self, tmp_path: Path, _child: Child) -> None:
        (tmp_path / "2" / "order").write_text("fail", encoding="utf-8")

    def kill(self, _tmp_path: Path, child: Child) -> None:
        child.signal(signal.SIGKILL)

    @pytest.mark.parametrize("harm", [spoil, kill])
    async def test_one_that_is_bad_is_found(
        self,
        sockets: list[Path],
        replicas: list[Child],
        tmp_path: Path,
        harm: Callable[["TestFourReplicas", Path, Child], None],
    ) -> None:
        await eventually(lambda: all(one.exists() for one in sockets))
        platform = KnownDeployment(
            addresses=[ReplicaAddress(f"r{n}", one) for n, one in enumerate(sockets)]
        )
        prober = Prober(platform, "d-2", url=None, paths=[ROUTE])
        limits = GateLimits(replicas=self.COUNT, hold=0.5, interval=0.2)
        report = await gate(prober, expected=EXPECTED, limits=limits)
        baseline = await take_baseline(prober, interval=0.1)
        harm(self, tmp_path, replicas[2])
        bad = await watch(
            prober, expected=EXPECTED, seconds=SECONDS, limits=LIMITS, baseline=baseline
        )

        assert report.passed, report.reason
        assert bad.verdict is Verdict.FAIL
        assert {one.replica for one in bad.evidence} == {"r2"}
