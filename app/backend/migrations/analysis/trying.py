"""The third layer of the linter: every revision, tried on a scratch database."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.backend.database.revision_files import CONTRACT
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.analysis.findings import Finding
from app.backend.migrations.analysis.scratch import ScratchPlace, scratch_database
from app.backend.migrations.analysis.trace import trace
from app.backend.migrations.analysis.trace_rules import judge_trace
from app.backend.migrations.revisions import alembic_config

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

__all__ = ["Trying", "try_revisions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """Where revisions are tried.

    Attributes:
        target: whose server may be used; None: only one of our own.
        home: the folder of local state.
    """

    target: DatabaseTarget | None
    home: Path
    place: ScratchPlace = ScratchPlace.AUTO


async def try_revisions(
    where: Trying, *configs: "AlembicConfig"
) -> Mapping[str, tuple[Finding, ...]]:
    """What a trace from the first revision to the last has found, by file.

    Args:
        where: the scratch database is made.
        configs: of Alembic, of each source in its order; none: our own revisions.

    Raises:
        NoScratchDatabaseError: there is no database to try them on.
        asyncpg.PostgresError, OSError: it was lost meanwhile.
    """
    found: dict[str, list[Finding]] = defaultdict(list)
    beneath: list[AlembicConfig] = []
    for config in configs or (alembic_config(),):
        async with scratch_database(
            where.target, home=where.home, place=where.place
        ) as scratch:
            traced = await trace(
                scratch, config, applied=(), destination="heads", beneath=beneath
            )
        for finding in judge_trace(traced, contract=_contract(config)):
            found[finding.file].append(finding)
        beneath.append(config)
    return {file: tuple(several) for file, several in found.items()}


def _contract(config: "AlembicConfig") -> set[str]:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 0.5 s

    walked = ScriptDirectory.from_config(config).walk_revisions()
    return {one.revision for one in walked if CONTRACT in one.branch_labels}
