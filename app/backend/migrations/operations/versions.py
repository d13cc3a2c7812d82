"""What a server's version allows, and what it is known to do wrong. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.errors import MigrationError

__all__ = ["BROKEN", "OLDEST", "Broken", "Work", "refuse_broken", "require"]

OLDEST: Final = 120000
"""The oldest server, as in ``server_version_num``; offline, the one that is assumed.

Since 12, SET NOT NULL believes a validated CHECK, and an enum's value may be added in
a transaction.
"""


class Work(StrEnum):
    """What a server may do wrong."""

    CONCURRENT_BUILD = "build an index concurrently"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A version range in which a kind of work is not to be trusted.

    Attributes:
        since: the first version, as in ``server_version_num``.
        mended: the first later one that does it right.
        why: what went wrong, and where it says so.
    """

    work: Work
    since: int
    mended: int
    why: str


BROKEN: Final = (
    Broken(
        work=Work.CONCURRENT_BUILD,
        since=140000,
        mended=140004,
        why="the index may lack rows (release notes of 14.4)",
    ),
)


def refuse_broken(server_version: int, work: Work) -> None:
    """Refuses work that this server is known to do wrong, or is too old for.

    Raises:
        MigrationError: it is.
    """
    require(server_version, OLDEST, "safe operations")
    for known in BROKEN:
        if known.work is work and known.since <= server_version < known.mended:
            raise MigrationError(
                f"PostgreSQL {_shown(server_version)} must not {work}: {known.why}",
                remedy=f"upgrade the server to {_shown(known.mended)} or newer first",
            )


def require(server_version: int, least: int, feature: str) -> None:
    """Refuses what only a newer server has.

    Raises:
        MigrationError: this one is older.
    """
    if server_version < least:
        raise MigrationError(
            f"{feature} needs PostgreSQL {_shown(least)},"
            f" and this is {_shown(server_version)}",
            remedy="upgrade the server, or write the revision without it",
        )


def _shown(version: int) -> str:
    major, minor = divmod(version, 10000)
    return f"{major}.{minor}" if minor else str(major)
