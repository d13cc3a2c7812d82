"""Deployments that Railway is asked for: once each, and found again where need be.

Neither a deploy nor a rollback takes a mark of ours or may be repeated (FACTS §1), and
a rollback does not even say what it has created. So what is there is looked at before,
the request is sent once, and what was not there before is looked for afterwards.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, overload

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.deployment import Deployment, DeploymentStatus
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import Node
from app.backend.deploy.platforms.railway.finding import (
    created_since,
    earliest,
    is_again,
    may_be_of,
)
from app.backend.deploy.platforms.railway.picture import Picture, Pictures
from app.backend.deploy.platforms.railway.repeating import Repeating
from app.backend.deploy.platforms.railway.tags import MARK, Tags, mark
from app.backend.deploy.platforms.railway.target import Target
from app.backend.deploy.platforms.railway.unseen import (
    LOOK_FOR,
    SETTLED,
    explained,
    given_up,
    not_seen,
    of_earlier,
)
from app.backend.deploy.platforms.railway.variables import Variables
from app.errors import PlatformError, PlatformUnreachableError, RateLimitedError

__all__ = ["Creating"]

DEPTH: Final = 50
_LOOK: Final = 3.0
_MOST_ADOPTED: Final = 5

Apply = Callable[[str], Awaitable[Any]]
"""Stores at Railway how a commit is to be run, where it differs."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request of which nobody knows what has come."""

    at: float
    before: Picture
    like: Node


