"""The way back as the manager offers it; what it needs is imported when it is used."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.backend.database.target import DatabaseTarget
from app.backend.migrations.back.whose import source_below
from app.backend.migrations.revisions import alembic_config, source_of
from app.backend.migrations.running.events import Tell
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.sources import Source, given_sources, source_named

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

    from app.backend.migrations.analysis.scratch import ScratchPlace
    from app.backend.migrations.back.found import WayDown
    from app.backend.migrations.back.rehearsal import Rehearsed
    from app.backend.migrations.back.restore import RestoreReport

__all__ = ["downgrade", "rehearse", "restore", "way_down"]


async def way_down(
    target: DatabaseTarget,
    to: str,
    *,
    source: str | None = None,
    sources: Sequence[Source] | None = None,
    tell: Tell | None = None,
    config: "AlembicConfig | None" = None,
) -> "WayDown":
    """Says what :func:`downgrade` would reverse, and what is at risk; only reads.

    Args:
        target: the database.
        to: where to, as Alembic names it: an id, ``-1``, ``base``.
        source: the name of the source; None: the id tells.
        sources: of revisions; None: those that are configured.
        tell: is told which table is asked.
        config: of Alembic; None: that source's.

    Raises:
        PreflightError: there is no such way.
        TargetError: it may be several sources'.
        MigrationError: the database cannot be asked.
    """
    from app.backend.migrations.back.downgrade import (  # noqa: PLC0415 - sqlalchemy
        find_way_down,
    )

    if config is None:
        config = await asyncio.to_thread(_config_of, to, source, given_sources(sources))
    return await find_way_down(target, to, tell=tell or _ignore, config=config)


async def downgrade(
    target: DatabaseTarget,
    way: "WayDown",
    *,
    accept_loss: str = "",
    options: RunOptions | None = None,
    stop: StopSign | None = None,
    tell: Tell | None = None,
    sources: Sequence[Source] | None = None,
    config: "AlembicConfig | None" = None,
) -> str:
    """Reverses what :func:`way_down` has found, through the same runner as upgrades.

    Rows that were written in between are seen under the locks of the revision that
    would lose them. Cancelling it cancels the statement under way, and waits for that.

    Args:
        target: the database; a direct connection.
        way: what was found.
        accept_loss: the reason for which what is at risk may go, after it was copied
            to schema ``pm33_kept``; empty: nothing may.
        options: what the run is allowed; None: the defaults.
        stop: ends it between two statements.
        tell: is told what happens, in this loop.
        sources: of revisions; None: those that are configured.
        config: of Alembic; None: that of the source that the way is about.

    Returns:
        The run's id, by which :func:`restore` finds what was kept.

    Raises:
        DataAtRiskError: rows or values would be lost.
        PreflightError: the schema has changed since, or the connection is a pooler's.
        LocksDeniedError: others had the locks; it can be tried again.
        InterruptedRunError: it was stopped.
        MigrationError: it could not be brought there; the cause is chained.
    """
    from app.backend.migrations.back.downgrade import go_down  # noqa: PLC0415 - as above
    from app.backend.migrations.back.keeper import Acceptance  # noqa: PLC0415

    if config is None:
        config = alembic_config(source_named(given_sources(sources), way.source))
    options = options or RunOptions()
    acceptance = None
    if accept_loss:
        actor = options.actor or "unknown"
        acceptance = Acceptance(reason=accept_loss, actor=actor)
    return await go_down(
        target,
        way,
        acceptance=acceptance,
        options=options,
        stop=stop or StopSign(),
        tell=tell or _ignore,
        config=config,
    )


async def restore(
    target: DatabaseTarget, run: str | None = None, *, tell: Tell | None = None
) -> "RestoreReport":
    """Brings back what a downgrade has kept, once the revisions are applied again.

    Args:
        target: the database.
        run: the downgrade's id; None: the newest one with something left.
        tell: is told which copy is at hand.

    Raises:
        PreflightError: there is no such run, or a migration is under way.
        MigrationError: the database cannot be asked.
    """
    from app.backend.migrations.back.restore import (  # noqa: PLC0415 - sqlalchemy
        restore_kept,
    )

    return await restore_kept(target, run, tell=tell or _ignore)


async def rehearse(
    target: DatabaseTarget,
    to: str,
    *,
    home: Path,
    place: "ScratchPlace | None" = None,
    source: str | None = None,
    sources: Sequence[Source] | None = None,
    tell: Tell | None = None,
    config: "AlembicConfig | None" = None,
) -> "tuple[Rehearsed, ...]":
    """Takes what :func:`way_down` would reverse up, down and up on a scratch database.

    Args:
        target: the database; it is only read.
        to: as above, and ``base``.
        home: the folder of local state.
        place: where the scratch database is made; None: where that is allowed.
        source: the name of the source; None: the id tells.
        sources: of revisions; None: those that are configured.
        tell: is told of each revision, in this loop.
        config: of Alembic; None: that source's, above those before it.

    Raises:
        PreflightError: there is no such way.
        NoScratchDatabaseError: there is none to be had.
        MigrationError: what is applied before cannot be built on an empty database.
    """
    from app.backend.migrations.analysis.scratch import ScratchPlace  # noqa: PLC0415
    from app.backend.migrations.back.rehearsal import (  # noqa: PLC0415 - alembic, 1 s
        rehearse_way,
    )

    beneath: tuple[AlembicConfig, ...] = ()
    if config is None:
        known = given_sources(sources)
        config = await asyncio.to_thread(_config_of, to, source, known)
        names = [one.name for one in known]
        below = known[: names.index(source_of(config).name)]
        beneath = tuple(map(alembic_config, below))
    return await rehearse_way(
        target,
        to,
        config=config,
        beneath=beneath,
        home=home,
        place=place or ScratchPlace.AUTO,
        tell=tell or _ignore,
    )


def _config_of(
    to: str, source: str | None, sources: Sequence[Source]
) -> "AlembicConfig":
    return alembic_config(source_below(to, sources, source))


def _ignore(_event: object) -> None:
    """Nobody wants to know."""
