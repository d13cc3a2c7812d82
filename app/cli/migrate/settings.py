"""The configuration that a migration goes by, which has to be usable."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.backend.config.environment import Config

__all__ = ["usable_config"]


def usable_config() -> "Config":
    """As the environment has it.

    A value that cannot be used counts as its default elsewhere. Here that would be
    another version table, or no plan, or a longer stall than somebody has asked for.

    Raises:
        ConfigError: a variable of migrations or of the database cannot be used.
    """
    from app.backend.config.environment import get_config  # noqa: PLC0415 - 0.3 s
    from app.backend.config.settings import (  # noqa: PLC0415 - as above
        DatabaseSettings,
        MigrationSettings,
    )
    from app.errors import ConfigError  # noqa: PLC0415 - most are usable

    config = get_config()
    groups = (DatabaseSettings, MigrationSettings)
    ours = {str(one.alias) for group in groups for one in group.model_fields.values()}
    ours |= {"PM33_MIGRATION_PLAN", "PM33_MIGRATE_ON_DEPLOY"}
    for problem in config.problems:
        if problem.variable.removesuffix("_FILE") in ours:
            raise ConfigError(
                f"{problem.variable} {problem.message}",
                remedy=f"{problem.remedy}; `pm33 env explain {problem.variable}` says"
                " what it is for",
            )
    return config
