"""What may be asked over the control socket, and who answers it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import asdict
from functools import partial
from typing import Any, Final

from app.backend.deploy.platforms.local.attendants import Database, Proxy
from app.backend.deploy.platforms.local.children import Child
from app.backend.deploy.platforms.local.control import Answers, Request
from app.backend.deploy.platforms.local.ground import Ground, redactor_for
from app.backend.deploy.platforms.local.restarts import Beginning
from app.backend.deploy.platforms.local.roster import Roster
from app.backend.deploy.platforms.local.standing import replicas_of, standing
from app.backend.deploy.platforms.local.supervisor import Supervisor
from app.backend.deploy.platforms.local.traffic import TrafficLog
from app.backend.deploy.platforms.local.variables import (
    load_variables,
    set_variables,
    stored,
)
from app.errors import PlatformError

__all__ = ["Desk"]

Change = Callable[[Request], Coroutine[Any, Any, Any]]

_MOST_OUTPUT: Final = 256 * 1024
_RUN_GRACE: Final = 5.0
# Deployments in the status.
_TOLD: Final = 10


class Desk:
    """Turns requests into calls, and what these return into JSON.

    Args:
        ground: what deployments stand on.
        roster: the deployments.
        supervisor: changes them.
        proxy: who listens for users.
        database: the platform's own.
        traffic: what the proxy has counted.
        stop: ends the platform; returns at once.
        beginning: of this process.
    """

    def __init__(
        self,
        ground: Ground,
        roster: Roster,
        supervisor: Supervisor,
        *,
        proxy: Proxy,
        database: Database,
        traffic: TrafficLog,
        stop: Callable[[], None],
        beginning: Beginning | None = None,
    ) -> None:
        self._ground = ground
        self._roster = roster
        self._supervisor = supervisor
        self._proxy = proxy
        self._database = database
        self._traffic = traffic
        self._stop = stop
        self._beginning = beginning or Beginning()

    @property
    def answers(self) -> Answers:
        """By ``op``."""
        return {
            "cancel": self._lasting(self._cancel),
            "deploy": self._lasting(self._deploy),
            "deployment": self._deployment,
            "deployments": self._deployments,
            "epoch": self._epoch,
            "follow": self._follow,
            "logs": self._logs,
            "replicas": self._replicas,
            "roll_back": self._lasting(self._roll_back),
            "run": self._run,
            "set_variables": self._lasting(self._set_variables),
            "settings": self._settings,
            "status": self._status,
            "stop": self._end,
            "switch": self._lasting(self._switch),
            "traffic": self._count,
            "variables": self._variables,
        }

    def _lasting(self, answer: Change) -> Change:
        """A change is made to its end, whether or not its caller hangs up."""

        async def answered(request: Request) -> Any:
            return await self._supervisor.tasks.see_through(lambda: answer(request))

        return answered

    async def _status(self, request: Request) -> dict[str, Any]:
        """With ``look``, its replicas are asked how they are, which takes a moment."""
        newest = self._roster.newest(_TOLD)
        found = standing(
            self._ground.store.state,
            supervisor=self._beginning,
            proxy=self._proxy,
            database=self._database,
        )
        looked = request.get("look")
        replicas = await replicas_of(newest, self._roster) if looked else {}
        extra = {name: {"replicas": told} for name, told in replicas.items()}
        found["deployments"] = [one.to_dict() | extra.get(one.id, {}) for one in newest]
        return found

    async def _deploy(self, request: Request) -> dict[str, Any]:
        begun = await self._supervisor.deploy(
            request["commit"], tag=request["tag"], epoch=request["epoch"]
        )
        return begun.to_dict()

    async def _roll_back(self, request: Request) -> dict[str, Any]:
        begun = await self._supervisor.roll_back(
            request["target"],
            tag=request["tag"],
            epoch=request["epoch"],
            variables=request["variables"],
        )
        return begun.to_dict()

    async def _switch(self, request: Request) -> dict[str, Any]:
        switched = await self._supervisor.switch(
            request["deployment"], epoch=request["epoch"]
        )
        return switched.to_dict()

    async def _cancel(self, request: Request) -> None:
        await self._supervisor.cancel(request["deployment"], epoch=request["epoch"])

    async def _deployment(self, request: Request) -> dict[str, Any]:
        return self._roster.deployment(request["deployment"]).to_dict()

    async def _deployments(self, request: Request) -> list[dict[str, Any]]:
        found = self._roster.newest(request["limit"])
        return [one.to_dict() for one in found]

    async def _follow(self, request: Request) -> AsyncIterator[dict[str, Any]]:
        states = self._roster.follow(request["deployment"])
        async with contextlib.aclosing(states):
            async for one in states:
                yield one.to_dict()

    async def _logs(self, request: Request) -> AsyncIterator[dict[str, Any]]:
        lines = self._roster.logs(
            request["deployment"], limit=request["limit"], follow=request["follow"]
        )
        async with contextlib.aclosing(lines):
            async for line in lines:
                yield asdict(line) | {"at": line.at.isoformat()}

    async def _settings(self, request: Request) -> dict[str, Any]:
        environment = self._ground.store.state.environment
        settings = await self._ground.releases.settings(request["commit"], environment)
        return settings.to_dict()

    async def _set_variables(self, request: Request) -> None:
        self._supervisor.fence(request["epoch"])
        set_variables(self._ground.places.variables, request["values"])

    async def _variables(self, request: Request) -> dict[str, str | None]:
        deployment, places = request["deployment"], self._ground.places
        if deployment is None:
            return self._ground.given(load_variables(places.variables))
        record = self._roster.record(deployment)
        return self._ground.given(
            stored(places.deployment(record.id) / "variables.json")
        )

    async def _replicas(self, request: Request) -> list[dict[str, str]]:
        record = self._roster.record(request["deployment"])
        life = self._roster.lives.get(record.id)
        replicas = None if life is None else life.replicas
        addresses = () if replicas is None else replicas.addresses
        return [{"replica": o.replica, "socket": str(o.socket)} for o in addresses]

    async def _count(self, request: Request) -> dict[str, Any]:
        self._roster.record(request["deployment"])
        await self._traffic.poll()
        return asdict(self._traffic.counters(request["deployment"]))

    async def _epoch(self, _: Request) -> int:
        return self._ground.store.state.epoch

    async def _end(self, _: Request) -> None:
        self._stop()

    async def _run(self, request: Request) -> dict[str, Any]:
        """Runs a command to its end, its deadline, or until the caller hangs up."""
        self._supervisor.fence(request["epoch"])
        commit = await self._ground.releases.resolve(request["commit"])
        with self._ground.using(commit):
            return await self._finished(request, commit)

    async def _finished(self, request: Request, commit: str) -> dict[str, Any]:
        variables = load_variables(self._ground.places.variables)
        surroundings = await self._ground.surroundings(commit, variables, _unheard)
        output: list[str] = []
        env = surroundings.of_command()
        # All of that may have taken minutes.
        self._supervisor.fence(request["epoch"])
        child = await Child.start(
            request["command"],
            env=env,
            cwd=surroundings.checkout,
            write=partial(_keep, output),
        )
        name = f"run-{child.mark.pid}"
        self._ground.note(name, child.mark)
        try:
            async with asyncio.timeout(request["timeout"]):
                code = await child.exited()
        except TimeoutError as error:
            raise PlatformError(
                f"the command took longer than {request['timeout']:g} s and was ended",
                remedy="look at what it waits for, or give it more time",
            ) from error
        finally:
            await child.end(_RUN_GRACE)
            self._ground.note(name, None)
        text = redactor_for(env).redact("".join(output))
        return {"code": code, "output": text}


def _keep(output: list[str], text: str) -> None:
    """Keeps the end of what a command says."""
    output.append(f"{text}\n")
    while sum(map(len, output)) > _MOST_OUTPUT and len(output) > 1:
        del output[0]


def _unheard(_: str) -> None:
    """What preparing a checkout says, where nobody has a log for it."""
