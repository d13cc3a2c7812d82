"""The way up as the manager offers it: asked for by a person, or by a deploy."""

from collections.abc import Sequence
from functools import partial

from app.backend.database.schema_state import SchemaState
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.judgement import (
    is_outage,
    may_carry_out,
    may_upgrade_on_deploy,
)
from app.backend.migrations.looking import schema_state
from app.backend.migrations.revisions import EXPAND_HEAD, meant_by
from app.backend.migrations.running.events import Tell
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.sources import Source, given_sources
from app.backend.migrations.upgrading import Work, is_wanted, upgrade_sources
from app.errors import MigrationError

__all__ = ["upgrade", "upgrade_on_deploy"]


async def upgrade(
    target: DatabaseTarget,
    revision: str = EXPAND_HEAD,
    *,
    plan: str | None = None,
    options: RunOptions | None = None,
    stop: StopSign | None = None,
    tell: Tell | None = None,
    sources: Sequence[Source] | None = None,
) -> SchemaState:
    """Brings the schema to ``revision``; one that is there already is left alone.

    A schema that is ahead is left alone, too: a rollback runs an old image's
    pre-deploy command again, and must not be refused by it.

    Cancelling it cancels the statement under way, and waits for that.

    Args:
        target: the database; a direct connection.
        revision: where to, as Alembic names it.
        plan: the hash of the only plan that may be carried out; None: any. One that
            the newest run has begun, and not ended, is gone on with.
        options: what the run is allowed; None: as it is configured.
        stop: ends it between two statements.
        tell: is told what happens, in this loop.
        sources: of revisions, in their order; None: those that are configured.

    Returns:
        Where the schema stands now.

    Raises:
        PreflightError: the plan is another one by now, or the connection a pooler's.
        SchemaIncompatibleError: this release cannot live with the schema.
        LocksDeniedError: others had the locks; it can be tried again.
        InterruptedRunError: it was stopped.
        MigrationError: it could not be brought there; the cause is chained.
    """
    sources = given_sources(sources)
    before, meant = await schema_state(target, sources), meant_by(revision, sources)
    # It may be behind only until another migrator has ended: judged under the lock.
    decide = (
        partial(is_wanted, revision)
        if plan is None
        else partial(may_carry_out, plan=plan, destination=revision, sources=meant)
    )
    work = Work(target, revision, meant, before, plan)
    return await upgrade_sources(work, decide, options, stop, tell)


async def upgrade_on_deploy(
    target: DatabaseTarget,
    *,
    plan: str | None,
    expand: bool,
    options: RunOptions | None = None,
    stop: StopSign | None = None,
    tell: Tell | None = None,
    sources: Sequence[Source] | None = None,
) -> SchemaState | None:
    """What a pre-deploy command does, with nobody there to ask (contract §5).

    A schema that is where this release needs it, or ahead, is left alone. One that is
    behind is expanded when the plan is still the one that was made, or when there is
    no plan and ``expand`` says that none is needed. Only the migrator's own lock is
    taken: the environment's lease belongs to whoever runs the deployment.

    Without a plan, a database that is away refuses nothing: there may be nothing to
    apply, the startup gate looks again, and a rollback during an outage must not be
    refused by the outage.

    Args:
        target: the database.
        plan: the hash of the plan; None: there is none.
        expand: expand without a plan.
        options: what the run is allowed; None: as it is configured.
        stop: ends it between two statements.
        tell: is told what happens, in this loop.
        sources: of revisions, in their order; None: those that are configured.

    Returns:
        Where the schema stands now; None: it could not be asked.

    Raises:
        PreflightError: the schema is behind, and there is no plan, or another one.
        SchemaIncompatibleError: this release cannot live with the schema.
        MigrationError: it could not be brought there; the cause is chained.
    """
    sources = given_sources(sources)
    try:
        before = await schema_state(target, sources)
    except MigrationError as error:
        if plan is None and is_outage(error.__cause__):
            return None
        raise
    decide = partial(may_upgrade_on_deploy, plan=plan, expand=expand, sources=sources)
    work = Work(target, EXPAND_HEAD, sources, before, plan)
    return await upgrade_sources(work, decide, options, stop, tell)
