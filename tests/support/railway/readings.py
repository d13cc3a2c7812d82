"""Log lines as the API tells them: at most limit + 1 of the newest, filtered."""

import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from tests.support.railway.authority import internal
from tests.support.railway.faults import Fault
from tests.support.railway.records import Line, Lines, Record
from tests.support.railway.world import World

__all__ = ["moment", "newest", "told_lines"]

_LIMIT: Final = 100
_MOST: Final = 5_000
_LEVEL: Final = "@level:"


def told_lines(
    world: World, record: Record, lines: Lines, given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """One read of a build log or a deployment log."""
    begin, end = moment(given.get("startDate")), moment(given.get("endDate"))
    found = [
        line
        for line in lines.all()
        if (begin is None or line.at >= begin)
        and (end is None or line.at <= end)
        and _fits(line, given.get("filter") or "")
    ]
    if world.faults.take(Fault.LOG_LINES_MISSING):
        found = found[::2]
    if world.faults.take(Fault.LOG_LINES_TWICE):
        found = [line for line in found for _ in range(2)]
    return [_told(world, record, line) for line in newest(found, given.get("limit"))]


def newest(found: list[Any], limit: int | None) -> list[Any]:
    """The last ones, and one more than asked for, as Railway does."""
    wanted = min(_LIMIT if limit is None else limit, _MOST) + 1
    return found[-wanted:]


def moment(text: str | None) -> datetime | None:
    """A time of the API.

    Raises:
        RefusedError: it is none.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise internal() from None


def _told(world: World, record: Record, line: Line) -> dict[str, Any]:
    instance = record.instances[0].id if record.instances else None
    return {
        "timestamp": world.clock.told_nano(line.at, line.number),
        "message": line.message,
        "severity": line.severity,
        "attributes": [{"key": "level", "value": f'"{line.severity}"'}],
        "tags": {
            "deploymentId": record.id,
            "deploymentInstanceId": instance,
            "environmentId": world.environment.id,
            "projectId": world.project.id,
            "serviceId": world.service.id,
            "snapshotId": record.snapshot,
        },
    }


def _fits(line: Line, wanted: str) -> bool:
    return all(_has(line, word) for word in _words(wanted))


def _has(line: Line, word: str) -> bool:
    if word.startswith(_LEVEL):
        return line.severity == word.removeprefix(_LEVEL)
    return word.lower() in line.message.lower()


def _words(wanted: str) -> Iterable[str]:
    """Words and "phrases"; all have to be there."""
    try:
        return shlex.split(wanted)
    except ValueError:
        raise internal() from None
