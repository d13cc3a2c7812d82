"""Revisions of a test's own, and ways to run them: here, or in a child."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import asyncpg
from alembic.config import Config as AlembicConfig
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.revisions import alembic_config
from app.backend.migrations.running.events import Happening, MigrationEvent
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.patience import Patience
from app.backend.migrations.running.runner import Runner
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.thread import run_in_thread
from tests.support.processes import Child, start

__all__ = [
    "STEADY",
    "Revisions",
    "catalogue",
    "config_of",
    "connected",
    "migrating",
    "run",
    "target_of",
]

_TIMEOUT = 30.0

STEADY = frozenset(Happening) - {
    *(Happening.WAITING, Happening.BLOCKED, Happening.ENDED)
}
"""What every run tells, however busy the machine is."""

# Columns, defaults, indexes with their validity, constraints: all but ours.
_CATALOGUE = """
WITH theirs AS (
    SELECT c.oid, c.relname, c.relkind FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'
)
SELECT format('%s is a %s', relname, relkind) FROM theirs
UNION ALL
SELECT format('%s.%s %s default:%s required:%s', relname, a.attname,
              format_type(a.atttypid, a.atttypmod),
              pg_get_expr(d.adbin, d.adrelid), a.attnotnull)
FROM theirs JOIN pg_attribute a ON a.attrelid = theirs.oid AND a.attnum > 0
    AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = theirs.oid AND d.adnum = a.attnum
WHERE relkind <> 'i'
UNION ALL
SELECT format('%s valid:%s', pg_get_indexdef(indexrelid), indisvalid)
FROM theirs JOIN pg_index ON indrelid = theirs.oid
UNION ALL
SELECT format('%s %s valid:%s', relname, pg_get_constraintdef(c.oid), c.convalidated)
FROM theirs JOIN pg_constraint c ON c.conrelid = theirs.oid
UNION ALL
SELECT format('%s = %s', t.typname, e.enumlabel)
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
UNION ALL
SELECT 'version ' || version_num FROM ops.alembic_version
"""


def target_of(url: str) -> DatabaseTarget:
    """A target as the command line makes it."""
    return parse_target(SecretStr(url), DatabaseSettings())


class Revisions:
    """A folder of revisions that follow ours, each given as the body of its upgrade.

    Args:
        folder: where they are to be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last = EXPAND_HEAD
        folder.mkdir(exist_ok=True)

    def add(self, name: str, upgrade: str) -> None:
        """Writes the next one."""
        self.write(name, self._last, upgrade)
        self._last = name

    def write(self, name: str, follows: str, upgrade: str) -> None:
        """Writes one, anew where it is there already."""
        body = indent(dedent(upgrade).strip(), "    ")
        text = dedent(
            """\
            import sqlalchemy as sa
            from alembic import op
            from app.backend.migrations.statements import EXECUTOR, Lock, Step
            revision = {name!r}
            down_revision = {follows!r}
            branch_labels = None
            depends_on = None

            def upgrade():
            {body}

            def downgrade():
                pass
            """
        ).format(name=name, follows=follows, body=body)
        (self.folder / f"{name}.py").write_text(text, encoding="utf-8")


def config_of(folder: Path) -> AlembicConfig:
    """Our revisions, and those of a folder."""
    config = alembic_config()
    ours = Path(str(config.get_main_option("script_location"))) / "versions"
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", f"{ours}{os.pathsep}{folder}")
    return config


async def run(
    url: str,
    revisions: Revisions,
    *,
    stop: StopSign | None = None,
    goal: str = "heads",
    **options: Any,
) -> list[MigrationEvent]:
    """Runs them here, in a thread, and returns what was told.

    Args:
        url: of the database.
        revisions: to be run.
        stop: given to the runner.
        goal: where to.
        options: of the run; those of its patience, too.
    """
    told: list[MigrationEvent] = []
    stop = stop or StopSign()

    def make(tell: Any) -> Runner:
        return Runner(
            config_of(revisions.folder),
            target_of(url),
            goal,
            decide=lambda *_: True,
            options=options_of(options),
            stop=stop,
            tell=tell,
        )

    await run_in_thread(make, stop=stop, tell=told.append, wait=_TIMEOUT)
    await asyncio.sleep(0)  # the thread's last words come by the loop
    return told


def options_of(values: Mapping[str, Any]) -> RunOptions:
    """Options of a run, from one mapping."""
    patient = {"cap", "budget", "statement"}
    patience = {name: value for name, value in values.items() if name in patient}
    others = {name: value for name, value in values.items() if name not in patient}
    return RunOptions(patience=Patience(**patience), **others)


@contextmanager
def migrating(
    url: str, revisions: Revisions, output: Path, **order: Any
) -> Iterator[Child]:
    """Runs them in a child, which tells each event as a line of JSON.

    Args:
        url: of the database.
        revisions: to be run.
        output: the file that it writes to.
        order: ``barrier``, the number of the steady event at which it stops for good;
            and options of the run.
    """
    asked = {"url": url, "folder": str(revisions.folder), **order}
    script = ["-m", "tests.support.migration_child", json.dumps(asked)]
    with start(script, output=output) as child:
        yield child


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that waits for nothing longer than half a minute."""
    connection = await asyncpg.connect(
        url, timeout=_TIMEOUT, command_timeout=_TIMEOUT, statement_cache_size=0
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=_TIMEOUT)


async def catalogue(url: str) -> list[str]:
    """What revisions have made, in words."""
    async with connected(url) as connection:
        return sorted(row[0] for row in await connection.fetch(_CATALOGUE))
