"""What the edge has answered, read from Caddy's access log."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.support.railway.ground import EdgeRequest

__all__ = ["EdgeLog"]

_NO_ANSWER: Final = 499
"""What proxies write down where the client has gone before there was an answer."""


class EdgeLog:
    """Every answer, by the deployment whose replica was asked for it.

    Args:
        access_log: one JSON object a line, never rotated.
        owner: who listened on a port: the deployment, and the replica's number.
    """

    def __init__(
        self, access_log: Path, owner: Callable[[int], tuple[str, int] | None]
    ) -> None:
        self._path = access_log
        self._owner = owner
        self._offset = 0
        self._seen: list[EdgeRequest] = []

    def served(self, since: datetime, until: datetime) -> list[EdgeRequest]:
        """What was answered from ``since`` to before ``until``, the oldest first."""
        self._read_on()
        known = (one for one in self._seen if since <= one.at < until)
        return sorted(known, key=lambda one: one.at)

    def _read_on(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole, ended, _ = data.rpartition(b"\n")
        self._offset += len(whole) + len(ended)
        self._seen += [self._told(json.loads(line)) for line in whole.splitlines()]

    def _told(self, entry: Mapping[str, Any]) -> EdgeRequest:
        port = str(entry.get("upstream", ""))
        asked = self._owner(int(port)) if port.isdigit() else None
        deployment, replica = asked or (None, 0)
        request = entry["request"]
        return EdgeRequest(
            at=datetime.fromtimestamp(entry["ts"], UTC),
            deployment=deployment,
            status=entry["status"] or _NO_ANSWER,
            seconds=entry["duration"],
            method=request["method"],
            path=request["uri"],
            replica=replica,
        )
