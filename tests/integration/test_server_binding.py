import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backend.server import bind
from app.errors import ConfigError
from tests.support.http import connect
from tests.support.served import served

needs_ipv6 = pytest.mark.skipif(
    not socket.has_dualstack_ipv6(), reason="this machine has no IPv6"
)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@needs_ipv6
@pytest.mark.parametrize("host", ["", "::", "[::]"])
async def test_both_families_are_answered(tmp_path: Path, host: str) -> None:
    with served(tmp_path, HOST=host) as service:
        port = await service.child.port()
        for address in ("127.0.0.1", "::1"):
            async with connect(port, address) as connection:
                client = json.loads((await connection.request("GET", "/client")).body)
                assert client["client"] == address


def test_an_explicit_host_is_the_only_one() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.family == socket.AF_INET
        assert listener.getsockname()[0] == "127.0.0.1"


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_literal_is_understood(host: str) -> None:
    with bind(host, 0) as listener:
        assert listener.getsockname()[0] == "::1"


@pytest.mark.parametrize("host", [None, "127.0.0.1"])
def test_a_taken_port_is_told_with_its_remedy(taken: int, host: str | None) -> None:
    with pytest.raises(ConfigError, match=f"port {taken}") as refused:
        bind(host, taken)

    assert refused.value.exit_code == 78
    assert "set PORT to a free port" in refused.value.remedy


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_foreign_address_is_told_with_its_remedy(host: str) -> None:
    with pytest.raises(ConfigError, match=host) as refused:
        bind(host, 0)

    assert "HOST" in refused.value.remedy


async def test_a_taken_port_ends_the_process_with_78(
    tmp_path: Path, taken: int
) -> None:
    with served(tmp_path, PORT=taken) as service:
        assert await service.child.exit_code() == 78
        assert "set PORT to a free port" in service.child.output()
        assert service.ledger() == []


async def test_forwarded_headers_of_a_trusted_proxy_are_believed(
    tmp_path: Path,
) -> None:
    forwarded = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}
    with served(tmp_path, TRUSTED_PROXIES="127.0.0.1", HOST="") as service:
        async with connect(await service.child.port()) as connection:
            answer = await connection.request("GET", "/client", headers=forwarded)

        assert json.loads(answer.body) == {"client": "203.0.113.7", "scheme": "https"}


async def test_forwarded_headers_are_ignored_by_default(tmp_path: Path) -> None:
    forwarded = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}
    with served(tmp_path) as service:
        async with connect(await service.child.port()) as connection:
            answer = await connection.request("GET", "/client", headers=forwarded)

        assert json.loads(answer.body) == {"client": "127.0.0.1", "scheme": "http"}


async def test_responses_are_dated_and_do_not_name_the_server(tmp_path: Path) -> None:
    with served(tmp_path) as service:
        async with connect(await service.child.port()) as connection:
            headers = (await connection.request("GET", "/")).headers

        assert "date" in headers
        assert "server" not in headers
