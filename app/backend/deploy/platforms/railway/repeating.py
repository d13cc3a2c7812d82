"""Whether a deployment repeats an earlier one of the same image.

What ``meta.reason`` says of a rollback nobody has established (FACTS §3), and a build
may come to an image that was there before. What is established: a rollback brings its
target's variables back, the mark of a run among them, and nothing is built for it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app.backend.deploy.platforms.deployment import Deployment
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import Node
from app.backend.deploy.platforms.railway.finding import may_repeat, twin_before
from app.backend.deploy.platforms.railway.picture import Picture, understood
from app.backend.deploy.platforms.railway.tags import Tags
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["Repeating"]

_EVENTS: Final = 50
_BUILD: Final = "BUILD_IMAGE"
_MOST: Final = 5


class Repeating:
    """Tells deployments of one image apart; asks once for what does not change.

    Args:
        api: is asked for steps.
        tags: is asked for marks, and told what repeats what.
    """

    def __init__(self, api: RailwayApi, tags: Tags) -> None:
        self._api = api
        self._tags = tags
        self._built: dict[str, bool] = {}

    async def brought_back(
        self, before: Picture, like: Node, tag: str, since: datetime | None
    ) -> Deployment | None:
        """What a run has brought back already, before its process was killed.

        Where Railway tells neither marks nor steps, what is of that image and made
        since the run began is taken for it: better one that is another's than two.

        Args:
            before: what there is.
            like: the deployment that is to come back.
            tag: of the run.
            since: by :func:`.finding.earliest`.

        Raises:
            PlatformUnreachableError: Railway does not answer.
        """
        for one in may_repeat(before, like, tag, since)[:_MOST]:
            if await self._repeats(one, str(like["id"])) is not False:
                return one
        return None

    async def look_up(self, deployments: Iterable[Deployment], among: Picture) -> None:
        """Learns which of them repeat one of the same image, if that is open.

        Raises:
            PlatformUnreachableError: Railway does not answer.
        """
        for one in deployments:
            original = twin_before(one, among)
            ours = self._tags.known(one.id) is not None
            if original is not None and not ours and self._tags.repeats(one) is None:
                await self._repeats(one, original)

    async def _repeats(self, one: Deployment, original: str) -> bool | None:
        """Whether it was made from the other one; None: that is not told."""
        if self._tags.is_repeat(one.id):
            return True
        found = await self._has_mark_of(one, original)
        if found is None and one.rollback_of is not None:
            found = True
        elif found is None:
            built = await self._was_built(one.id)
            found = None if built is None else not built
        if found:
            self._tags.put_repeat(one.id, original)
        return found

    async def _has_mark_of(self, one: Deployment, original: str) -> bool | None:
        """None: it has none for its commit, or it is not told."""
        try:
            own = await self._tags.mark_of(one)
            if own is None:
                return None
            # What is of the same image is of the same commit.
            return own == await self._tags.mark_of(replace(one, id=original))
        except PlatformUnreachableError:
            raise
        except PlatformError:
            return None

    async def _was_built(self, deployment: str) -> bool | None:
        if deployment not in self._built:
            try:
                data = await self._api.ask(
                    "DeploymentEvents", id=deployment, first=_EVENTS
                )
                self._built[deployment] = understood(lambda: _has_build(data))
            except PlatformUnreachableError:
                raise
            except PlatformError:
                return None
        return self._built[deployment]


def _has_build(data: Any) -> bool:
    steps = [one["node"] for one in data["deploymentEvents"]["edges"]]
    return any(
        step["step"] == _BUILD and not (step["payload"] or {}).get("skipped")
        for step in steps
    )
