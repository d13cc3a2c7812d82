"""Real requests to servers that answer well, badly, late, or not at all."""

import asyncio
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import pytest_asyncio
from pydantic import SecretStr

from app.backend.deploy.platforms.base import (
    DeploymentStatus,
    ReplicaAddress,
    TrafficCounters,
)
from app.backend.deploy.watching.fetch import Origin
from app.backend.deploy.watching.probes import HEALTH_PATH
from app.backend.deploy.watching.samples import Outcome, ProbeKind, Source
from app.backend.health.models import Status
from app.errors import ConfigError, PlatformError, PlatformUnreachableError
from tests.support.known_deployment import KnownDeployment
from tests.support.odd_server import End, OddServer, answer, odd_server
from tests.support.probing import DEADLINE, GOOD, ROUTE, only, prober
from tests.support.processes import eventually

TOKEN = "token-of-the-prober-tests"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A unix socket's path has about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="pm33-") as folder:
        yield Path(folder)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OddServer]:
    async with odd_server({**GOOD}) as odd:
        yield odd


@pytest_asyncio.fixture
async def other() -> AsyncIterator[OddServer]:
    async with odd_server({**GOOD}) as odd:
        yield odd


async def test_a_good_release_is_told_as_such(server: OddServer) -> None:
    samples = await prober(server.url).round()
    health, route = only(samples, ProbeKind.HEALTH), only(samples, ProbeKind.ROUTE)

    assert (health.outcome, health.code) == (Outcome.OK, 200)
    assert (health.deployment, health.replica, health.commit) == (
        ("d-2", "r1", "c0ffee2")
    )
    assert health.checks[0].status is Status.HEALTHY
    assert (route.outcome, route.source) == (Outcome.OK, Source.PUBLIC)
    assert route.latency is not None
    assert route.latency < DEADLINE
    assert only(samples, ProbeKind.PLATFORM).status is DeploymentStatus.SUCCESS
    assert only(samples, ProbeKind.NETWORK).outcome is Outcome.OK


async def test_behind_a_shield_nothing_public_says_anything(server: OddServer) -> None:
    counters = TrafficCounters(requests=3, errors=3)
    behind = KnownDeployment(shield=True, counters=counters)
    samples = await prober(server.url, platform=behind).round()
    public = [one for one in samples if one.source is Source.PUBLIC]
    assert {one.outcome for one in public} == {Outcome.DISCARDED}
    assert {one.reason for one in public} == {
        "the platform keeps machines out (shield)"
    }
    assert not [one for one in samples if one.kind is ProbeKind.TRAFFIC]
    # What the platform itself says still counts.
    assert only(samples, ProbeKind.PLATFORM).status is DeploymentStatus.SUCCESS


async def test_each_probe_is_one_request_on_a_new_connection(
    server: OddServer,
) -> None:
    asking = prober(server.url, probes=3)
    for _ in range(2):
        await asking.round()

    assert server.connections == len(server.asked) == 2 * 3 * 2


async def test_a_redirect_is_not_followed(server: OddServer, other: OddServer) -> None:
    away = answer(b"", 307, f"location: {other.url}{HEALTH_PATH}")
    server.scripts = {HEALTH_PATH: [away], ROUTE: [away]}
    await prober(server.url, token=SecretStr(TOKEN)).round()

    assert other.connections == 0


async def test_nothing_stays_open(server: OddServer) -> None:
    server.scripts[ROUTE] = [End.HANG]
    asking = prober(server.url, probes=3)
    for _ in range(3):
        await asking.round()
    await asyncio.sleep(0.05)

    ours = [one.raddr.port for one in psutil.Process().net_connections() if one.raddr]
    assert urlsplit(server.url).port not in ours


