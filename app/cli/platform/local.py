"""``pm33 platform up|down``, and its status: this machine as a platform."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

__all__ = ["down", "tell_status", "up"]

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ENVIRONMENTS = click.Choice(["development", "staging", "production"])


@click.command()
@click.option("--foreground", is_flag=True, help="Stay, and stop it all on Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Of the proxy. [8080]")
@click.option("--host", help="Address of the proxy. [127.0.0.1]")
@click.option("-e", "--environment", type=_ENVIRONMENTS, help="[development]")
@click.option("--repository", type=_FOLDER, help="Where commits come from. [here]")
@click.option("--env-file", type=_FILE, help="Becomes the service's variables.")
@click.option(
    "--database/--no-database",
    default=None,
    help="A PostgreSQL of its own where no DATABASE_URL is set. [yes]",
)
def up(*, foreground: bool, **chosen: Any) -> None:
    """Starts the platform, or finds that it runs; what was given once is kept."""
    from app.backend.deploy.platforms.local import (  # noqa: PLC0415 - 0.2 s
        lifting,
        preparing,
    )

    home, variables = _home_and_variables()
    options = preparing.UpOptions(**chosen, variables=variables)
    if foreground:
        code = asyncio.run(lifting.stay_up(home, options, _tell))
        raise SystemExit(code)
    status, fresh = asyncio.run(lifting.bring_up(home, options))
    if not fresh and any(value is not None for value in chosen.values()):
        click.echo(
            "It runs already, and goes on as it did; `pm33 platform down` comes first.",
            err=True,
        )
    if fresh and variables:
        click.echo(_told_of(home, variables), err=True)
    _warn_of_run(home, status)
    _tell(status)


@click.command()
@click.option(
    "--timeout",
    type=click.FloatRange(0, 3600),
    default=90.0,
    show_default=True,
    help="Seconds until what still runs is killed.",
)
def down(timeout: float) -> None:
    """Stops the platform; the next `up` starts what served."""
    from app.backend.deploy.platforms.local import lifting  # noqa: PLC0415 - as above

    home, _ = _home_and_variables()
    was_up = asyncio.run(lifting.bring_down(home, timeout))
    click.echo("The platform is down." if was_up else "The platform was not up.")


def tell_status(*, as_json: bool) -> None:
    """Shows what runs here.

    Raises:
        PlatformUnreachableError: nothing does.
    """
    from app.backend.deploy.platforms.local import LocalPlatform  # noqa: PLC0415

    async def ask(home: Path) -> dict[str, Any]:
        local = LocalPlatform(home)
        found = dict(await local.status(look=True))
        running = found["proxy"]["pid"] is not None
        found["answered"] = await local.proxy_total() if running else None
        return found

    home, _ = _home_and_variables()
    found = asyncio.run(ask(home))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _tell(found)


def _home_and_variables() -> tuple[Path, dict[str, str]]:
    """The home, and the shell's DATABASE_URL, which the service is to have as well."""
    from app.backend.config.environment import get_config  # noqa: PLC0415 - 0.5 s

    config = get_config()
    url = config.database.url
    variables = {} if url is None else {"DATABASE_URL": url.get_secret_value()}
    return config.home.absolute(), variables


def _told_of(home: Path, variables: Mapping[str, str]) -> str:
    from app.backend.deploy.platforms.local import places  # noqa: PLC0415 - as above
    from app.backend.deploy.platforms.local.variables import (  # noqa: PLC0415 - too
        load_variables,
    )

    file = places.Places(home).variables
    if variables.items() <= load_variables(file).items():
        return f"The service's DATABASE_URL is this shell's; it is kept in {file}."
    return f"The service goes on with the DATABASE_URL in {file}, not this shell's."


def _warn_of_run(home: Path, status: Mapping[str, Any]) -> None:
    """`make run` in the same home has the same database."""
    from app.backend.processes.files import is_held  # noqa: PLC0415 - as above
    from app.cli.run import LOCK  # noqa: PLC0415 - needed here alone

    database = status["database"]
    shared = database["pid"] is not None or database.get("starting")
    if shared and is_held(home / LOCK):
        click.echo(
            "`make run` is at work in this home, too: it and the platform's releases "
            "share one database. PM33_HOME gives one of them another.",
            err=True,
        )


def _tell(status: Mapping[str, Any]) -> None:
    proxy, database = status["proxy"], status["database"]
    click.echo(f"Service      {status['url']}  ({status['environment']})")
    click.echo(f"Repository   {status['repository']}")
    if supervisor := status.get("supervisor"):
        click.echo(f"Supervisor   pid {supervisor['pid']}{_since(supervisor)}")
    count = status.get("answered")
    answered = "" if count is None else f", {count} answers"
    click.echo(f"Proxy        {_process(proxy)}{answered}{_since(proxy)}")
    if database["pid"] or database["problem"] or database.get("starting"):
        click.echo(f"PostgreSQL   {_process(database)}{_since(database)}")
    if status["active"] is None:
        click.echo("Serving      nothing yet; `pm33 deploy` changes that")
    for one in status["deployments"]:
        mark = "→" if one["active"] else " "
        age = _age(datetime.fromisoformat(one["created_at"]))
        line = f"{mark} {one['id']}  {one['commit'][:12]}  {one['status']:<12}  {age}"
        click.echo(line.rstrip())
        if one["reason"] and one["status"] not in {"REMOVING", "REMOVED"}:
            click.echo(f"    {one['reason'].splitlines()[0]}")
        for replica in one.get("replicas", ()):
            click.echo(f"    {_replica(replica)}")


def _process(part: Mapping[str, Any]) -> str:
    if part["pid"] is None:
        problem = part["problem"]
        return f"does not run: {problem}" if problem else "is being started"
    version = part.get("version")
    return f"{version}, pid {part['pid']}" if version else f"pid {part['pid']}"


def _since(part: Mapping[str, Any]) -> str:
    """Since when it has run, and what was before that."""
    if part.get("since") is None or part["pid"] is None:
        return ""
    since = f" since {_clock(part['since'])}"
    if not part["why"]:
        return since
    often = "" if (count := part.get("restarts", 1)) == 1 else f" {count} times"
    return f"{since}, started again{often}: {part['why']}"


def _replica(one: Mapping[str, Any]) -> str:
    well = "healthy" if one["healthy"] else f"not healthy: {one['problem']}"
    process = f", pid {one['pid']}" if one["pid"] else ""
    count = one["restarts"]
    words = "1 restart" if count == 1 else f"{count} restarts"
    told = f"{one['replica']}  {well}{process}, {words}"
    if one["ended"] is None:
        return told
    return f"{told}; ended last at {_clock(one['ended_at'])}: {one['ended']}"


def _clock(at: str) -> str:
    """The time of day here, and the day unless it is today."""
    moment = datetime.fromisoformat(at).astimezone()
    today = moment.date() == datetime.now(UTC).astimezone().date()
    return f"{moment:%H:%M:%S}" if today else f"{moment:%Y-%m-%d %H:%M:%S}"


def _age(at: datetime) -> str:
    seconds = max(0, int((datetime.now(UTC) - at).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