class Creating:
    """Asks for deployments of one service.

    Args:
        api: is asked.
        target: the service.
        pictures: what is there.
        tags: who has asked for what.
        repeating: what repeats what.
        variables: of the service; a deploy is marked in them.
        node: finds a deployment that is not among the newest.
        apply: stores a commit's settings.
        clock: measures and waits.
    """

    def __init__(
        self,
        api: RailwayApi,
        target: Callable[[], Awaitable[Target]],
        *,
        pictures: Pictures,
        tags: Tags,
        repeating: Repeating,
        variables: Variables,
        node: Callable[[str], Awaitable[Node]],
        apply: Apply,
        clock: Clock,
    ) -> None:
        self._api = api
        self._target = target
        self._pictures = pictures
        self._tags = tags
        self._repeating = repeating
        self._variables = variables
        self._node = node
        self._apply = apply
        self._clock = clock
        self._sent: dict[str, _Sent] = {}

    async def deploy(self, commit: str, tag: str) -> Deployment:
        """Builds and starts a commit; returns what an earlier attempt has created.

        Args:
            commit: has to be in the repository that the service is connected to.
            tag: the run that asks.

        Raises:
            PlatformError: refused.
            PlatformUnreachableError: it may have been done, and is not to be seen.
        """
        before = await self._newest()
        found = await self._unfinished_business(tag, before)
        if found is None:
            found, before = await of_earlier(
                lambda picture: self._marked(commit, tag, picture),
                before,
                self._newest,
                self._clock,
            )
        if found is not None:
            return self._adopted(found, tag)
        target = await self._target()
        await self._apply(commit)
        await self._variables.put({MARK: mark(tag, commit)})

        async def ask() -> str | None:
            data = await self._api.change(
                "Deploy",
                serviceId=target.service,
                environmentId=target.environment,
                commitSha=commit,
            )
            created = data.get("serviceInstanceDeployV2")
            return created if isinstance(created, str) else None

        sent = _Sent(self._clock.time(), before, {"meta": {"commitHash": commit}})
        try:
            created = await self._once(tag, sent, ask)
        except PlatformError as error:
            raise explained(error, commit) from error
        if isinstance(created, Deployment):
            return self._adopted(created, tag)
        begun = Deployment(
            id=created,
            commit=commit,
            status=DeploymentStatus.INITIALIZING,
            created_at=datetime.now(UTC),
        )
        return self._adopted(begun, tag)

    async def roll_back(self, target: str, tag: str) -> Deployment:
        """Brings a deployment back from its image, with the variables that it had.

        Raises:
            PlatformError: refused.
            PlatformUnreachableError: it may have been done, and is not to be seen.
        """
        before = await self._newest()
        like = original = before.node(target) or await self._node(target)

        async def brought(picture: Picture) -> Deployment | None:
            since = self._since(tag)
            return await self._repeating.brought_back(picture, original, tag, since)

        found = await self._unfinished_business(tag, before)
        if found is None:
            found, before = await of_earlier(brought, before, self._newest, self._clock)
            like = before.node(target) or like
        if found is not None:
            return self._adopted(found, tag, target)
        if not like["canRollback"]:
            raise given_up(target)

        sent = _Sent(self._clock.time(), before, like)
        ask = partial(self._api.command, "Rollback", id=target)
        try:
            created = await self._once(tag, sent, ask)
        except PlatformUnreachableError as error:
            refused = isinstance(error, RateLimitedError)
            if refused or not await self._is_given_up(target):
                raise
            # Nothing has come of it, and nothing can any more.
            self._sent.pop(tag, None)
            raise given_up(target) from error
        return self._adopted(created, tag, target)

    async def _is_given_up(self, target: str) -> bool:
        with suppress(PlatformError):
            node = (await self._newest()).node(target) or await self._node(target)
            return not node["canRollback"]
        return False

    @overload
    async def _once(
        self, tag: str, sent: _Sent, ask: Callable[[], Awaitable[None]]
    ) -> Deployment: ...

    @overload
    async def _once(
        self, tag: str, sent: _Sent, ask: Callable[[], Awaitable[str | None]]
    ) -> str | Deployment: ...

    async def _once(
        self, tag: str, sent: _Sent, ask: Callable[[], Awaitable[str | None]]
    ) -> str | Deployment:
        """Asks; the id of what was created, or that itself where no id was told.

        Raises:
            PlatformError: refused for certain.
            PlatformUnreachableError: what came of it is not to be seen.
        """
        self._sent[tag] = sent
        why, taken = PlatformUnreachableError("it was taken, and no id was told"), True
        try:
            created = await ask()
        except PlatformUnreachableError as error:
            if isinstance(error, RateLimitedError):
                del self._sent[tag]
                raise
            created, why, taken = None, error, False
        except PlatformError:
            del self._sent[tag]
            raise
        finally:
            self._pictures.forget()
            self._variables.forget()
        return created or await self._look_for(tag, sent, why, taken=taken)

    async def _unfinished_business(
        self, tag: str, before: Picture
    ) -> Deployment | None:
        """What has come of a request whose end was not told, if there was one.

        Raises:
            PlatformUnreachableError: it may still be done.
        """
        sent = self._sent.get(tag)
        if sent is None:
            return None
        found = created_since(before, sent.before, sent.like)
        if found is not None:
            return found
        if self._clock.time() < sent.at + SETTLED:
            raise not_seen(tag, PlatformUnreachableError("it was asked for before"))
        del self._sent[tag]
        return None

    async def _marked(
        self, commit: str, tag: str, before: Picture
    ) -> Deployment | None:
        """What another process has created for the same run before it was killed.

        Where Railway does not tell whose it is, what is of that commit and made since
        the run began is taken for it: better one that is another's than two.
        """
        since = self._since(tag)
        for one in may_be_of(commit, before, since)[:_MOST_ADOPTED]:
            try:
                whose = await self._tags.of(one)
            except PlatformUnreachableError:
                raise
            except PlatformError:
                first = is_again(tag) and one.status.is_over
                whose = tag if since is not None and not first else None
            if whose == tag:
                return one
        return None

    async def _newest(self) -> Picture:
        return await self._pictures.within(0, depth=DEPTH)

    def _since(self, tag: str) -> datetime | None:
        return earliest(tag, self._api.ahead)

    async def _look_for(
        self, tag: str, sent: _Sent, error: PlatformUnreachableError, *, taken: bool
    ) -> Deployment:
        """Waits for what was not there before.

        Raises:
            PlatformUnreachableError: it does not show.
        """
        ends = self._clock.time() + LOOK_FOR
        while True:
            late, found = self._clock.time() >= ends, None
            with suppress(PlatformUnreachableError):
                found = created_since(
                    await self._newest(), sent.before, sent.like, untold=late and taken
                )
            if found is not None:
                return found
            if late:
                raise not_seen(tag, error) from error
            await self._clock.sleep(_LOOK)

    def _adopted(
        self, found: Deployment, tag: str, repeats: str | None = None
    ) -> Deployment:
        self._sent.pop(tag, None)
        self._tags.put(found.id, tag, repeats=repeats)
        return replace(found, tag=tag, rollback_of=repeats or found.rollback_of)
