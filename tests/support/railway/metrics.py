"""What the edge has counted, as HTTP metrics and HTTP logs tell it."""

import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from tests.support.railway.authority import internal
from tests.support.railway.faults import Fault
from tests.support.railway.ground import CountingEdge, EdgeRequest
from tests.support.railway.readings import moment, newest
from tests.support.railway.records import Record
from tests.support.railway.world import World

__all__ = ["durations", "http_logs", "requests_by_status"]

_STEP: Final = 60
_ALWAYS: Final = (
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)
_STATUS: Final = re.compile(r"@httpStatus:(?:(>=|<=|>|<)?(\d+)|(\d+)\.\.(\d+))$")


def requests_by_status(world: World, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``httpMetricsGroupedByStatus``: counts by status and step, of the service."""
    counts: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for step, request in _stepped(world, given):
        counts[request.status][step] += 1
    return [
        {
            "statusCode": status,
            "samples": [{"ts": ts, "value": float(n)} for ts, n in sorted(of.items())],
        }
        for status, of in sorted(counts.items())
    ]


def durations(world: World, given: Mapping[str, Any]) -> dict[str, Any]:
    """``httpDurationMetrics``: percentiles in milliseconds by step."""
    took: dict[int, list[float]] = defaultdict(list)
    for step, request in _stepped(world, given):
        if given.get("statusCode") in {None, request.status}:
            took[step].append(request.seconds * 1000)
    return {
        "samples": [{"ts": ts, **_percentiles(of)} for ts, of in sorted(took.items())]
    }


def http_logs(
    world: World, record: Record, given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """``httpLogs``: the newest requests that one deployment answered."""
    begin = moment(given.get("beforeDate")) or _ALWAYS[0]
    end = moment(given.get("anchorDate") or given.get("afterDate")) or _ALWAYS[1]
    wanted = given.get("filter") or ""
    found = [
        (number, one)
        for number, one in enumerate(_served(world, begin, end))
        if one.deployment == record.id and _fits(one, wanted)
    ]
    limit = given.get("limit") or given.get("beforeLimit")
    return [_log(world, record, *one) for one in newest(found, limit)]


def _served(world: World, begin: datetime, end: datetime) -> Sequence[EdgeRequest]:
    ground = world.ground
    found = ground.served(begin, end) if isinstance(ground, CountingEdge) else ()
    return [_distorted(world, one) for one in found]


def _distorted(world: World, one: EdgeRequest) -> EdgeRequest:
    record = world.records.get(one.deployment or "")
    bent = {} if record is None else record.distortions
    if Fault.ERRORS_UNDER_TRAFFIC in bent:
        one = replace(one, status=HTTPStatus.INTERNAL_SERVER_ERROR)
    if (factor := bent.get(Fault.SLOW_UNDER_TRAFFIC)) is not None:
        one = replace(one, seconds=one.seconds * factor)
    return one


def _stepped(
    world: World, given: Mapping[str, Any]
) -> Iterable[tuple[int, EdgeRequest]]:
    """Each request with the beginning of its step, in seconds since 1970."""
    begin, end = moment(given["startDate"]), moment(given["endDate"])
    if begin is None or end is None:
        raise internal()
    step = given.get("stepSeconds") or _STEP
    for one in _served(world, begin, end):
        if given.get("method") in {None, one.method} and (
            given.get("path") in {None, one.path}
        ):
            passed = (one.at - begin).total_seconds() // step * step
            yield int(begin.timestamp() + passed), one


def _percentiles(milliseconds: list[float]) -> dict[str, float]:
    if len(milliseconds) == 1:
        cuts = milliseconds * 99
    else:
        cuts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return {f"p{share}": cuts[share - 1] for share in (50, 90, 95, 99)}


def _log(world: World, record: Record, number: int, one: EdgeRequest) -> dict[str, Any]:
    took = round(one.seconds * 1000)
    instances = record.instances
    return {
        "timestamp": world.clock.told_nano(one.at, number),
        "requestId": f"{record.id[:8]}-{number}",
        "method": one.method,
        "path": one.path,
        "host": world.domain,
        "httpStatus": one.status,
        "totalDuration": took,
        "upstreamRqDuration": took,
        "upstreamErrors": "",
        "upstreamAddress": "",
        "upstreamProto": "HTTP/1.1",
        "downstreamProto": "HTTP/2.0",
        "responseDetails": "",
        "srcIp": "127.0.0.1",
        "clientUa": "",
        "edgeRegion": "europe-west4-drams3a",
        "rxBytes": 0,
        "txBytes": 0,
        "deploymentId": record.id,
        "deploymentInstanceId": instances[one.replica].id if instances else "",
    }


def _fits(one: EdgeRequest, wanted: str) -> bool:
    return all(_is(one.status, word) for word in wanted.split())


def _is(status: int, word: str) -> bool:
    """One ``@httpStatus:`` of the filter language; other words are passed over."""
    found = _STATUS.match(word)
    if found is None:
        return True
    sign, number, low, high = found.groups()
    if low is not None:
        return int(low) <= status <= int(high)
    if sign is None:
        return status == int(number)
    compared = (status > int(number)) - (status < int(number))
    return {">=": compared >= 0, "<=": compared <= 0, ">": compared > 0}.get(
        sign, compared < 0
    )
