"""Puts a service back as it was, and says what could not be put back.

Each part looks at what is there, changes what is not as it was, and looks again; that
one of them fails keeps no other from being put back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from app.backend.deploy.platforms.railway import autodeploy, stored
from app.backend.deploy.platforms.railway.keys import in_words
from app.errors import OpsError, PlatformError, PlatformUnreachableError
from tests.live.changes.before import CHANGED, Before
from tests.live.changes.comparing import unlike
from tests.live.changes.evidence import Evidence, Look
from tests.live.changes.hands import Hands, whole
from tests.live.changes.judging import judged
from tests.live.changes.trial import BUILT
from tests.live.changes.watching import UNFINISHED, Watcher

__all__ = ["QUIET", "Restoring"]

QUIET: Final = 30.0
"""Seconds in which a deployment shows that comes of deleting a variable."""


class Restoring:
    """Puts one service back.

    Args:
        hands: change it.
        watcher: looks at it.
        before: how it stood.
        evidence: what the trial has seen; takes what deleting the marker does.
        marker: the trial's own variable.
        say: is told what is done.

    Attributes:
        left: what was not put back, until now.
    """

    def __init__(
        self,
        hands: Hands,
        watcher: Watcher,
        before: Before,
        evidence: Evidence,
        *,
        marker: str,
        say: Callable[[str], None],
    ) -> None:
        self._hands = hands
        self._api, self._target = hands.api, hands.target
        self._watcher = watcher
        self._before = before
        self._evidence = evidence
        self._marker = marker
        self._say = say
        self.left: list[str] = []
        self._parts: dict[str, Callable[[], Awaitable[object]]] = {
            "a deployment under way": self._nothing_under_way,
            "settings": self._settings,
            "variables": self._variables,
            "what serves": self._serving,
            "variables, once more": self._variables_again,
            "autodeploy": self._autodeploy,
        }
        self._open = list(self._parts)

    @property
    def open(self) -> Sequence[str]:
        """Parts that have not been come to."""
        return tuple(self._open)

    async def put_back(self) -> None:
        """All of it; what fails is among ``left``."""
        self._say("putting everything back")
        for name, part in self._parts.items():
            try:
                await part()
            except OpsError as error:
                self.left.append(f"{name}: {error}")
            self._open.remove(name)

    async def _nothing_under_way(self) -> None:
        """What the trial has asked for last is to serve nobody, if there is time."""
        for one in _unfinished(await self._watcher.look()):
            if one in self._evidence.made:
                self._say(f"{one}: cancelling")
                with suppress(PlatformError):
                    await whole(self._api.change("Cancel", id=one))
        await self._watcher.until(lambda look: not _unfinished(look), BUILT)

    async def _settings(self) -> None:
        api, before = self._api, self._before
        where: dict[str, Any] = {
            "serviceId": self._target.service,
            "environmentId": self._target.environment,
        }
        if not self._other_settings(await stored.ask(api, self._target)):
            return
        self._say(f"storing {' and '.join(CHANGED)} as they were")
        # What was not set is null again, which the pipeline's own apply never sends.
        wanted = {name: _as_input(before.instance[name]) for name in CHANGED}
        changing = api.change("ServiceInstanceUpdate", **where, input=wanted)
        await _even_if_unheard(whole(changing))
        self.left += self._other_settings(await stored.ask(api, self._target))

    def _other_settings(self, instance: Mapping[str, Any]) -> list[str]:
        now, was = stored.stored_of(instance), self._before.settings
        return [
            f"{name} is {in_words(now[name])}, and was {in_words(was[name])}"
            for name in CHANGED
            if now[name] != was[name]
        ]

    async def _variables(self) -> None:
        """The marker goes, and what a rollback has changed is as it was."""
        if self._marker in await self._hands.variables.stored():
            await self._delete_marker()
        await self._variables_again()

    async def _variables_again(self) -> None:
        """Others than the marker only a rollback can have changed."""
        was, now = self._before.variables, await self._hands.variables.stored()
        changed = {name: was[name] for name in was if now.get(name) != was[name]}
        if changed and self._evidence.rollback is not None:
            self._say(f"setting {', '.join(sorted(changed))} as before")
            await _even_if_unheard(whole(self._hands.variables.put(changed)))
        now = await self._hands.variables.stored()
        self.left += [
            f"the variable {name} is not as it was"
            for name in sorted(was.keys() | now.keys())
            if was.get(name) != now.get(name)
        ]

    async def _delete_marker(self) -> None:
        """Deletes it, and sees whether that deploys."""
        await self._watcher.look()
        self._say(f"deleting {self._marker}")
        try:
            put = self._hands.variables.put({self._marker: None})
            await _even_if_unheard(whole(put))
        except PlatformError as error:
            # What is left is compared afterwards, and told.
            self._say(f"{self._marker} was not deleted: {error}")
            return
        made = await self._watcher.new_within(QUIET)
        self._evidence.deleted = made is not None
        if made is not None:
            await self._watcher.until_over(made, BUILT)

    async def _serving(self) -> None:
        look = await self._watcher.look()
        was = str(self._before.serving["id"])
        running = {one for one in look.nodes if look.status(one) == "SUCCESS"}
        if running == {was} and was in look.active:
            return
        made = await (
            self._from_image(was) if self._may_restore(look) else self._anew()
        )
        status = await self._watcher.until_over(made, BUILT)
        self._say(f"{made}: {status}")
        if status != "SUCCESS":
            raise PlatformError(
                f"{made} was to serve again, and ended {status}",
                remedy="see its build log at Railway",
            )
        found = await unlike(
            self._api,
            self._hands.variables,
            self._before.serving,
            made,
            say=self._say,
        )
        self.left += [f"what serves differs in {one}" for one in found]

    def _may_restore(self, look: Look) -> bool:
        """Whether a rollback leads back, and is known to leave the variables alone."""
        facts = {one.fact: one.holds for one in judged(self._evidence)}
        node = look.nodes.get(str(self._before.serving["id"]))
        can = node is not None and bool(node["canRollback"])
        return can and facts["rollback_rewrites_variables"] is False

    async def _from_image(self, was: str) -> str:
        self._say(f"rolling back to {was}, which served")
        creating = self._hands.creating.roll_back(was, f"{self._marker}-end")
        return (await whole(creating)).id

    async def _anew(self) -> str:
        commit = self._before.commit
        self._say(f"deploying {commit[:12]} anew, which served")
        creating = self._hands.creating.deploy(commit, f"{self._marker}-end")
        return (await whole(creating)).id

    async def _autodeploy(self) -> None:
        was = self._before.autodeploy
        if was is None or await autodeploy.is_on(self._api, self._target) == was:
            return
        self._say(f"autodeploy: {in_words(was)}")
        changing = autodeploy.put(self._api, self._target, was)
        await _even_if_unheard(whole(changing))
        if await autodeploy.is_on(self._api, self._target) != was:
            self.left.append(f"autodeploy is no longer {in_words(was)}")


def _unfinished(look: Look) -> list[str]:
    return [one for one in look.nodes if look.status(one) in UNFINISHED]


async def _even_if_unheard(change: Awaitable[object]) -> None:
    """An answer that does not come tells nothing; what is there now is looked at."""
    try:
        await change
    except PlatformUnreachableError:
        return


def _as_input(value: Any) -> Any:
    """A command may be read as text, and is only taken as a list."""
    return [value] if isinstance(value, str) else value
