"""``type = "http"``: one request, and whether the answer is the expected one."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from app.backend.health.checks.declared.models import HttpTable
from app.backend.health.checks.vendor import Read
from app.backend.health.checks.vendor_answers import retry_after
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.models import CheckResult, Failure, Status

if TYPE_CHECKING:
    # 0.1 s of imports, which the service does not need in order to start.
    from app.backend.health.checks.vendor_http import Fetched

__all__ = ["HttpCheck", "judge_http"]

_LARGEST_BODY: Final = 1_048_576
_LARGEST_JSON: Final = 131_072
"""Bytes. A megabyte of brackets would hold the event loop for a fifth of a second."""
_SHOWN: Final = 200
_OWN_SHARE: Final = 0.9
_LEAST_SHARE: Final = 0.1
_GOOD: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
# RFC 9110 §15, RFC 6585 §4, and 529 as Anthropic and others use it.
_CLASSES: Final[Mapping[int, Failure]] = {
    401: Failure.AUTH,
    402: Failure.QUOTA,
    403: Failure.PERMISSION,
    407: Failure.AUTH,
    429: Failure.RATE_LIMIT,
    503: Failure.OVERLOADED,
    529: Failure.OVERLOADED,
}
_MISSING: Final = object()

Verdict = tuple[Failure, str, str]
"""What is wrong, in a class, in words, and with what to do."""


class HttpCheck:
    """Asks one URL; nothing is followed, nothing is asked twice.

    Args:
        name: of the check.
        table: what is asked, and what is expected.
        pool: what is asked through.
        timeout: seconds for an attempt.
        url: asked instead of the table's; None: the table's.
    """

    def __init__(
        self,
        name: str,
        table: HttpTable,
        pool: VendorPool,
        *,
        timeout: float,
        url: str | None = None,
    ) -> None:
        self.name = name
        self._table = table
        self._pool = pool
        self._timeout = timeout
        headers = {
            key.lower(): value.get_secret_value()
            for key, value in table.headers.items()
        }
        self._read = Read(
            method=table.method,
            url=url or table.url.get_secret_value(),
            headers={"accept": "*/*", **headers},
            # A page of any length is well where nobody looks into it.
            most=_LARGEST_BODY if _looks_inside(table) else 0,
        )

    async def probe(self) -> CheckResult:
        """One request."""
        from app.backend.health.checks.vendor_http import fetch  # noqa: PLC0415 - httpx

        entered = time.monotonic()
        try:
            client = await self._pool.client()
        except (OSError, ValueError, ImportError) as error:
            return CheckResult.unhealthy(
                Failure.CONFIG,
                # The kind alone: a proxy's address may hold a password.
                f"no request can be made at all ({type(error).__name__})",
                remedy="see SSL_CERT_FILE, SSL_CERT_DIR and the variables of proxies",
            )
        left = self._timeout * _OWN_SHARE - (time.monotonic() - entered)
        deadline = max(left, self._timeout * _LEAST_SHARE)
        return judge_http(
            await fetch(client, self._read, timeout=deadline), self._table
        )

    async def close(self) -> None:
        """Closes the pool, which others may share."""
        await self._pool.close()


def judge_http(fetched: "Fetched", table: HttpTable) -> CheckResult:
    """Unhealthy without an answer; what is not as expected is as ``mismatch`` says."""
    fault = fetched.fault
    if fault is not None and not fault.answered:
        return CheckResult(
            status=Status.UNHEALTHY,
            failure=fault.failure,
            message=fault.message,
            remedy=fault.remedy,
            transient=fault.transient,
        )
    data: dict[str, Any] = {"http_status": fetched.status}
    verdict = _by_status(fetched.status, table.status)
    if verdict is None and fault is not None:
        verdict = (fault.failure, fault.message, fault.remedy)
    if verdict is None and _looks_inside(table):
        verdict = _by_body(fetched, table, data)
    if verdict is None:
        return CheckResult(status=Status.HEALTHY, data=data)
    failure, message, remedy = verdict
    return CheckResult(
        status=Status(table.mismatch),
        failure=failure,
        message=message,
        remedy=remedy,
        data=data,
        retry_after=retry_after(fetched.headers),
    )


def _looks_inside(table: HttpTable) -> bool:
    return table.contains is not None or table.json_path is not None


def _by_status(status: int, expected: Sequence[int]) -> Verdict | None:
    if status in (expected or _GOOD):
        return None
    failure = _CLASSES.get(status, Failure.INTERNAL)
    if status in _REDIRECTS:
        message = f"it answers with a redirect ({status}), which is not followed"
        return failure, message, "ask where it leads to, or expect it by status"
    wanted = ", ".join(map(str, expected)) or "2xx"
    remedy = "see its own log, or correct url and status"
    return failure, f"it answers with HTTP {status} instead of {wanted}", remedy


def _by_body(
    fetched: "Fetched", table: HttpTable, data: dict[str, Any]
) -> Verdict | None:
    """Looks for what has to be in it; ``data`` gets what was found instead."""
    body = fetched.body
    trouble = ""
    if body is None:
        trouble = f"its body is longer than {_LARGEST_BODY} bytes"
    elif fetched.headers.get("content-encoding", "identity").lower() != "identity":
        trouble = "its body is compressed, which was not asked for"
    elif table.contains is not None and table.contains not in body.decode(
        errors="replace"
    ):
        trouble = "its body does not contain what is expected"
    elif table.json_path is not None and len(body) > _LARGEST_JSON:
        trouble = f"its body is longer than {_LARGEST_JSON} bytes, too long for JSON"
    elif table.json_path is not None:
        try:
            found = _found(json.loads(body), table.json_path)
        except (ValueError, RecursionError):
            trouble = "its body is no JSON"
        else:
            trouble = _differs(found, table, data)
    remedy = "see its own log, or correct what the check expects"
    return (Failure.INTERNAL, trouble, remedy) if trouble else None


def _differs(found: object, table: HttpTable, data: dict[str, Any]) -> str:
    if found is _MISSING:
        return f"its JSON has no {table.json_path}"
    if found != table.json_equals or isinstance(found, bool) is not isinstance(
        table.json_equals, bool
    ):
        data["found"] = str(found)[:_SHOWN]
        return f"{table.json_path} is not as expected"
    return ""


def _found(value: Any, path: str) -> Any:
    """What a path of keys and places leads to, as in ``checks.0.status``."""
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _MISSING
    return value
