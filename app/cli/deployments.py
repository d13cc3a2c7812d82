"""``pm33 deployments``: what has been deployed, by whom, and what came of it."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.cli.delivery import Delivery
from app.cli.options import actor, environment_option, json_option, refuse_misplaced

if TYPE_CHECKING:
    from app.backend.deploy.overview import Overview
    from app.backend.deploy.platforms.base import Deployment, LogLine, Platform
    from app.backend.deploy.records.run_state import RunState
    from app.backend.deploy.tools import Tools

__all__ = ["deployments"]

T = TypeVar("T")

_MANY = 100
_SHORT = 12
_TOLD_BELOW = frozenset(
    {
        *("steps", "cause", "evidence", "log", "meaning"),
        *("way_back", "serving_after", "taken_over_by"),
    }
)

_limit = click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many, the newest.",
)


@click.group(invoke_without_command=True)
@environment_option
@_limit
@json_option
@click.pass_context
def deployments(context: click.Context, /, **options: Any) -> None:
    """What has been deployed, the newest first."""
    if context.invoked_subcommand is None:
        context.invoke(list_, **options)
    else:
        refuse_misplaced(context)


@deployments.command(name="list")
@environment_option
@_limit
@json_option
def list_(environment: str | None, limit: int, *, as_json: bool) -> None:
    """Shows deployments and runs, the newest first."""
    delivery = Delivery.into(environment, guess=True)
    overview = _overview(delivery, limit)
    empty = "nothing is known" if overview.trouble else "nothing has been deployed"
    text = "\n".join(_table(overview)) or empty
    delivery.show(overview.to_dict(), text, as_json=as_json)
    for note in overview.notes:
        delivery.say(f"note: {note}")
    sys.exit(overview.trouble.exit_code if overview.trouble else 0)


@deployments.command()
@click.argument("name")
@environment_option
@json_option
def show(name: str, environment: str | None, *, as_json: bool) -> None:
    """Shows a run, a deployment or the newest deployment of a commit."""
    delivery = Delivery.into(environment, guess=True)
    overview = _overview(delivery, limit=_MANY, named=name)
    text = "\n".join(_told_of(overview, name))
    for note in overview.notes:
        delivery.say(f"note: {note}")
    delivery.show(overview.story(name), text, as_json=as_json)


@deployments.command()
@click.argument("name", required=False)
@environment_option
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option("--http", is_flag=True, help="Requests to it, as the edge has seen them.")
@_limit
@json_option
def logs(
    name: str | None,
    environment: str | None,
    limit: int,
    *,
    follow: bool,
    http: bool,
    as_json: bool,
) -> None:
    """Shows what a deployment wrote; by default the one that serves."""
    if http and follow:
        raise click.UsageError("--http shows what was, and follows nothing")
    delivery = Delivery.into(environment, guess=True)

    async def listen(platform: "Platform") -> None:
        deployment = await _deployment(delivery, platform, name)
        delivery.say(f"deployment {deployment}")
        if http:
            for one in await _requests(platform, deployment, limit):
                click.echo(delivery.redactor.redact(_line(one, as_json=as_json)))
            return
        lines = platform.logs(deployment, limit=limit, follow=follow)
        async for one in lines:
            click.echo(delivery.redactor.redact(_line(one, as_json=as_json)))

    asyncio.run(_with_platform(delivery, listen, say=delivery.say))


@deployments.command()
@click.argument("name")
@environment_option
@json_option
def cancel(name: str, environment: str | None, *, as_json: bool) -> None:
    """Ends a deployment that was left waiting; what serves is refused."""
    from app.backend.deploy import cancelling  # noqa: PLC0415 - 1 s

    delivery = Delivery.into(environment, guess=True)

    async def end(tools: "Tools") -> "Deployment":
        found = await _deployment(delivery, tools.platform, name)
        return await cancelling.cancel(found, tools, actor=actor())

    ended = delivery.with_tools(end)
    text = f"{ended.id} of {ended.commit[:12]} is {ended.status}"
    delivery.show(ended.to_dict(), text, as_json=as_json)


async def _requests(
    platform: "Platform", deployment: str, limit: int
) -> "Sequence[LogLine]":
    from app.errors import PlatformError  # noqa: PLC0415 - seldom raised

    found = await platform.http_logs(deployment, limit=limit)
    if found is None:
        raise PlatformError(
            f"the platform {platform.name} logs no single requests",
            remedy="leave --http away to see what the deployment wrote itself",
        )
    return found


async def _with_platform(
    delivery: Delivery,
    work: "Callable[[Platform], Awaitable[T]]",
    *,
    say: Callable[[str], None] = lambda _: None,
) -> T:
    from app.backend.deploy.opening import open_platform  # noqa: PLC0415 - 0.5 s

    platform = open_platform(delivery.config, delivery.environment, say=say)
    try:
        return await work(platform)
    finally:
        await platform.close()


async def _deployment(
    delivery: Delivery, platform: "Platform", name: str | None
) -> str:
    """The platform's id of what is named; of what serves, if nothing is."""
    from app.backend.deploy.overview import look  # noqa: PLC0415 - 1 s
    from app.errors import DeploymentNotFoundError  # noqa: PLC0415 - seldom raised

    overview = await look(
        delivery.config, delivery.environment, platform, limit=_MANY, named=name
    )
    if overview.trouble is not None:
        raise overview.trouble
    if name is not None:
        found = overview.find(name).deployment
    else:
        found = next((one for one in overview.deployments if one.active), None)
    if found is None:
        raise DeploymentNotFoundError(
            f"the platform has no deployment {name or 'that serves'}",
            remedy="`pm33 deployments list` shows what there is",
        )
    return found.id


