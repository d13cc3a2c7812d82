"""``pm33 deploy``: a commit goes out, is watched, and is undone when it turns bad."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from app.cli.delivery import Delivery
from app.cli.options import (
    Seconds,
    actor,
    environment_option,
    failure_threshold_option,
    gate_hold_option,
    json_option,
    monitor_interval_option,
    refuse_misplaced,
)

if TYPE_CHECKING:
    from app.backend.config.environment import Config
    from app.backend.deploy.planning.plan import Plan
    from app.backend.deploy.planning.target import Release
    from app.backend.deploy.request import DeployRequest
    from app.backend.deploy.tools import Tools

__all__ = ["deploy", "request_of"]

_REFUSED, _HELD = 5, 4


@click.group(invoke_without_command=True)
@environment_option
@click.option("-b", "--branch", help="Git branch to deploy. [the current one]")
@click.option("--commit", help="Commit to deploy, whole or abbreviated.")
@click.option(
    "-m/ ",
    "--migrate/--no-migrate",
    default=None,
    help="Run database migrations. [MIGRATION_REQUIRED]",
)
@click.option(
    "--no-monitor",
    "monitor",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Skip deployment monitoring.",
)
@click.option(
    "--no-rollback",
    "rollback",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Disable automatic rollback on failure.",
)
@click.option("--bake", type=Seconds(), help="How long to watch. [PM33_BAKE]")
@gate_hold_option
@monitor_interval_option
@failure_threshold_option
@click.option(
    "--restore-variables/--current-variables",
    "restore",
    default=None,
    help="What a way back is given: the variables that it had, or today's.",
)
@click.option("--reason", default="", help="Why; also lifts a quarantine.")
@click.option("--unlocked", is_flag=True, help="Go on without the state database.")
@click.option("--supersede", is_flag=True, help="Take over from a run that watches.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@json_option
@click.pass_context
def deploy(
    context: click.Context,
    /,
    *,
    environment: str | None,
    dry_run: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Deploys without losing a request, and rolls back by itself.

    Exits with 0 if it is done, 1 if it failed and the previous release serves, 2 if it
    was asked wrongly, 3 if a bad or an unknown release serves, 4 if somebody else is at
    work, 5 if it was refused before it began, 6 if it is undecided, 75 if somebody else
    has taken over, 78 if the configuration cannot be used, 130 if it was interrupted.
    """
    if context.invoked_subcommand is not None:
        refuse_misplaced(context)
        return
    from app.backend.deploy import pipeline  # noqa: PLC0415 - 1 s
    from app.backend.deploy.planning.plan import Plan  # noqa: PLC0415 - as above
    from app.backend.deploy.planning.target import resolve_release  # noqa: PLC0415 - as above
    from app.backend.deploy.report import RunReport  # noqa: PLC0415 - as above

    delivery = Delivery.into(environment)
    delivery.refuse_unusable()

    async def work(tools: "Tools") -> Plan | RunReport:
        release = await resolve_release(
            tools.repository, branch=flags["branch"], commit=flags["commit"]
        )
        found = f"{release.commit[:12]} {release.subject} (from {release.source})"
        delivery.say(f"commit {found}")
        request = request_of(flags, release, delivery.config)
        tools.interrupt.check()
        act = pipeline.make_plan if dry_run else pipeline.deploy
        return await act(request, tools)

    outcome = delivery.with_tools(work, changes=not dry_run)
    if isinstance(outcome, Plan):
        delivery.show(outcome.to_dict(), outcome.text(), as_json=as_json)
        sys.exit(_code(outcome))
    delivery.finish(outcome, as_json=as_json)


def _code(plan: "Plan") -> int:
    """A dry run ends as the deploy would before it began anything."""
    from app.backend.deploy.planning.findings import AT_WORK  # noqa: PLC0415 - 0.1 s

    if any(one.code == AT_WORK for one in plan.refusals):
        return _HELD
    return _REFUSED if plan.refusals else 0


@deploy.command()
@click.argument("run", required=False)
@environment_option
@json_option
def resume(run: str | None, environment: str | None, *, as_json: bool) -> None:
    """Goes on with a run that was killed, interrupted or left undecided."""
    from app.backend.deploy.rotating import resume as resuming  # noqa: PLC0415 - 1 s

    delivery = Delivery.into(environment, guess=True)
    report = delivery.with_tools(
        lambda tools: resuming.resume(tools, actor=actor(), run=run)
    )
    delivery.finish(report, as_json=as_json)


def request_of(
    flags: Mapping[str, Any], release: "Release", config: "Config"
) -> "DeployRequest":
    """What the options ask for; ``MIGRATION_REQUIRED`` counts where none was given.

    Args:
        flags: options by name, None where they were not given.
        release: what branch and commit came to.
        config: of the target environment.
    """
    from app.backend.deploy.request import DeployRequest, Variables  # noqa: PLC0415 - 0.5 s

    fields = dict(flags) | {"branch": release.branch, "commit": release.commit}
    restore = fields.pop("restore", None)
    if restore is not None:
        fields["variables"] = Variables.TARGET if restore else Variables.CURRENT
    if fields["migrate"] is None:
        fields["migrate"] = config.deployment.migration_required
    return DeployRequest(environment=config.environment, actor=actor(), **fields)
