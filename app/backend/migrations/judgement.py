"""Whether to migrate, decided from where the schema stands. Nothing is touched here."""

import socket
import ssl
from collections.abc import Sequence

from app.backend.database.schema_state import SchemaPosition, SchemaState
from app.backend.migrations.planning.hashing import (
    joined_hash,
    pending_work,
    plan_hash_of,
)
from app.backend.migrations.revisions import alembic_config
from app.backend.migrations.sources import OURS, Source
from app.errors import PreflightError, SchemaIncompatibleError

__all__ = ["is_outage", "may_go_on", "may_upgrade", "may_upgrade_on_deploy"]


def may_upgrade(state: SchemaState, _fingerprint: str = "") -> bool:
    """Whether an upgrade would be ours to do: a schema that is ahead is left alone.

    Which schema it is exactly does not matter without a plan.

    Raises:
        SchemaIncompatibleError: this release cannot live with the schema.
    """
    if state.position is SchemaPosition.INCOMPATIBLE:
        raise SchemaIncompatibleError(
            "a contract revision has removed what this release uses",
            remedy="deploy a release that knows that revision",
        )
    return state.position is not SchemaPosition.AHEAD


def may_upgrade_on_deploy(
    state: SchemaState,
    fingerprint: str,
    *,
    plan: str | None,
    expand: bool,
    source: Source = OURS,
    sources: Sequence[Source] = (OURS,),
) -> bool:
    """Whether a pre-deploy command is to expand; False: there is nothing to do.

    Args:
        state: of the schema.
        fingerprint: of the schema; a plan was made for one.
        plan: the hash of the plan, which is over all sources; None: there is none.
        expand: expand without a plan.
        source: whose turn it is.
        sources: all of them.

    Raises:
        PreflightError: the schema is behind, and there is no plan, or another one.
        SchemaIncompatibleError: this release cannot live with the schema.
    """
    own = state.of(source.name)
    if not may_upgrade(own) or own.position is SchemaPosition.CURRENT:
        return False
    work = [
        (applied, pending_work(applied, config=alembic_config(one)))
        for one in sources
        for applied in (state.of(one.name).applied,)
    ]
    missing = ", ".join(one.revision.id for _, several in work for one in several)
    if plan is None and not expand:
        raise PreflightError(
            f"the schema is behind this release, which needs {missing};"
            " nobody has planned that",
            remedy="deploy with --migrate, run `pm33 migrate up`, or set"
            " PM33_MIGRATE_ON_DEPLOY=expand",
        )
    found = joined_hash(
        plan_hash_of(applied, several, fingerprint) for applied, several in work
    )
    if plan is not None and plan != found:
        raise PreflightError(
            "the schema or the revisions are no longer those of PM33_MIGRATION_PLAN;"
            f" pending are {missing}",
            remedy="deploy again, so that a new plan is made",
        )
    return True


def may_go_on(
    state: SchemaState, _fingerprint: str = "", *, source: Source, before: SchemaState
) -> bool:
    """Whether a plan that was begun may be ended: the first source has been migrated.

    The plan was compared then; now only the rows of this one may not have moved.

    Raises:
        PreflightError: somebody else has moved them.
        SchemaIncompatibleError: this release cannot live with the schema.
    """
    own = state.of(source.name)
    if own.applied != before.of(source.name).applied:
        raise PreflightError(
            f"somebody else has migrated {source.name} since the plan was begun",
            remedy="make a new plan",
        )
    return may_upgrade(own)


def is_outage(cause: BaseException | None) -> bool:
    """Whether the world is at fault, and not what this release was configured with."""
    import asyncpg  # noqa: PLC0415 - 0.2 s

    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_AGAIN
    if isinstance(cause, ssl.SSLError):
        return False
    return isinstance(
        cause,
        (
            OSError,
            asyncpg.CannotConnectNowError,
            asyncpg.InsufficientResourcesError,
            asyncpg.OperatorInterventionError,
            asyncpg.PostgresConnectionError,
        ),
    )
