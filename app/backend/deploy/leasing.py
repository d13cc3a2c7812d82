"""The environment's lease, and what is done where it cannot be had."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr
from typing_extensions import override

from app.backend.config.environment import Config
from app.backend.database import lease
from app.backend.database.embedded import running_url
from app.backend.database.lease import Guard, LeaseState
from app.backend.database.target import DatabaseTarget, parse_target
from app.errors import ConfigError, JournalError

__all__ = ["Leases", "StateLeases", "lease_name", "state_target"]


def lease_name(environment: str) -> str:
    """The lease that every change of an environment is made under."""
    return f"environment/{environment}"


def state_target(config: Config) -> DatabaseTarget | None:
    """The state database (contract §4); None where none is configured or running.

    ``PM33_STATE_DATABASE_URL``, else ``DATABASE_PUBLIC_URL``, else ``DATABASE_URL``,
    else the embedded one while it runs.

    Raises:
        ConfigError: the URL cannot be used.
    """
    database = config.database
    url = database.state_url or database.public_url or database.url
    if url is not None:
        return parse_target(url, database)
    found = running_url(config.home)
    return parse_target(SecretStr(found), database) if found else None


class Leases(Protocol):
    """Hands out the environment's lease.

    Attributes:
        ttl: seconds after which a dead holder's lease is free.
    """

    @property
    def ttl(self) -> float: ...  # noqa: D102 - see the class

    async def acquire(
        self, name: str, *, holder: str, reason: str, wait: float, above: int
    ) -> Guard:
        """Takes it.

        Raises:
            LeaseHeldError: somebody else has it, still after ``wait`` seconds.
            JournalError: it cannot be asked for.
        """
        ...

    async def held(self, name: str) -> LeaseState | None:
        """Who has it; None when it is free. Raises JournalError."""
        ...

    async def take_away(self, name: str, holder: str) -> None:
        """Takes it from a holder. Raises JournalError, LeaseHeldError."""
        ...


@dataclass(frozen=True, slots=True)
class StateLeases(Leases):
    """Those of the state database, which is looked for at each call."""

    config: Config
    ttl: float = lease.TTL

    @override
    async def acquire(
        self, name: str, *, holder: str, reason: str, wait: float, above: int
    ) -> Guard:
        return await lease.acquire(
            self._target(),
            name,
            holder=holder,
            reason=reason,
            ttl=self.ttl,
            wait=wait,
            above=above,
        )

    @override
    async def held(self, name: str) -> LeaseState | None:
        return await lease.held(self._target(), name)

    @override
    async def take_away(self, name: str, holder: str) -> None:
        await lease.break_lease(self._target(), name, holder)

    def _target(self) -> DatabaseTarget:
        try:
            target = state_target(self.config)
        except ConfigError as error:
            raise JournalError(str(error), remedy=error.remedy) from error
        if target is None:
            raise JournalError(
                "no state database is configured, and no embedded one runs",
                remedy="set PM33_STATE_DATABASE_URL, where this runs, to a PostgreSQL"
                " that is reached from here",
            )
        return target