class TestReplicas:
    @pytest_asyncio.fixture
    async def sockets(self, short_folder: Path) -> AsyncIterator[list[OddServer]]:
        paths = [short_folder / f"{number}.sock" for number in range(2)]
        async with (
            odd_server({**GOOD}, paths[0]) as one,
            odd_server({**GOOD}, paths[1]) as two,
        ):
            yield [one, two]

    def known(self, sockets: Sequence[OddServer]) -> KnownDeployment:
        return KnownDeployment(
            addresses=[
                ReplicaAddress(f"d-2-{number}", odd.socket)
                for number, odd in enumerate(sockets)
            ]
        )

    async def test_each_is_asked_for_itself(self, sockets: list[OddServer]) -> None:
        samples = await prober(None, self.known(sockets)).round()
        found = [one for one in samples if one.source is Source.REPLICA]

        assert len(found) == 4
        assert {one.replica for one in found} == {"d-2-0", "d-2-1"}
        assert {one.outcome for one in found} == {Outcome.OK}
        assert [one.connections for one in sockets] == [2, 2]

    async def test_one_whose_socket_is_dead_or_gone_does_not_answer(
        self, sockets: list[OddServer], short_folder: Path
    ) -> None:
        dead = short_folder / "dead.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(dead))
        platform = self.known(sockets)
        platform.addresses = [
            ReplicaAddress("dead", dead),
            ReplicaAddress("gone", short_folder / "gone.sock"),
        ]
        samples = await prober(None, platform).round()

        told = {(one.replica, one.outcome) for one in samples if one.replica}
        assert told == {("dead", Outcome.NO_ANSWER), ("gone", Outcome.NO_ANSWER)}

    async def test_all_are_asked_side_by_side(self, sockets: list[OddServer]) -> None:
        for one in sockets:
            one.scripts = {HEALTH_PATH: [End.HANG], ROUTE: [End.HANG]}
        began = time.monotonic()
        await prober(None, self.known(sockets * 5)).round()

        assert time.monotonic() - began < 3 * DEADLINE

    async def test_they_are_remembered_while_the_platform_is_away(
        self, sockets: list[OddServer]
    ) -> None:
        platform = self.known(sockets)
        asking = prober(None, platform)
        await asking.round()
        platform.error = PlatformUnreachableError("away")
        samples = await asking.round()

        assert sum(one.source is Source.REPLICA for one in samples) == 4


