"""Whether to migrate, decided from where the schema stands. Nothing is touched here."""

import socket
import ssl

from app.backend.database.schema_state import SchemaPosition, SchemaState
from app.backend.migrations.planning.hashing import pending_work, plan_hash_of
from app.errors import PreflightError, SchemaIncompatibleError

__all__ = ["is_outage", "may_upgrade", "may_upgrade_on_deploy"]


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
    state: SchemaState, fingerprint: str, *, plan: str | None, expand: bool
) -> bool:
    """Whether a pre-deploy command is to expand; False: there is nothing to do.

    Args:
        state: of the schema.
        fingerprint: of the schema; a plan was made for one.
        plan: the hash of the plan; None: there is none.
        expand: expand without a plan.

    Raises:
        PreflightError: the schema is behind, and there is no plan, or another one.
        SchemaIncompatibleError: this release cannot live with the schema.
    """
    if not may_upgrade(state) or state.position is SchemaPosition.CURRENT:
        return False
    work = pending_work(state.applied)
    missing = ", ".join(one.revision.id for one in work)
    if plan is None and not expand:
        raise PreflightError(
            f"the schema is behind this release, which needs {missing};"
            " nobody has planned that",
            remedy="deploy with --migrate, run `pm33 migrate up`, or set"
            " PM33_MIGRATE_ON_DEPLOY=expand",
        )
    if plan is not None and plan != plan_hash_of(state.applied, work, fingerprint):
        raise PreflightError(
            "the schema or the revisions are no longer those of PM33_MIGRATION_PLAN;"
            f" pending are {missing}",
            remedy="deploy again, so that a new plan is made",
        )
    return True


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
