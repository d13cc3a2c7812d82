"""Whether to migrate, decided from where the schema stands. Nothing is touched here."""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from app.backend.database.schema_state import SchemaPosition, SchemaState
from app.backend.migrations.planning.hashing import (
    joined_hash,
    pending_work,
    plan_hash_of,
)
from app.backend.migrations.revisions import (
    EXPAND_HEAD,
    alembic_config,
    pending_scripts,
)
from app.backend.migrations.running.begun import Begun
from app.backend.migrations.sources import OURS, Source
from app.errors import PreflightError, SchemaIncompatibleError

__all__ = [
    "is_outage",
    "may_carry_out",
    "may_go_on",
    "may_upgrade",
    "may_upgrade_on_deploy",
]


@dataclass(frozen=True, slots=True)
class _Pending:
    """What is missing, over all sources.

    Attributes:
        plan: the hash of a plan that is made now.
        ids: of the revisions.
    """

    plan: str
    ids: tuple[str, ...]


def may_upgrade(state: SchemaState) -> bool:
    """Whether an upgrade would be ours to do: a schema that is ahead is left alone.

    Raises:
        SchemaIncompatibleError: this release cannot live with the schema.
    """
    if state.position is SchemaPosition.INCOMPATIBLE:
        raise SchemaIncompatibleError(
            "a contract revision has removed what this release uses",
            remedy=f"deploy a release that knows {', '.join(state.demanded)}",
        )
    return state.position is not SchemaPosition.AHEAD


def may_carry_out(
    state: SchemaState,
    fingerprint: str,
    begun: Begun | None = None,
    *,
    plan: str,
    destination: str = EXPAND_HEAD,
    source: Source = OURS,
    sources: Sequence[Source] = (OURS,),
) -> bool:
    """Whether the plan that somebody names is still the one; False: it is done.

    Args:
        state: of the schema.
        fingerprint: of the schema; a plan was made for one.
        begun: what the newest run has carried out.
        plan: the hash of the plan, which is over all sources.
        destination: that it was made for.
        source: whose turn it is.
        sources: all of them.

    Raises:
        PreflightError: it is another one by now.
        SchemaIncompatibleError: this release cannot live with the schema.
    """
    if not _is_behind(state.of(source.name), destination):
        return False
    found = _pending(state, fingerprint, destination, sources)
    if plan == found.plan or _left(begun, state, plan, destination, sources):
        return True
    raise PreflightError(
        "the schema or the revisions are no longer those of the plan; pending are"
        f" {', '.join(found.ids) or 'none'}",
        remedy="`pm33 migrate plan` makes one of what is pending now; give its hash",
    )


def may_upgrade_on_deploy(
    state: SchemaState,
    fingerprint: str,
    begun: Begun | None = None,
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
        begun: what the newest run has carried out.
        plan: the hash of the plan, which is over all sources; None: there is none.
        expand: expand without a plan.
        source: whose turn it is.
        sources: all of them.

    Raises:
        PreflightError: the schema is behind, and there is no plan, or another one.
        SchemaIncompatibleError: this release cannot live with the schema.
    """
    if not _is_behind(state.of(source.name), EXPAND_HEAD):
        return False
    found = _pending(state, fingerprint, EXPAND_HEAD, sources)
    missing = ", ".join(found.ids)
    if plan is None and not expand:
        raise PreflightError(
            f"the schema is behind this release, which needs {missing};"
            " nobody has planned that",
            remedy="deploy with --migrate, run `pm33 migrate up`, or set"
            " PM33_MIGRATE_ON_DEPLOY=expand",
        )
    if plan is None or plan == found.plan:
        return True
    if _left(begun, state, plan, EXPAND_HEAD, sources):
        return True
    raise PreflightError(
        "the schema or the revisions are no longer those of PM33_MIGRATION_PLAN;"
        f" pending are {missing}",
        remedy="deploy again, so that a new plan is made",
    )


def may_go_on(
    state: SchemaState, *_found: object, source: Source, before: SchemaState
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


def _is_behind(own: SchemaState, destination: str) -> bool:
    arrived = destination == EXPAND_HEAD and own.position is SchemaPosition.CURRENT
    return may_upgrade(own) and not arrived


def _pending(
    state: SchemaState, fingerprint: str, destination: str, sources: Sequence[Source]
) -> _Pending:
    parts, ids = [], []
    for one in sources:
        applied = state.of(one.name).applied
        work = pending_work(applied, destination, alembic_config(one))
        parts.append(plan_hash_of(applied, work, fingerprint))
        ids += [each.revision.id for each in work]
    return _Pending(joined_hash(parts), tuple(ids))


def _left(
    begun: Begun | None,
    state: SchemaState,
    plan: str,
    destination: str,
    sources: Sequence[Source],
) -> bool:
    """Whether this is what a run of that plan has left, which did not come to its end.

    The revisions have to be those of the plan still, and the version rows what comes of
    some of them. The schema cannot be compared: a revision may be half applied.
    """
    if begun is None or begun.plan != plan:
        return False
    parts, moved = [], begun.unfinished
    for one in sources:
        before = begun.applied.get(one.name)
        if before is None:
            return False
        now, config = state.of(one.name).applied, alembic_config(one)
        work = pending_work(before, destination, config)
        parts.append(plan_hash_of(before, work, begun.fingerprint))
        planned = {each.revision.id for each in work}
        left = {each.revision for each in pending_scripts(now, destination, config)}
        if not (left <= planned and {*now} <= {*before, *(planned - left)}):
            return False
        moved = moved or left < planned
    # Where nothing was left behind, it is somebody else who has changed the schema.
    return moved and joined_hash(parts) == plan


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
