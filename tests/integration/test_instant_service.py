import signal
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.http import connect, encode
from tests.support.service import Service, served_service

LIVE = "/api/health/live"


async def counted(service: Service) -> dict[tuple[str, str], float]:
    """What ``/metrics`` says of answered probes, by path and code."""
    exposed = (await service.get("/metrics")).text
    return {
        (sample.labels["path"], sample.labels["code"]): sample.value
        for family in text_string_to_metric_families(exposed)  # type: ignore[no-untyped-call] # as published
        if family.name == "pm33_health_answers"
        for sample in family.samples
    }


async def test_a_plain_probe_is_answered_by_the_server_itself(tmp_path: Path) -> None:
    async with served_service(tmp_path) as service, connect(service.port) as client:
        plain = await client.request("GET", LIVE)
        # An empty query asks for nothing, but is not plain.
        usual = await client.request("GET", f"{LIVE}?")

        assert (plain.status, plain.body) == (usual.status, usual.body)
        assert plain.headers.keys() == usual.headers.keys()
        # Only the order of the headers tells which way an answer took.
        assert next(iter(usual.headers)) == "date"
        assert next(iter(plain.headers)) == "content-type"


async def test_either_way_an_answer_is_counted_once(tmp_path: Path) -> None:
    async with served_service(tmp_path) as service, connect(service.port) as client:
        before = await counted(service)
        for _ in range(5):
            await client.request("GET", LIVE)
        for _ in range(3):
            await client.request("GET", f"{LIVE}?")
        after = await counted(service)

    assert after[LIVE, "200"] - before.get((LIVE, "200"), 0) == 8


async def test_a_draining_service_says_close_to_each_probe_and_once(
    tmp_path: Path,
) -> None:
    async with served_service(tmp_path, PM33_LAME_DUCK=600) as service:
        async with connect(service.port) as kept:
            assert not (await kept.request("GET", LIVE)).closes

            service.child.signal(signal.SIGTERM)
            await service.child.event(phase="lame_duck")

            told = await kept.request("GET", LIVE)
            assert (told.status, told.headers["connection"]) == (200, "close")
        for path, status in ((LIVE, 200), ("/api/health/ready", 503)):
            async with connect(service.port) as new:
                await new.send(encode("GET", path))
                received = await new.read_to_end()
            assert received.startswith(b"HTTP/1.1 %d " % status)
            assert received.count(b"connection: close\r\n") == 1
        service.child.signal(signal.SIGTERM)
