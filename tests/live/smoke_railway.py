"""``make smoke-railway``: looks at a live service, and says which open facts it shows.

It only reads, unless ``--changes SERVICE`` names a scratch service. The token is that
of the pipeline (``RAILWAY_TOKEN`` or ``RAILWAY_API_TOKEN``, or the Railway CLI's
login), and so is the service (``PM33_RAILWAY_PROJECT``, ``_ENVIRONMENT`` and
``_SERVICE``).

Exits with 0: asked, and nothing is otherwise than pm33 takes it; 1: something is, or
was not put back; 2: it is not said which service; 3: Railway does not answer, or the
changes did not come to their end; 5: it refuses the token, or the service is not to be
changed; 78: there is no token; 130: interrupted.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from app.backend.config.environment import Config, read_config
from app.backend.deploy.commits.own_settings import settings_text
from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.interrupt import Interrupt, until_interrupted
from app.backend.deploy.platforms.clock import SystemClock
from app.backend.deploy.platforms.railway.connection import Connection, connect
from app.backend.deploy.platforms.railway.environment import told_environment
from app.backend.monitoring.redaction import Redactor
from app.cli.failure import InterruptedCommandError
from app.cli.main import main
from app.cli.options import environment_option, json_option
from tests.live.changes.session import Outcome, Session
from tests.live.facts import Finding, Found, findings
from tests.live.gathering import gather

__all__ = ["smoke"]

_ROOT: Final = Path(__file__).resolve().parents[2]

T = TypeVar("T")

Say = Callable[[str], None]


@click.command()
@environment_option
@click.option(
    "--changes",
    metavar="SERVICE",
    help="Change things at this scratch service, see what comes of them, and put all"
    " back.",
)
@click.option("--yes", is_flag=True, help="With --changes: do not ask.")
@click.option(
    "--in-production", is_flag=True, help="With --changes: even in production."
)
@json_option
def smoke(
    environment: str | None,
    changes: str | None,
    *,
    yes: bool,
    in_production: bool,
    as_json: bool,
) -> None:
    """Reads a live service at Railway, and changes nothing.

    With --changes it deploys what serves at that service twice more, with a variable
    and settings of its own, and rolls back: that settles facts which reading cannot. It
    says beforehand what it will do, and asks; at the end, and after Ctrl-C, it puts
    back variables, settings, autodeploy and what served, and says what it could not.
    """
    if changes is None and (yes or in_production):
        raise click.UsageError("--yes and --in-production go with --changes")
    chosen = environment or os.environ.get("ENVIRONMENT") or _told() or "production"
    click.echo(f"environment {chosen}", err=True)
    given: Mapping[str, str] = {**os.environ, "ENVIRONMENT": chosen}
    if changes is not None:
        given = {**given, "PM33_RAILWAY_SERVICE": changes}
    config = read_config(given)
    redactor = Redactor(config.secrets())

    def say(line: str) -> None:
        click.echo(redactor.redact(line), err=True)

    def connected() -> Connection:
        return connect(config, chosen, say=say)

    def show(text: str, body: Any) -> None:
        click.echo(redactor.redact(json.dumps(body) if as_json else text))

    if changes is not None:
        outcome = _changed(connected, say, yes=yes, insists=in_production)
        show(outcome.text(), outcome.to_dict())
        sys.exit(outcome.exit_code)
    found = asyncio.run(_looked(connected(), config))
    show("\n".join(_table(found)), [one.to_dict() for one in found])
    sys.exit(any(one.found is Found.OTHERWISE for one in found))


def _told() -> str | None:
    """The environment of the token, or of Railway's link, as for the pipeline."""
    told = asyncio.run(told_environment(read_config(os.environ)))
    return told[0] if told else None


async def _looked(connection: Connection, config: Config) -> tuple[Finding, ...]:
    try:
        url = config.deployment.railway_api_url
        return findings(await gather(connection, url))
    finally:
        await connection.api.close()


def _changed(
    connected: Callable[[], Connection], say: Say, *, yes: bool, insists: bool
) -> Outcome:
    """Says what it will do, asks, and does it.

    It is asked between two event loops, since in one Ctrl-C would wait for the answer.

    Raises:
        InterruptedCommandError: it is not meant, or was left half done.
    """

    async def announced() -> str:
        return await _opened(connected(), say, _announcement, insists=insists)

    async def done() -> Outcome:
        interrupt = Interrupt()
        work = _opened(connected(), say, lambda one: one.go(interrupt), insists=insists)
        return await until_interrupted(work, interrupt)

    say(asyncio.run(announced()))
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is nobody to ask; --yes goes on without")
        if not click.confirm("go on?", err=True):
            raise InterruptedCommandError("nothing was changed")
    try:
        return asyncio.run(done())
    except asyncio.CancelledError as error:
        raise InterruptedCommandError("left as it is") from error


async def _opened(
    connection: Connection,
    say: Say,
    work: Callable[[Session], Awaitable[T]],
    *,
    insists: bool,
) -> T:
    read = partial(settings_text, Repository(_ROOT))
    try:
        session = await Session.open(
            connection, clock=SystemClock(), read=read, say=say, insists=insists
        )
        return await work(session)
    finally:
        await connection.api.close()


async def _announcement(session: Session) -> str:
    return session.announcement()


def _table(found: Sequence[Finding]) -> list[str]:
    width = max(len(one.fact) for one in found)
    lines = [f"{one.fact:<{width}}  {one.found:<9}  {one.seen}" for one in found]
    counts = [sum(one.found is kind for one in found) for kind in Found]
    told = ", ".join(
        f"{count} {kind}" for count, kind in zip(counts, Found, strict=True)
    )
    return [*lines, f"of {len(found)} facts: {told}"]


if __name__ == "__main__":
    main(command=smoke, program="smoke-railway")
