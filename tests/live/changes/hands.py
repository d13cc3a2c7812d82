"""What changes a service: the pipeline's own parts, each change whole."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from typing_extensions import override

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.creating import Creating
from app.backend.deploy.platforms.railway.looking import Looking
from app.backend.deploy.platforms.railway.manifest import ran_with
from app.backend.deploy.platforms.railway.picture import Pictures
from app.backend.deploy.platforms.railway.tags import Tags
from app.backend.deploy.platforms.railway.target import Target
from app.backend.deploy.platforms.railway.variables import Variables

__all__ = ["Hands", "whole"]

T = TypeVar("T")


async def whole(work: Awaitable[T]) -> T:
    """Lets a change come to its end even if it is cancelled, so that it is known."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def _as_it_is(_commit: str) -> None:
    """What is stored is what is tried; the commit's file is not applied."""


class _Unmarked(Variables):
    """A run's mark would be one more variable to put back."""

    @override
    async def put(self, values: Mapping[str, str | None]) -> None:
        return


@dataclass(frozen=True, slots=True)
class Hands:
    """What changes one service: the pipeline's own parts.

    Attributes:
        creating: deploys, and rolls back.
        variables: changes them without a deployment.
    """

    api: RailwayApi
    target: Target
    clock: Clock
    creating: Creating
    variables: Variables

    @classmethod
    def of(cls, api: RailwayApi, target: Target, clock: Clock) -> "Hands":
        """For one service."""

        async def known() -> Target:
            return target

        pictures = Pictures(api, known, settings_of=ran_with, clock=clock)
        tags, variables = Tags(api), _Unmarked(api, known, clock)
        looking = Looking(api, known, pictures, tags, variables)
        creating = Creating(
            api,
            known,
            pictures=pictures,
            tags=tags,
            repeating=looking.repeating,
            variables=variables,
            node=looking.node,
            apply=_as_it_is,
            clock=clock,
        )
        return cls(api, target, clock, creating, Variables(api, known, clock))
