from typing import Any

import pytest

from app.backend.health.checks.declared.http import judge_http
from app.backend.health.checks.declared.models import HttpTable
from app.backend.health.checks.vendor_http import Fetched
from app.backend.health.models import Status

LONG_JSON = b"[" + b"[]," * 100_000 + b"[]]"


def table(**said: Any) -> HttpTable:
    url = "https://shop.example.com/health"
    return HttpTable.model_validate({"type": "http", "url": url, **said})


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"json_path": "0", "json_equals": "ok"}, Status.DEGRADED),
        ({"contains": "[[],[]"}, Status.HEALTHY),
    ],
    ids=["json", "text"],
)
def test_what_would_hold_the_loop_is_not_read_as_json(
    said: dict[str, str], status: Status
) -> None:
    result = judge_http(Fetched(status=200, body=LONG_JSON), table(**said))

    assert result.status is status
    assert ("too long for JSON" in result.message) is (status is Status.DEGRADED)
