"""``pm33 migrate up``: brings the schema where this release needs it."""

import asyncio

import click

__all__ = ["up"]


@click.command()
@click.option(
    "--phase",
    type=click.Choice(["expand"]),
    default="expand",
    show_default=True,
    help="Expand revisions run while the previous release still serves.",
)
@click.option(
    "--plan-from-env",
    is_flag=True,
    help="For the pre-deploy command: apply what PM33_MIGRATION_PLAN was made for,"
    " or what PM33_MIGRATE_ON_DEPLOY=expand allows; else only look.",
)
def up(phase: str, *, plan_from_env: bool) -> None:
    """Applies what is missing; what is applied already is left alone.

    Exit codes: 0 the schema is where this release needs it, or ahead; 1 failed;
    5 refused, because of the plan or because this release cannot live with the schema.
    """
    from app.backend.config.environment import get_config  # noqa: PLC0415 - 0.3 s
    from app.backend.migrations import migration_manager  # noqa: PLC0415 - 1 s

    target = migration_manager.migration_target()
    if plan_from_env:
        settings = get_config().deployment
        state = asyncio.run(
            migration_manager.upgrade_on_deploy(
                target,
                plan=settings.migration_plan or None,
                expand=settings.migrate_on_deploy == "expand",
            )
        )
    else:
        state = asyncio.run(migration_manager.upgrade(target, f"{phase}@head"))
    if state is None:
        told = "the database is away, so the schema could not be looked at; going on"
    elif state.position == "ahead":
        told = f"schema is ahead of this release, at {', '.join(state.applied)}"
    else:
        told = f"schema is at {state.needed}"
    click.echo(told, err=True)