class TestToken:
    def sent(self, server: OddServer, path: str) -> bool:
        [head] = [head for asked, head in server.asked if asked == path]
        return TOKEN in head

    async def test_it_goes_to_the_health_page_alone(self, server: OddServer) -> None:
        samples = await prober(server.url, token=SecretStr(TOKEN)).round()

        assert self.sent(server, HEALTH_PATH)
        assert not self.sent(server, ROUTE)
        assert TOKEN not in repr(samples)

    async def test_without_one_none_is_sent(self, server: OddServer) -> None:
        await prober(server.url).round()

        assert all("authorization" not in head for _, head in server.asked)

    async def test_it_is_shown_nowhere(
        self, server: OddServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        asking = prober(server.url, token=SecretStr(TOKEN))
        server.scripts[HEALTH_PATH] = [End.RESET]
        told = await asking.round()

        assert TOKEN not in caplog.text + repr(asking) + repr(vars(asking)) + repr(told)

    @pytest.mark.parametrize(
        ("url", "private"),
        [
            ("https://example.org", True),
            ("http://127.0.0.1:8000", True),
            ("http://[::1]:8000", True),
            ("http://localhost", True),
            ("http://example.org", False),
            ("http://127.0.0.1.example.org", False),
        ],
    )
    def test_it_is_never_sent_in_clear_over_a_network(
        self, url: str, *, private: bool
    ) -> None:
        assert Origin.of_url(url).is_private is private


class TestPlatform:
    @pytest.mark.parametrize(
        "error", [PlatformUnreachableError("away"), OSError(), TimeoutError()], ids=repr
    )
    async def test_one_that_is_away_is_our_own_error(
        self, server: OddServer, error: Exception
    ) -> None:
        samples = await prober(server.url, KnownDeployment(error=error)).round()

        for kind in (ProbeKind.PLATFORM, ProbeKind.NETWORK, ProbeKind.TRAFFIC):
            assert only(samples, kind).outcome is Outcome.OWN_ERROR
        assert only(samples, ProbeKind.HEALTH).outcome is Outcome.OK

    async def test_one_that_hangs_costs_one_deadline(self, server: OddServer) -> None:
        began = time.monotonic()
        samples = await prober(server.url, KnownDeployment(hangs=True)).round()

        assert time.monotonic() - began < 3 * DEADLINE
        assert only(samples, ProbeKind.NETWORK).outcome is Outcome.OWN_ERROR

    async def test_one_that_refuses_has_answered(self, server: OddServer) -> None:
        platform = KnownDeployment(error=PlatformError("too many requests"))
        samples = await prober(server.url, platform).round()

        assert only(samples, ProbeKind.PLATFORM).outcome is Outcome.OWN_ERROR
        assert only(samples, ProbeKind.NETWORK).outcome is Outcome.OK

    @pytest.mark.parametrize(
        ("works", "outcome"),
        [({"works": True}, Outcome.OK), ({"works": False}, Outcome.OWN_ERROR)],
        ids=["works", "does not"],
    )
    async def test_a_second_path_of_its_own_is_believed(
        self, server: OddServer, works: dict[str, bool], outcome: Outcome
    ) -> None:
        async def reach() -> bool:
            return works["works"]

        samples = await prober(server.url, reach=reach).round()

        assert only(samples, ProbeKind.NETWORK).outcome is outcome

    async def test_its_counters_come_along(self, server: OddServer) -> None:
        counters = TrafficCounters(requests=3, errors=1)
        samples = await prober(server.url, KnownDeployment(counters=counters)).round()

        assert only(samples, ProbeKind.TRAFFIC).counters == counters

    @pytest.mark.parametrize(
        "ended",
        [DeploymentStatus.FAILED, DeploymentStatus.CRASHED, DeploymentStatus.REMOVED],
    )
    async def test_one_that_says_it_is_over_is_not_waited_past(
        self, server: OddServer, ended: DeploymentStatus
    ) -> None:
        server.scripts[ROUTE] = [End.HANG]
        platform = KnownDeployment()
        began = time.monotonic()
        asking = asyncio.create_task(
            prober(server.url, platform, deadline=30.0).round()
        )
        await eventually(lambda: len(server.asked) == 2)
        platform.status = ended
        samples = await asking

        assert time.monotonic() - began < 10
        assert only(samples, ProbeKind.PLATFORM).status is ended
        assert only(samples, ProbeKind.HEALTH).outcome is Outcome.OK
        assert not [one for one in samples if one.kind is ProbeKind.ROUTE]

    async def test_one_that_goes_away_during_a_round_does_not_end_it(
        self, server: OddServer
    ) -> None:
        server.scripts[ROUTE] = [1.5, answer()]
        platform = KnownDeployment()
        asking = asyncio.create_task(
            prober(server.url, platform, deadline=30.0).round()
        )
        await eventually(lambda: len(server.asked) == 2)
        platform.error = PlatformUnreachableError("away")
        samples = await asking

        assert only(samples, ProbeKind.PLATFORM).status is DeploymentStatus.SUCCESS
        assert only(samples, ProbeKind.ROUTE).outcome is Outcome.OK


async def test_where_nobody_listens_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    samples = await prober(f"http://127.0.0.1:{port}").round()

    assert only(samples, ProbeKind.HEALTH).outcome is Outcome.NO_ANSWER
    assert "refused" in only(samples, ProbeKind.HEALTH).reason


async def test_a_name_that_cannot_be_resolved_is_our_own_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    asking = prober("http://nowhere.invalid", deadline=10.0)

    assert only(await asking.round(), ProbeKind.ROUTE).outcome is Outcome.OWN_ERROR


async def test_a_round_can_be_cancelled(server: OddServer) -> None:
    server.scripts[ROUTE] = [End.HANG]
    task = asyncio.ensure_future(prober(server.url, deadline=30.0).round())
    await asyncio.sleep(0.1)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, timeout=5)


@pytest.mark.parametrize("path", ["orders", "//evil.example", "@evil.example", ""])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="slash"):
        prober("http://127.0.0.1:1", paths=[path])


@pytest.mark.parametrize("url", ["ftp://host", "host:80", "", "http://", "/orders"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="address"):
        prober(url)
