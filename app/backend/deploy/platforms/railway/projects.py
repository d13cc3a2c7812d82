"""The projects that a token may see, workspace after workspace."""

import re
from typing import Final

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.naming import Named, the_one
from app.backend.deploy.platforms.railway.tokens import workspaces_in
from app.errors import NotAuthorizedError, TargetError

__all__ = ["find_project"]

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PAGE: Final = 100
_MOST_PAGES: Final = 20


async def find_project(api: RailwayApi, wanted: str) -> Named:
    """By name or id; an id is not looked for, since asking with it will tell.

    Raises:
        TargetError: there is none, more than one, or more than can be looked through.
        PlatformError: Railway could not be asked.
    """
    if _ID.fullmatch(wanted):
        return Named(wanted, wanted)
    found: dict[str, Named] = {}
    for workspace in await _workspaces(api):
        for one in await _projects(api, workspace):
            found[one.id] = one
    what = "project that the token may see"
    return the_one(tuple(found.values()), wanted, what, "PM33_RAILWAY_PROJECT")


async def _workspaces(api: RailwayApi) -> tuple[str | None, ...]:
    """None: whatever is seen without naming one, as a login of the CLI sees it."""
    told = (await api.credentials()).workspaces
    if told is None:
        try:
            told = workspaces_in(await api.ask("ApiToken"))
        except NotAuthorizedError:
            return (None,)
    return told or (None,)


async def _projects(api: RailwayApi, workspace: str | None) -> list[Named]:
    found: list[Named] = []
    after: str | None = None
    for _ in range(_MOST_PAGES):
        page = await api.ask(
            "Projects", workspaceId=workspace, first=_PAGE, after=after
        )
        projects = page["projects"]
        nodes = [edge["node"] for edge in projects["edges"]]
        found += (Named(node["id"], node["name"]) for node in nodes)
        after = projects["pageInfo"]["endCursor"]
        if not projects["pageInfo"]["hasNextPage"] or after is None:
            return found
    raise TargetError(
        f"there are more than {_MOST_PAGES * _PAGE} projects",
        remedy="set PM33_RAILWAY_PROJECT to the project's id",
    )
