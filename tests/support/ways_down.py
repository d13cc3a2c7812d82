"""Revisions with downgrades, of a test's own, and the ways up and down through them."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import asyncpg
from alembic.config import Config as AlembicConfig
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.back.downgrade import find_way_down, go_down
from app.backend.migrations.back.found import WayDown
from app.backend.migrations.back.keeper import Acceptance
from app.backend.migrations.back.risk import RiskKind
from app.backend.migrations.revisions import alembic_config
from app.backend.migrations.running.events import MigrationEvent
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.patience import Patience
from app.backend.migrations.running.runner import Runner
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.thread import run_in_thread

__all__ = [
    "ACCEPTED",
    "COLUMN",
    "TABLE",
    "TEN",
    "Place",
    "Revision",
    "connected",
    "counted",
]

ACCEPTED = Acceptance(reason="a test", actor="nobody")
Revision = tuple[str, str]
"""The bodies of an upgrade and of its downgrade."""

TABLE: Revision = (
    "op.execute('CREATE TABLE t (id int PRIMARY KEY, a int)')",
    "op.drop_table('t')",
)
COLUMN: Revision = (
    "op.add_column('t', sa.Column('b', sa.Text()))",
    "op.drop_column('t', 'b')",
)
TEN = "INSERT INTO t (id, a) SELECT n, n FROM generate_series(1, 10) n"
"""Rows of that table."""

_TIMEOUT = 30.0
_FILE = """\
import sqlalchemy as sa
from alembic import op

revision = {name!r}
down_revision = {follows!r}
branch_labels = {labels!r}
depends_on = None


def upgrade():
{up}


def downgrade():
{down}
"""


class Place:
    """A database, and a chain of revisions r1, r2, … that follow ours.

    Args:
        url: of a migrated database.
        folder: an empty one.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.told: list[MigrationEvent] = []
        self._folder = folder
        self._last = EXPAND_HEAD
        self._count = 0

    @property
    def target(self) -> DatabaseTarget:
        """The database as the command line knows it."""
        return parse_target(SecretStr(self.url), DatabaseSettings())

    @property
    def config(self) -> AlembicConfig:
        """Our revisions, and these."""
        config = alembic_config()
        ours = Path(str(config.get_main_option("script_location"))) / "versions"
        config.set_main_option("path_separator", "os")
        places = f"{ours}{os.pathsep}{self._folder}"
        config.set_main_option("version_locations", places)
        return config

    def add(self, up: str, down: str, *labels: str) -> str:
        """Writes the next revision; its id."""
        self._count += 1
        name = f"r{self._count}"
        text = _FILE.format(
            name=name,
            follows=self._last,
            labels=labels or None,
            up=indent(dedent(up).strip(), "    "),
            down=indent(dedent(down).strip(), "    "),
        )
        (self._folder / f"{name}.py").write_text(text, encoding="utf-8")
        self._last = name
        return name

    async def up(self, goal: str = "heads", revisions: Sequence[Revision] = ()) -> None:
        """Goes up, after adding these."""
        for one in revisions:
            self.add(*one)
        stop = StopSign()

        def make(tell: Any) -> Runner:
            return Runner(
                self.config,
                self.target,
                goal,
                decide=lambda *_: True,
                options=_options(),
                stop=stop,
                tell=tell,
            )

        await self._run(make, stop)

    async def find(self, to: str = EXPAND_HEAD) -> WayDown:
        """Asks what going down would lose."""
        return await find_way_down(
            self.target, to, tell=self.told.append, config=self.config
        )

    async def down(
        self, to: str = EXPAND_HEAD, *, acceptance: Acceptance | None = None
    ) -> str:
        """Goes down, or refuses; the run's id."""
        return await self.go(await self.find(to), acceptance=acceptance)

    async def go(
        self,
        way: WayDown,
        *,
        acceptance: Acceptance | None = None,
        budget: float = 20.0,
    ) -> str:
        """Goes the way that was found."""
        return await go_down(
            self.target,
            way,
            acceptance=acceptance,
            options=_options(budget),
            stop=StopSign(),
            tell=self.told.append,
            config=self.config,
        )

    async def execute(self, script: str) -> None:
        """Runs SQL."""
        async with connected(self.url) as connection:
            await connection.execute(script)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query returns."""
        async with connected(self.url) as connection:
            return [tuple(row) for row in await connection.fetch(query)]

    async def applied(self) -> list[str]:
        """The version rows."""
        found = await self.rows("SELECT version_num FROM ops.alembic_version")
        return sorted(row[0] for row in found)

    async def _run(self, make: Any, stop: StopSign) -> None:
        await run_in_thread(make, stop=stop, tell=self.told.append, wait=_TIMEOUT)
        await asyncio.sleep(0)  # the thread's last words come by the loop


def counted(way: WayDown) -> dict[RiskKind, list[str]]:
    """What is at risk: of each kind ``table.columns rows``."""
    found = defaultdict(list)
    for one in way.at_risk:
        where = f"{one.risk.table}.{','.join(one.risk.columns)}"
        found[one.risk.kind].append(f"{where} {one.rows}")
    return dict(found)


def _options(budget: float = 20.0) -> RunOptions:
    return RunOptions(patience=Patience(budget=budget), actor="a test")


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
