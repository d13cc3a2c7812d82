"""One deployment looked at closely: who asked for it, and why it failed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final
from uuid import UUID

from app.backend.deploy.platforms.deployment import Deployment, DeploymentStatus
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import Node, read_all
from app.backend.deploy.platforms.railway.freshness import NOW
from app.backend.deploy.platforms.railway.hiding import Hiding
from app.backend.deploy.platforms.railway.manifest import ran_with
from app.backend.deploy.platforms.railway.picture import (
    DEPTH,
    Picture,
    Pictures,
    understood,
)
from app.backend.deploy.platforms.railway.postmortem import Postmortem
from app.backend.deploy.platforms.railway.repeating import Repeating
from app.backend.deploy.platforms.railway.statuses import APPROVE
from app.backend.deploy.platforms.railway.tags import Tags
from app.backend.deploy.platforms.railway.target import Target
from app.backend.deploy.platforms.railway.variables import Variables
from app.errors import (
    DeploymentNotFoundError,
    NotAuthorizedError,
    PlatformError,
    PlatformUnreachableError,
)

__all__ = ["Looking"]

_UNFINISHED: Final = frozenset(
    {
        DeploymentStatus.QUEUED,
        DeploymentStatus.WAITING,
        DeploymentStatus.NEEDS_APPROVAL,
        DeploymentStatus.INITIALIZING,
        DeploymentStatus.BUILDING,
        DeploymentStatus.DEPLOYING,
    }
)
_ENDED_BADLY: Final = frozenset({DeploymentStatus.FAILED, DeploymentStatus.CRASHED})


class Looking:
    """Looks at single deployments of one service.

    Args:
        api: is asked.
        target: the service.
        pictures: what is known of all.
        tags: who has asked for what.
        variables: that deployments were given.

    Attributes:
        hiding: takes secrets out of what deployments have written.
        repeating: what repeats what.
    """

    def __init__(
        self,
        api: RailwayApi,
        target: Callable[[], Awaitable[Target]],
        pictures: Pictures,
        tags: Tags,
        variables: Variables,
    ) -> None:
        self._api = api
        self._target = target
        self._pictures = pictures
        self._tags = tags
        self.hiding = Hiding(variables, api.say)
        self.repeating = Repeating(api, tags)
        self._postmortem = Postmortem(api, self.hiding)

    async def one(self, deployment: str) -> Deployment:
        """One that is not among the newest. Raises as :meth:`node`."""
        node, target = await self.node(deployment), await self._target()
        found: Deployment = understood(
            lambda: read_all((node,), (), plan=target.plan, settings_of=ran_with)[0]
        )
        # What is active is in every picture.
        return replace(found, active=False)

    async def node(self, deployment: str) -> Node:
        """The same, as the API gives it.

        Raises:
            DeploymentNotFoundError: this service has none of that id.
            NotAuthorizedError: the token may no longer see anything of this service.
            PlatformError: refused, which says nothing of whether it is there.
            PlatformUnreachableError: no answer; or Railway has told us of it, and does
                not show it (yet): that says nothing of what becomes of it.
        """
        target = await self._target()
        if not _is_id(deployment):
            # It would be answered like a fault that passes, and asked for again.
            raise _not_found(deployment, target)
        try:
            data = await self._api.ask("Deployment", id=deployment)
        except PlatformUnreachableError:
            raise
        except PlatformError as error:
            if self._tags.are_told_of(deployment):
                raise _not_yet(deployment, error) from error
            if not isinstance(error, NotAuthorizedError):
                raise
            # Railway tells an unknown id neither from one that is not ours, nor from a
            # token that was deleted meanwhile (FACTS §1), which sees nothing at all.
            await self._api.ask(
                "ServiceInstance",
                environmentId=target.environment,
                serviceId=target.service,
            )
            raise _not_found(deployment, target) from error
        node: Node = data["deployment"]
        if (node["serviceId"], node["environmentId"]) != (
            target.service,
            target.environment,
        ):
            raise _not_found(deployment, target)
        return node

    @asynccontextmanager
    async def owning(self, deployment: str) -> AsyncIterator[None]:
        """Around a question about one; where it is refused, an unknown id is named.

        Raises:
            DeploymentNotFoundError: this service has none of that id.
        """
        try:
            yield
        except PlatformUnreachableError:
            raise
        except PlatformError:
            await self.node(deployment)
            raise

    async def address(self) -> str:
        """A verified domain of the service, else the one that Railway gave it.

        Raises:
            PlatformError: there is none.
        """
        picture = self._pictures.last or await self._pictures.within(NOW, depth=DEPTH)
        for domain in (*picture.custom_domains, *picture.service_domains):
            return f"https://{domain}"
        target = await self._target()
        raise PlatformError(
            f"{target.service_name} in {target.environment_name} has no domain",
            remedy="generate one in the service's settings at Railway, or set"
            " PM33_PUBLIC_URL",
        )

    async def look_up(self, listed: Sequence[Deployment], among: Picture) -> None:
        """Learns who has asked for what is under way among them, and what is repeated.

        Args:
            listed: the newest, and what serves.
            among: everything that there is to see.
        """
        unfinished = [one for one in listed if one.status in _UNFINISHED]
        serving = [one for one in listed if one.active]
        await self.repeating.look_up((*unfinished, *serving), among)
        await self._tags.look_up(tuple(unfinished))

    def tagged(self, one: Deployment) -> Deployment:
        """The same, with what is known of who asked for it and what it repeats."""
        tag, repeats = self._tags.known(one.id), self._tags.repeats(one)
        return replace(one, tag=tag, rollback_of=repeats)

    async def explained(self, one: Deployment) -> Deployment:
        """The same, with the reason if it has ended badly."""
        if one.status not in _ENDED_BADLY:
            return one
        ran = one.status is DeploymentStatus.CRASHED
        cause = await self._postmortem.cause(one.id, ran=ran)
        if not cause:
            return one
        return replace(one, reason=f"{one.reason}: {cause}" if one.reason else cause)

    def needs_approval(self, deployment: str) -> PlatformError:
        """Nobody waits for a person who may never come."""
        return PlatformError(
            f"{deployment} waits for somebody's approval at Railway", remedy=APPROVE
        )


def _is_id(name: str) -> bool:
    """Railway's ids are UUIDs; a commit or a run of ours is none."""
    try:
        UUID(name)
    except ValueError:
        return False
    return True


def _not_yet(deployment: str, error: PlatformError) -> PlatformUnreachableError:
    return PlatformUnreachableError(
        f"Railway has created {deployment}, and does not show it: {error}",
        remedy="look for it in Railway's dashboard; `pm33 deploy resume` goes on with"
        " it",
    )


def _not_found(deployment: str, target: Target) -> DeploymentNotFoundError:
    return DeploymentNotFoundError(
        f"{target.service_name} in {target.environment_name} has no deployment"
        f" {deployment}",
        remedy="`pm33 deployments list` shows what there is",
    )
