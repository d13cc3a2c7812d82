"""Which run has asked for which deployment: Railway keeps no word of ours on it.

A deploy is marked by a variable, which stays in the deployment's own snapshot. The
snapshot of a rollback is its target's, and so is the mark in it: such a deployment is
known to the process that asked for it, and otherwise by what it repeats and when.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app.backend.deploy.platforms.deployment import Deployment
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["MARK", "Tags", "begun_at", "mark"]

MARK: Final = "PM33_RUN"
"""The variable that says which run has asked for a deployment of which commit."""

_MOST: Final = 5
_BACK: Final = ("/back", "/back-again")
"""At the end of the tag of a way back (``running.restoring``)."""
_RUN_ID: Final = re.compile(r"(\d{8}-\d{6})-")


def begun_at(tag: str) -> datetime | None:
    """When the run began that a tag names, by the clock of whoever runs it.

    A run's id begins with that, see ``pipeline.new_run_id``. None: it does not.
    """
    found = _RUN_ID.match(tag)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def mark(tag: str, commit: str) -> str:
    """What the variable holds."""
    return f"{tag} {commit}"


class Tags:
    """What this process has asked for itself, and what snapshots say of the rest.

    Args:
        api: is asked for snapshots, once for each deployment.
    """

    def __init__(self, api: RailwayApi) -> None:
        self._api = api
        self._known: dict[str, str | None] = {}
        self._marks: dict[str, str | None] = {}
        self._repeated: dict[str, str] = {}
        self._made: set[str] = set()

    def put(self, deployment: str, tag: str, *, repeats: str | None = None) -> None:
        """This process has asked for it."""
        self._known[deployment] = tag
        self._made.add(deployment)
        if repeats is not None:
            self._repeated[deployment] = repeats

    def put_repeat(self, deployment: str, original: str) -> None:
        """It repeats another one: the mark that it carries is that one's."""
        self._known.setdefault(deployment, None)
        self._repeated[deployment] = original

    def is_repeat(self, deployment: str) -> bool:
        """Whether it is known to repeat another one."""
        return deployment in self._repeated

    def made(self, tag: str) -> str | None:
        """What this process was given for a tag; None: nothing."""
        found = (one for one, known in self._known.items() if known == tag)
        return next(found, None)

    def are_told_of(self, deployment: str) -> bool:
        """Whether Railway has told this process that it is there."""
        return deployment in self._made

    def known(self, deployment: str) -> str | None:
        """The tag as far as it is known without asking."""
        return self._known.get(deployment)

    def repeats(self, one: Deployment) -> str | None:
        """What it was asked to repeat, else what it is seen to."""
        return self._repeated.get(one.id, one.rollback_of)

    def is_way_back(self, one: Deployment) -> bool:
        """Whether users wait for it: it repeats another one, or is built again."""
        known = self._known.get(one.id) or ""
        return self.repeats(one) is not None or known.endswith(_BACK)

    async def of(self, one: Deployment) -> str | None:
        """Who has asked for a deploy; None: nobody of us.

        The mark stays in the service's variables, so that what somebody else deploys
        has it as well: it only counts for the commit that it was set for.

        Raises:
            PlatformError: Railway does not tell.
            PlatformUnreachableError: it did not answer.
        """
        if one.id not in self._known:
            self._known[one.id] = await self.mark_of(one)
        return self._known[one.id]

    async def mark_of(self, one: Deployment) -> str | None:
        """The tag in a deployment's mark; what repeats a deploy has the same.

        None: it has none, or one for another commit. Raises as :meth:`of`.
        """
        if one.id not in self._marks:
            given = _given(
                await self._api.ask("DeploymentSnapshot", deploymentId=one.id)
            )
            if given is None or not one.commit:
                # Both may be written down a moment later, so nothing is remembered.
                raise PlatformError(f"Railway does not tell what {one.id} was given")
            tag, _, commit = str(given.get(MARK) or "").partition(" ")
            self._marks[one.id] = tag if tag and commit == one.commit else None
        return self._marks[one.id]

    async def look_up(self, deployments: tuple[Deployment, ...]) -> None:
        """Learns who has asked for what is under way; a few requests at most."""
        for one in deployments[:_MOST]:
            if self.repeats(one) is None:
                try:
                    await self.of(one)
                except PlatformUnreachableError:
                    raise
                except PlatformError:
                    continue


def _given(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    snapshot = data.get("deploymentSnapshot")
    given = snapshot.get("variables") if isinstance(snapshot, Mapping) else None
    return given if isinstance(given, Mapping) else None
