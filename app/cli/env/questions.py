"""Which services a configuration can ask, and how each one is asked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import httpx
from pydantic import SecretStr

from app.backend.config.environment import Config
from app.backend.config.urls import host_of
from app.backend.database.target import parse_target
from app.backend.health.checks.vendor import Vendor, reach
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import CheckResult
from app.errors import ConfigError

if TYPE_CHECKING:
    from app.backend.database.target import DatabaseTarget

__all__ = ["ALTOGETHER", "Question", "questions_of"]

ALTOGETHER: Final = 10.0
"""Seconds until whoever has not answered is given up."""

# Less than all of it, so that each service can say in its own words what it waited for.
_EACH: Final = 9.0

Ask: TypeAlias = Callable[[httpx.AsyncClient], Awaitable[CheckResult | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One credential that can be asked about by one read.

    Attributes:
        service: its name, as in ``PM33_DISABLED_SERVICES`` or among the checks.
        variables: whose values it is about; the first one is to blame, unless the
            answer names another one.
        host: where it goes.
        proves: whether a good answer shows that the credential is taken; else it
            shows that the service can be reached, and no more.
        ask: sends it; None: there was nothing to ask after all.
    """

    service: str
    variables: tuple[str, ...]
    host: str
    proves: bool = True
    ask: Ask = field(repr=False)


def questions_of(config: Config) -> tuple[Question, ...]:
    """What can be asked with this configuration; asks nobody."""
    needed = (one for one in VENDORS if config.services.uses(one.name))
    vendors = (_of_vendor(one, config) for one in needed)
    return (*_databases(config), *_cache(config), *filter(None, vendors))


def _of_vendor(vendor: Vendor, config: Config) -> Question | None:
    read = vendor.read(config)
    if read is None:
        return None
    return Question(
        service=vendor.name,
        variables=vendor.variables,
        host=host_of(read.url) or "",
        proves=vendor.proves,
        ask=lambda client: reach(vendor, client, config, timeout=_EACH),
    )


def _databases(config: Config) -> Iterator[Question]:
    """Each database once, however many variables lead to it."""
    named: dict[str, tuple[str, ...]] = {}
    for name, declared in type(config.database).model_fields.items():
        url: SecretStr | None = getattr(config.database, name)
        if name.endswith("url") and url is not None:
            value = url.get_secret_value()
            named[value] = (*named.get(value, ()), str(declared.alias))
    for value, variables in named.items():
        try:
            target = parse_target(SecretStr(value), config.database)
        except ConfigError:  # a finding of its own
            continue
        yield _of_database(target, variables)


def _of_database(target: "DatabaseTarget", variables: tuple[str, ...]) -> Question:
    async def ask(_: httpx.AsyncClient) -> CheckResult:
        result = await _ask_database(target)
        remedy = result.remedy.replace("DATABASE_URL", variables[0])
        return replace(result, remedy=remedy)

    return Question(service="database", variables=variables, host=target.host, ask=ask)


async def _ask_database(target: "DatabaseTarget") -> CheckResult:
    """Whether the login works; neither schema nor load is this command's matter."""
    import asyncpg  # noqa: PLC0415 - 0.1 s that most runs do without

    from app.backend.database.connection import (  # noqa: PLC0415 - imports asyncpg
        ReservedConnection,
    )
    from app.backend.health.checks.database_failures import (  # noqa: PLC0415 - too
        classify,
    )

    reserved = ReservedConnection(target, name="pm33-validate", connect_timeout=_EACH)
    try:
        async with asyncio.timeout(_EACH), reserved.use() as connection:
            await connection.fetchval("select 1")
    except (
        OSError,
        UnicodeError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ) as error:
        return classify(error)
    finally:
        await reserved.close()
    return CheckResult.healthy()


def _cache(config: Config) -> Iterator[Question]:
    url = config.services.redis_url
    if url is None:
        return

    async def ask(_: httpx.AsyncClient) -> CheckResult:
        from app.backend.health.checks.cache import (  # noqa: PLC0415 - few have one
            CacheCheck,
        )

        check = CacheCheck(url, connect_timeout=_EACH, socket_timeout=_EACH)
        try:
            return await check.probe()
        finally:
            check.abort()

    host = host_of(url.get_secret_value()) or ""
    yield Question(service="cache", variables=("REDIS_URL",), host=host, ask=ask)
