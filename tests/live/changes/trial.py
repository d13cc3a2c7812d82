"""What is done to a scratch service, step by step, to see what comes of it.

The serving commit is deployed twice with unlike settings and another value of a marker
variable each time, and then the first of the two is rolled back to. Nothing is asked
for twice; what has to be found again the pipeline's own code finds.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from app.backend.deploy.platforms.railway import autodeploy, stored
from app.backend.deploy.platforms.railway.releases import CommitReader
from app.backend.deploy.platforms.railway.tokens import TokenKind
from app.backend.deploy.platforms.railway.wanted import read_wanted
from app.errors import (
    NotAuthorizedError,
    OpsError,
    PlatformError,
    PlatformUnreachableError,
)
from tests.live.changes import rules
from tests.live.changes.before import Before
from tests.live.changes.evidence import FIRST, SECOND, Answer, Evidence
from tests.live.changes.hands import Hands, whole
from tests.live.changes.watching import GONE, Watcher

__all__ = ["BUILT", "HELD", "OVERLAP", "RESTORED", "Trial"]

OVERLAP: Final = 30
"""Seconds of overlap that the second deployment is told; the first is told none."""
HELD: Final = ("sleep 15",)
"""The pre-deploy command where the service has none: long enough to be seen."""
BUILT: Final = 1800.0
"""Seconds in which a deployment is over that has to be built, and"""
RESTORED: Final = 900.0
"""one that has its image."""
_LEFT: Final = 60.0
"""Seconds in which the old one is gone, beyond its overlap and drain."""
_EVENTS: Final = 50


class Trial:
    """One trial; what is seen goes into the evidence, also when it is broken off.

    Args:
        hands: change the service.
        watcher: looks at it.
        before: how it stood.
        evidence: takes what is seen.
        marker: a variable's name that nobody else has.
        read: reads the commit's ``railway.toml``.
        say: is told what is done.
    """

    def __init__(
        self,
        hands: Hands,
        watcher: Watcher,
        before: Before,
        evidence: Evidence,
        *,
        marker: str,
        read: CommitReader,
        say: Callable[[str], None],
    ) -> None:
        self._hands = hands
        self._api, self._target = hands.api, hands.target
        self._watcher = watcher
        self._before = before
        self._evidence = evidence
        self._marker = marker
        self._read = read
        self._say = say

    async def run(self, *, left: list[str]) -> None:
        """All of it.

        Args:
            left: takes what was made and could not be taken away again.

        Raises:
            PlatformError, PlatformUnreachableError: it cannot be gone on with.
        """
        evidence = self._evidence
        await self._read_file()
        evidence.autodeploy = await self._without_autodeploy()
        if evidence.kind is TokenKind.PROJECT:
            made = rules.tried(self._api, self._target, left=left)
            evidence.rule = await whole(made)
        first = evidence.first = await self._deploy(FIRST, overlap=0)
        await self._deployed(first)
        evidence.snapshot = await self._snapshot(first)
        second = evidence.second = await self._deploy(SECOND, overlap=OVERLAP)
        await self._deployed(second)
        await self._handed_over(first)
        await self._roll_back(first)

    async def _read_file(self) -> None:
        evidence, before = self._evidence, self._before
        elsewhere = before.instance.get("railwayConfigFile") or before.instance.get(
            "rootDirectory"
        )
        if elsewhere:
            evidence.file_unknown = "the service reads its file elsewhere"
            return
        try:
            text = await self._read(before.commit)
            evidence.file = read_wanted(text, self._target.environment_name)
        except OpsError as error:
            evidence.file_unknown = str(error)

    async def _without_autodeploy(self) -> Answer:
        """Off for the trial; what is off already is told to be so once more."""
        if self._before.autodeploy is None:
            return Answer(None, "whether it is on cannot be read")
        self._say("autodeploy: off")
        return await whole(
            _answer(autodeploy.put(self._api, self._target, enabled=False))
        )

    async def _deploy(self, value: str, *, overlap: int) -> str:
        before, marker = self._before, self._marker
        wanted: dict[str, Any] = {"overlapSeconds": overlap}
        if not before.settings["preDeployCommand"]:
            wanted["preDeployCommand"] = HELD
        self._say(f"{marker} = {value}, overlapSeconds = {overlap}: deploying")
        await whole(stored.apply(self._api, self._target, wanted))
        await whole(self._mark(value))

        async def ask() -> str:
            tag = f"{marker}-{value}"
            made = (await self._hands.creating.deploy(before.commit, tag)).id
            self._evidence.made.append(made)
            self._evidence.stored[made] = {**before.settings, **wanted}
            return made

        return await whole(ask())

    async def _mark(self, value: str) -> None:
        try:
            await self._hands.variables.put({self._marker: value})
        except PlatformUnreachableError:
            # It may have been set all the same.
            now = await self._hands.variables.stored()
            if now.get(self._marker) != value:
                raise

    async def _deployed(self, deployment: str) -> None:
        """Waits until it serves.

        Raises:
            PlatformError: it does not come to that.
        """
        status = await self._watcher.until_over(deployment, BUILT)
        self._say(f"{deployment}: {status}")
        await self._keep_events(deployment)
        if status != "SUCCESS":
            raise PlatformError(
                f"{deployment} ended {status}",
                remedy="see its build log at Railway; the trial wants a commit that"
                " deploys",
            )

    async def _snapshot(self, deployment: str) -> Answer:
        """Whether the marker can be read among a deployment's variables."""
        try:
            data = await self._api.ask("DeploymentSnapshot", deploymentId=deployment)
        except NotAuthorizedError as error:
            return Answer(False, f"refused: {error}")  # noqa: FBT003 - a value
        except PlatformError as error:
            return Answer(None, f"{type(error).__name__}: {error}")
        found = data.get("deploymentSnapshot")
        if found is None:
            return Answer(False, "there is none")  # noqa: FBT003 - a value
        if (found["variables"] or {}).get(self._marker) == FIRST:
            return Answer(True, "it has the marker")  # noqa: FBT003 - a value
        return Answer(None, "it has variables, and the marker is not among them")

    async def _handed_over(self, old: str) -> None:
        """Waits until a deployment has left; that it stays is an observation, too."""
        settings = self._before.settings
        most = OVERLAP + settings["overlapSeconds"] + settings["drainingSeconds"]
        try:
            await self._watcher.until(
                lambda look: look.status(old) in {None, *GONE}, most + _LEFT
            )
        except PlatformError as error:
            self._say(f"{old} has not left: {error}")

    async def _roll_back(self, first: str) -> None:
        evidence = self._evidence
        self._say(f"rolling back to {first}")

        async def ask() -> None:
            tag = f"{self._marker}-back"
            made = await self._hands.creating.roll_back(first, tag)
            evidence.back = made.id
            evidence.made.append(made.id)

        evidence.rollback = Answer(None, "it was interrupted")
        evidence.rollback = await whole(_answer(ask()))
        if evidence.back is None:
            self._say(f"no rollback: {evidence.rollback.words}")
            return
        status = await self._watcher.until_over(evidence.back, RESTORED)
        self._say(f"{evidence.back}: {status}")
        await self._keep_events(evidence.back)
        now = await self._hands.variables.stored()
        evidence.marker = now.get(self._marker, "")
        if evidence.second is not None and status == "SUCCESS":
            await self._handed_over(evidence.second)

    async def _keep_events(self, deployment: str) -> None:
        try:
            data = await self._api.ask("DeploymentEvents", id=deployment, first=_EVENTS)
        except PlatformError as error:
            self._say(f"its steps cannot be read: {error}")
            return
        edges = data["deploymentEvents"]["edges"]
        self._evidence.events[deployment] = [one["node"] for one in edges]


async def _answer(work: Awaitable[object]) -> Answer:
    """What came of asking for something that may not be allowed."""
    try:
        await work
    except NotAuthorizedError as error:
        return Answer(False, f"refused: {error}")  # noqa: FBT003 - a value
    except PlatformError as error:
        return Answer(None, f"{type(error).__name__}: {error}")
    return Answer(True, "it was taken")  # noqa: FBT003 - a value