def _overview(delivery: Delivery, limit: int, named: str | None = None) -> "Overview":
    """What is known; that the platform cannot be spoken to is part of it."""
    from app.backend.deploy.overview import look  # noqa: PLC0415 - 1 s
    from app.errors import ConfigError  # noqa: PLC0415 - seldom raised

    config, environment = delivery.config, delivery.environment

    async def ask(platform: "Platform | None") -> "Overview":
        return await look(config, environment, platform, limit=limit, named=named)

    try:
        return asyncio.run(_with_platform(delivery, ask))
    except ConfigError as error:
        return asyncio.run(ask(None)).noting(error)


def _table(overview: "Overview") -> Iterator[str]:
    for entry in overview.entries:
        one, run = entry.deployment, entry.run
        at = one.created_at if one else run and run.started_at
        marks = "*" if one and one.active else " "
        commit = (one.commit if one else run.commit if run else "")[:12]
        cells = (
            f"{marks} {at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" if at else marks,
            f"{commit:<12}",
            f"{one.id if one else '-':<20}",
            f"{one.status if one else '-':<12}",
            f"{run.run} {_ending(run)}{' to this' * entry.is_way_back}" if run else "-",
            _way_back(one) if one else "",
        )
        yield "  ".join(cells).rstrip()


def _way_back(one: "Deployment") -> str:
    """Whether it could be returned to, and for how long still where that ends."""
    if one.active or not one.can_roll_back:
        return ""
    return f"way back{f' {left}' if (left := _left(one)) else ''}"


def _left(one: "Deployment") -> str:
    if one.retained_until is None:
        return ""
    left = max(timedelta(), one.retained_until - datetime.now(UTC))
    hours, seconds = divmod(int(left.total_seconds()), 3600)
    return f"for {hours} h" if hours else f"for {seconds // 60} min"


def _ending(run: "RunState") -> str:
    return run.outcome or "ended" if run.ended else "not ended"


def _told_of(overview: "Overview", name: str) -> tuple[str, ...]:
    """What is known; what may be at a platform that was not asked is not unknown."""
    from app.errors import DeploymentNotFoundError  # noqa: PLC0415 - seldom raised

    try:
        return tuple(_told(overview, name))
    except DeploymentNotFoundError:
        if overview.trouble is not None:
            raise overview.trouble from None
        raise


def _told(overview: "Overview", name: str) -> Iterator[str]:
    """What is known of a deployment and its run, then what the run's report told."""
    entry = overview.find(name)
    run, deployment = entry.run, entry.deployment
    body = overview.story(name)
    yield from _facts({one: body[one] for one in ("deployment", "run")})
    if deployment is not None and (left := _way_back(deployment)):
        yield f"{left} still" if _left(deployment) else left
    if run is None:
        return
    story = body["run"]
    yield from (f"step: {_step(one)}" for one in story["steps"])
    if (back := story["way_back"]) is not None:
        commit, target = back.get("commit", "")[:_SHORT], back["target"]
        came = f"; it came as {back['restored']}" if "restored" in back else ""
        yield f"went back to: {commit} ({target}), {back.get('why', '')}{came}"
    if (served := story["serving_after"]) is not None:
        yield f"served when it had ended: {served}"
    if (by := story["taken_over_by"]) is not None:
        yield f"taken over by: {by['run']}" + (f" ({by['for']})" if by["for"] else "")
    yield overview.report(run)


def _facts(body: dict[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in body.items():
        if name in _TOLD_BELOW:
            continue
        if isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _facts(value, f"{indent}  ")
        elif value not in (None, "", []):
            yield f"{indent}{name}: {value}"


def _step(step: dict[str, Any]) -> str:
    return f"{step['name']:<9} {step['status']:<8} {step['meaning']}".rstrip()


def _line(one: "LogLine", *, as_json: bool) -> str:
    at = one.at.isoformat()
    if as_json:
        return json.dumps({"at": at, "replica": one.replica, "text": one.text})
    return f"{at}  {one.replica}  {one.text}"
