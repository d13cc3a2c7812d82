"""A ground without processes: what a commit does is told beforehand."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from app.backend.deploy.platforms.base import ServiceSettings
from tests.support.railway.ground import EdgeRequest, GroundError, Tell, Write

__all__ = ["Conduct", "InstantGround"]

_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """What a commit does.

    Attributes:
        builds: whether its build succeeds.
        migrates: whether its pre-deploy command does.
        starts: whether its processes can be started.
        answers: to the health probe, attempt by attempt, the last one from then on;
            None: no answer.
        crashes_after: real seconds from its start to the end of its last restart; None:
            it runs.
        restarts: how often each replica is started again before that.
        exits: it ends with 0 then, and is left so.
        says: lines that each replica writes.
    """

    builds: bool = True
    migrates: bool = True
    starts: bool = True
    answers: tuple[int | None, ...] = (_OK,)
    crashes_after: float | None = None
    restarts: int = 0
    exits: bool = False
    says: tuple[str, ...] = ("listening",)


@dataclass(slots=True)
class _Running:
    commit: str
    settings: ServiceSettings
    variables: Mapping[str, str] = field(repr=False)
    write: Write
    tell: Tell
    attempts: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class InstantGround:
    """Everything that it is asked for has happened already.

    Attributes:
        conducts: by commit.
        calls: what it was asked to do, in order: the call's name and its deployment.
        target: where requests go.
        traffic: what the edge is said to have answered.
        shielded: whether the under-attack mode is on.
        aimed: whether requests go to the right port.
    """

    def __init__(self) -> None:
        self.conducts: dict[str, Conduct] = {}
        self.calls: list[tuple[str, str | None]] = []
        self.target: str | None = None
        self.traffic: list[EdgeRequest] = []
        self.shielded = False
        self.aimed = True
        self.given: dict[str, Mapping[str, str]] = {}
        self._running: dict[str, _Running] = {}
        self._stopped: dict[str, _Running] = {}

    def behave(self, commit: str, **conduct: Any) -> None:
        """Tells how a commit behaves from now on."""
        self.conducts[commit] = replace(self._conduct(commit), **conduct)

    def tell(self, deployment: str, replica: int, status: str) -> None:
        """Lets one replica of a running deployment be in another state."""
        self._running[deployment].tell(replica, status)

    @property
    def running(self) -> tuple[str, ...]:
        """Deployments that have processes, the oldest first."""
        return tuple(self._running)

    async def build(self, deployment: str, commit: str, write: Write) -> None:
        self.calls.append(("build", deployment))
        write(f"building {commit}")
        if not self._conduct(commit).builds:
            raise GroundError("ERROR: failed to build: exit code: 1")

    async def pre_deploy(
        self,
        deployment: str,
        commit: str,
        commands: Sequence[str],
        variables: Mapping[str, str],
        write: Write,
    ) -> None:
        self.calls.append(("pre_deploy", deployment))
        self.given[deployment] = variables
        for command in commands:
            write(f"running {command}")
        if not self._conduct(commit).migrates:
            raise GroundError("pre-deploy command failed: exit code: 1")

    async def start(
        self,
        deployment: str,
        commit: str,
        settings: ServiceSettings,
        variables: Mapping[str, str],
        write: Write,
        tell: Tell,
    ) -> None:
        self.calls.append(("start", deployment))
        if not self._conduct(commit).starts:
            raise GroundError("the container cannot be started")
        self.given[deployment] = variables
        running = _Running(commit, settings, variables, write, tell)
        self._running[deployment] = running
        self._run(running)

    async def probe(
        self,
        deployment: str,
        replica: int,
        path: str | None,
        timeout: float,  # noqa: ARG002, ASYNC109 - the protocol's; it is instant
    ) -> int | None:
        running = self._running.get(deployment)
        if running is None:
            return None
        if path is None:
            return _OK
        answers = self._conduct(running.commit).answers
        attempt = running.attempts[replica]
        running.attempts[replica] += 1
        return answers[min(attempt, len(answers) - 1)]

    async def switch(self, deployment: str | None) -> None:
        self.calls.append(("switch", deployment))
        self.target = deployment

    async def stop(self, deployment: str, grace: float) -> None:  # noqa: ARG002 - as above
        running = self._running.pop(deployment, None)
        if running is not None:
            self.calls.append(("stop", deployment))
            self._stopped[deployment] = running
            _cancel(running)

    async def restart(self, deployment: str) -> None:
        self.calls.append(("restart", deployment))
        running = self._running.get(deployment) or self._stopped.pop(deployment, None)
        if running is not None:
            _cancel(running)
            self._running[deployment] = running
            self._run(running)

    def url(self) -> str:
        return "http://web-production.up.railway.invalid"

    async def close(self) -> None:
        for deployment in list(self._running):
            await self.stop(deployment, 0)

    def served(self, since: datetime, until: datetime) -> Sequence[EdgeRequest]:
        return [one for one in self.traffic if since <= one.at < until]

    async def shield(self, *, on: bool) -> None:
        self.shielded = on

    async def aim(self, *, right: bool) -> None:
        self.aimed = right

    def _conduct(self, commit: str) -> Conduct:
        return self.conducts.get(commit, Conduct())

    def _run(self, running: _Running) -> None:
        conduct = self._conduct(running.commit)
        for replica in range(running.settings.replicas):
            running.tell(replica, "RUNNING")
            for line in conduct.says:
                running.write(line)
        if conduct.crashes_after is None:
            return
        loop = asyncio.get_running_loop()
        for number in range(conduct.restarts + 1):
            share = (number + 1) / (conduct.restarts + 1)
            last = number == conduct.restarts
            word = "RESTARTING"
            if last:
                word = "EXITED" if conduct.exits else "CRASHED"
            running.timers.append(
                loop.call_later(conduct.crashes_after * share, _tell_all, running, word)
            )


def _tell_all(running: _Running, word: str) -> None:
    for replica in range(running.settings.replicas):
        running.tell(replica, word)
        if word == "RESTARTING":
            running.tell(replica, "RUNNING")


def _cancel(running: _Running) -> None:
    for timer in running.timers:
        timer.cancel()
    running.timers.clear()
