"""What the commands that ask Railway itself have in common."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from app.cli.delivery import Delivery

if TYPE_CHECKING:
    from app.backend.deploy.platforms.railway.connection import Connection

__all__ = ["is_railway", "with_connection", "with_railway"]

T = TypeVar("T")


def is_railway(delivery: Delivery) -> bool:
    """Whether the environment runs there."""
    from app.backend.deploy.planning.target import choose_platform  # noqa: PLC0415 - 0.2 s

    return choose_platform(delivery.config, delivery.environment).value == "railway"


def with_railway(delivery: Delivery, work: "Callable[[Connection], Awaitable[T]]") -> T:
    """Does the work with a connection, and closes that.

    Raises:
        PreflightError: the environment runs on this machine.
        ConfigError: there is no token, or no address.
        TargetError: which project or service is meant is not clear.
        PlatformError: as the work does.
    """
    from app.errors import PreflightError  # noqa: PLC0415 - seldom raised

    if not is_railway(delivery):
        raise PreflightError(
            f"{delivery.environment} runs on this machine, not at Railway",
            remedy="name another environment with -e, or set PM33_PLATFORM=railway",
        )
    return with_connection(delivery, work)


def with_connection(
    delivery: Delivery, work: "Callable[[Connection], Awaitable[T]]"
) -> T:
    """The same, wherever the environment runs.

    Raises:
        ConfigError: there is no token, or no address.
        PlatformError: as the work does.
    """
    from app.backend.deploy.platforms.railway.connection import (  # noqa: PLC0415 - 0.3 s
        connect,
    )

    async def run() -> T:
        connection = connect(delivery.config, delivery.environment, say=delivery.say)
        try:
            return await work(connection)
        finally:
            await connection.api.close()

    return asyncio.run(run())
