"""``pm33 health``: asks a service, or this machine, and says it in words or JSON."""

import asyncio
import contextlib
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, TypeGuard, TypeVar
from urllib.parse import SplitResult, urlsplit

import click

from app.cli.override import override
from app.errors import HealthUnreachableError

__all__ = ["health"]

T = TypeVar("T")

_BAD = frozenset({"unhealthy", "unknown"})
_COLOURS = {
    "healthy": "green",
    "degraded": "yellow",
    "unhealthy": "red",
    "unknown": "magenta",
    "skipped": "cyan",
}
_HEAD = ("commit", "version", "environment", "replica_id")
_MOST_BYTES = 10_000_000


@click.group(invoke_without_command=True)
@click.option("--detailed", is_flag=True, help="Every check, not the core list.")
@click.option("--json", "as_json", is_flag=True, help="The report as it is.")
@click.option("--url", help="A running service; without it the checks run here.")
@click.option("--timeout", default=5.0, show_default=True, help="Seconds, for --url.")
@click.option(
    "--token",
    envvar="PM33_ADMIN_TOKEN",
    help="For messages and remedies; better set PM33_ADMIN_TOKEN.",
)
@click.pass_context
def health(
    context: click.Context,
    *,
    detailed: bool,
    as_json: bool,
    url: str | None,
    timeout: float,
    token: str | None,
) -> None:
    """Tells how the service is.

    Exits with 0 if it is healthy or degraded, 1 if unhealthy or unknown, 3 if nobody
    could be asked. Fit for a container's HEALTHCHECK with --url.
    """
    if context.invoked_subcommand is not None:
        return
    report = (
        _ask(url, detailed=detailed, timeout=timeout, token=token)
        if url
        else _look(detailed=detailed)
    )
    click.echo(json.dumps(report, indent=2) if as_json else _table(report))
    sys.exit(1 if report["status"] in _BAD else 0)


health.add_command(override)


def _look(*, detailed: bool) -> dict[str, Any]:
    from app.backend.config.environment import get_config  # noqa: PLC0415 - 0.5 s
    from app.backend.health import get_health  # noqa: PLC0415 - 1 s
    from app.backend.monitoring.observability import (  # noqa: PLC0415 - 0.4 s
        configure_logging,
    )
    from app.backend.monitoring.redaction import Redactor  # noqa: PLC0415 - as above

    config = get_config()
    # What checks log must neither mix with the report nor go out unredacted.
    configure_logging(
        config=config, redactor=Redactor(config.secrets()), stream=sys.stderr
    )
    logging.getLogger().setLevel(logging.WARNING)
    report = asyncio.run(get_health(detailed=detailed, config=config)).to_dict()
    return json.loads(json.dumps(report))  # type: ignore[no-any-return] # plain strings


def _ask(
    url: str, *, detailed: bool, timeout: float, token: str | None
) -> dict[str, Any]:
    parts = _parts(url)
    path = parts.path.rstrip("/")
    path = path or ("/api/health/detailed" if detailed else "/api/health")
    headers = {"accept": "application/json", "user-agent": "pm33-health"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    try:
        answer, body = _within(
            timeout, lambda: _fetch(parts, path, headers, timeout=timeout)
        )
        report = json.loads(body)
    except (OSError, HTTPException, ValueError) as error:
        reason = str(error) or f"no whole answer within {timeout:g} s"
        raise HealthUnreachableError(
            f"no health report from {parts.hostname}: {type(error).__name__}: {reason}",
            remedy="see whether the service runs there and the address is right",
        ) from error
    if not _is_report(report):
        raise HealthUnreachableError(
            f"HTTP {answer.status}, but no health report",
            remedy="point --url at the service's root, or at one of its health paths",
        )
    if "www-authenticate" in answer.headers:
        click.echo("the token was not accepted; details are left out", err=True)
    return report


def _is_report(body: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a body is ours, as far as the table needs it."""
    return (
        isinstance(body, dict)
        and isinstance(body.get("status"), str)
        and body["status"] in _COLOURS
        and isinstance(body.get("checks"), dict)
        and all(isinstance(body.get(name), str) for name in _HEAD)
    )


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        usable = (
            parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        )
    except ValueError:
        usable = False
    if not usable:
        raise click.BadParameter("is no http or https address", param_hint="--url")
    return parts


def _fetch(
    parts: SplitResult, path: str, headers: dict[str, str], *, timeout: float
) -> tuple[HTTPResponse, bytes]:
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(str(parts.hostname), parts.port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read(_MOST_BYTES)


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Waits for blocking work, and leaves it behind when it takes too long.

    A socket's timeout is for each read, and a resolver has none: neither bounds the
    whole.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(seconds)


def _table(report: dict[str, Any]) -> str:
    status = report["status"]
    head = click.style(status.upper(), fg=_COLOURS[status], bold=True)
    where = f"{report['environment']}  replica {report['replica_id']}"
    which = f"commit {report['commit'][:12]}  version {report['version']}"
    lines = [f"{head}  {which}  {where}", *_notes(report)]
    checks: dict[str, dict[str, Any]] = report["checks"]
    width = max(map(len, checks), default=0)
    for name, check in checks.items():
        lines.append(f"  {name:<{width}}  {_row(check)}".rstrip())
        lines += (f"  {'':<{width}}  {line}" for line in _beneath(check))
    return "\n".join(lines)


def _beneath(check: dict[str, Any]) -> Iterator[str]:
    """What to do, and what the vendor says of itself, also while all is well."""
    if check.get("remedy") and check["status"] != "healthy":
        yield f"→ {check['remedy']}"
    incident = _data(check).get("incident")
    if isinstance(incident, dict):
        since = f", since {incident['since']}" if incident.get("since") else ""
        words = f"{incident.get('title')} ({incident.get('impact')}{since})"
        yield click.style(f"! their status page: {words}", fg="yellow")


def _data(check: dict[str, Any]) -> dict[str, Any]:
    data = check.get("data")
    return data if isinstance(data, dict) else {}


def _notes(report: dict[str, Any]) -> Iterator[str]:
    """What stands over the checks: a closed gate, a stage, overrides."""
    if report.get("stage") not in {None, "serving"}:
        yield click.style(f"  not ready: {report['stage']}", fg="yellow")
    for fault in report.get("gate", {}).get("faults", ()):
        passed = "passed in spite of" if report["gate"]["passed"] else "CLOSED"
        yield click.style(f"  startup gate {passed}: {fault['message']}", fg="red")
        if fault["remedy"]:
            yield f"  → {fault['remedy']}"
    for one in report.get("overrides", ()):
        what = " ".join(filter(None, (one["kind"], one["check"])))
        until = f"until {one['until']}: {one['reason']}"
        yield click.style(f"  override {one['id']}: {what} {until}", fg="yellow")


def _row(check: dict[str, Any]) -> str:
    status = check["status"]
    styled = click.style(f"{status:<9}", fg=_COLOURS.get(status))
    latency = check["latency_ms"]
    took = "" if latency is None or status == "skipped" else f"{latency:.1f} ms"
    failure, blame = check["failure"], _data(check).get("blame")
    what = f"{failure} (blame: {blame})" if failure and blame else failure
    cause = ": ".join(filter(None, (what, check.get("message"))))
    return f"{styled} {took:>10}  {_ago(check['since']):>8}  {cause}"


def _ago(since: str | None) -> str:
    if since is None:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
