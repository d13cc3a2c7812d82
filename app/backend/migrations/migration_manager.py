"""The one entry to migrations, for the command line, the pipeline and HTTP."""

from app.backend.config.environment import Config, get_config
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.back.entry import (
    downgrade,
    rehearse,
    restore,
    way_down,
)
from app.backend.migrations.looking import history, schema_state, status, verify
from app.backend.migrations.planning.entry import pending, plan, plan_hash
from app.backend.migrations.revisions import (
    PendingRevision,
    heads,
    render_heads,
    sql_of,
)
from app.backend.migrations.running.entry import upgrade, upgrade_on_deploy
from app.backend.migrations.running.events import Happening, MigrationEvent
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.records import RunRecord
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.turn import ADVISORY_LOCK
from app.backend.migrations.sources import Source, sources_of
from app.backend.migrations.standing import Fault, MigrationStatus
from app.backend.migrations.writing.entry import write_revisions
from app.backend.resources import database_target
from app.errors import ConfigError

__all__ = [
    "ADVISORY_LOCK",
    "Fault",
    "Happening",
    "MigrationEvent",
    "MigrationStatus",
    "PendingRevision",
    "RunOptions",
    "RunRecord",
    "Source",
    "StopSign",
    "downgrade",
    "heads",
    "history",
    "migration_target",
    "pending",
    "plan",
    "plan_hash",
    "rehearse",
    "render_heads",
    "restore",
    "schema_state",
    "sources_of",
    "sql_of",
    "status",
    "upgrade",
    "upgrade_on_deploy",
    "verify",
    "way_down",
    "write_revisions",
]


def migration_target(config: Config | None = None) -> DatabaseTarget:
    """The database to migrate: a direct connection where one is configured.

    Raises:
        ConfigError: none is configured and no embedded server runs.
    """
    config = config or get_config()
    database = config.database
    url = database.migration_url or database.unpooled_url
    target = parse_target(url, database) if url else database_target(config)
    if target is None:
        raise ConfigError(
            "there is no database to migrate",
            remedy="set DATABASE_URL, or start the embedded one with `make run`",
        )
    return target
