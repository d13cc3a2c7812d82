"""Deployments that lie behind the newest ones: by pages, and only when asked for."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import (
    Node,
    newest_first,
    read_all,
)
from app.backend.deploy.platforms.railway.manifest import ran_with
from app.backend.deploy.platforms.railway.picture import Picture, understood
from app.backend.deploy.platforms.railway.target import Target

__all__ = ["Older"]

_PAGE: Final = 500
_KEPT: Final = 60.0
"""Seconds for which a page is not asked for again: what is gone hardly changes."""


@dataclass(frozen=True, slots=True)
class _Pages:
    """What has been read, the newest included, since they may be pushed out."""

    at: float
    nodes: Mapping[str, Node]
    cursor: str | None


class Older:
    """The older deployments of one service.

    Args:
        api: is asked.
        target: the service.
        clock: measures.
    """

    def __init__(
        self,
        api: RailwayApi,
        target: Callable[[], Awaitable[Target]],
        clock: Clock,
    ) -> None:
        self._api = api
        self._target = target
        self._clock = clock
        self._pages: _Pages | None = None

    async def beside(self, picture: Picture, count: int) -> Picture:
        """The same picture with so many deployments, or all that there are.

        Raises:
            PlatformError, PlatformUnreachableError: as :meth:`RailwayApi.ask`.
        """
        if picture.cursor is None or len(picture.nodes) >= count:
            return picture
        target, newest = await self._target(), _by_id(picture.nodes)
        pages = self._pages
        if pages is None or self._clock.time() - pages.at > _KEPT:
            pages = _Pages(self._clock.time(), {}, picture.cursor)
        pages = replace(pages, nodes={**pages.nodes, **newest})
        while pages.cursor is not None and len(pages.nodes) < count:
            pages = await self._next(target, pages, count - len(pages.nodes))
        self._pages = pages
        nodes = newest_first(pages.nodes.values())
        return replace(
            picture,
            depth=max(picture.depth, count),
            complete=pages.cursor is None,
            nodes=nodes,
            deployments=understood(
                lambda: read_all(
                    nodes,
                    picture.active,
                    plan=target.plan,
                    settings_of=ran_with,
                )
            ),
        )

    async def _next(self, target: Target, pages: _Pages, missing: int) -> _Pages:
        data = await self._api.ask(
            "Deployments",
            input={
                "projectId": target.project,
                "environmentId": target.environment,
                "serviceId": target.service,
            },
            first=min(missing, _PAGE),
            after=pages.cursor,
        )

        def read() -> _Pages:
            edges, info = data["deployments"]["edges"], data["deployments"]["pageInfo"]
            nodes = _by_id([one["node"] for one in edges])
            more = info["hasNextPage"] and edges
            return replace(
                pages,
                nodes={**nodes, **pages.nodes},
                cursor=info["endCursor"] if more else None,
            )

        found: _Pages = understood(read)
        return found


def _by_id(nodes: Iterable[Node]) -> dict[str, Node]:
    return {str(one["id"]): one for one in nodes}
