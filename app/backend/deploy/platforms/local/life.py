"""One deployment, from its checkout to the end of its last process."""

import asyncio
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from app.backend.deploy.platforms.base import DeploymentStatus, ServiceSettings
from app.backend.deploy.platforms.local.children import Child
from app.backend.deploy.platforms.local.ground import Ground, redactor_for
from app.backend.deploy.platforms.local.logbook import Logbook
from app.backend.deploy.platforms.local.probing import is_of_probe
from app.backend.deploy.platforms.local.replica import Replica
from app.backend.deploy.platforms.local.replicas import ReplicaSet
from app.backend.deploy.platforms.local.sockets import lay_out
from app.backend.deploy.platforms.local.state import DeploymentRecord
from app.backend.deploy.platforms.local.surroundings import Surroundings
from app.backend.deploy.platforms.local.variables import stored
from app.backend.deploy.platforms.settings_file import commands_of
from app.errors import OpsError, PlatformError

__all__ = ["Life"]

logger = logging.getLogger("pm33.platform")

_PRE_DEPLOY_TIMEOUT: Final = 1800.0
_LAST_LINES: Final = 5
# Among them may be the platform's own questions, which are passed over.
_LINES_READ: Final = 200
_TOKEN: Final = "PM33_ADMIN_TOKEN"  # noqa: S105 - its name
# Whoever ends a deployment that nobody has been sent to need not wait for it long.
_UNUSED_GRACE: Final = 1.0
# From one try to serve again to the next.
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 15.0


class Life:
    """What becomes of one deployment; a step forward is written down before it is made.

    Args:
        ground: shared by all deployments.
        deployment: its id; its record and its variables are there already.
        on_ready: called when it has become ready to serve.

    Attributes:
        ending: whether its end has begun.
    """

    def __init__(
        self, ground: Ground, deployment: str, on_ready: Callable[[], None]
    ) -> None:
        self._ground = ground
        self._on_ready = on_ready
        self._folder = ground.places.deployment(deployment)
        self._replicas: ReplicaSet | None = None
        self.ending = False
        self.id = deployment
        self.variables = stored(self._folder / "variables.json")
        self.clean = redactor_for(self.variables).redact
        self.logbook = Logbook(self._folder / "log.jsonl", self.clean)
        self.sockets = ground.run / deployment

    @property
    def record(self) -> DeploymentRecord:
        """As it is written down."""
        record = self._ground.store.state.find(self.id)
        if record is None:
            raise PlatformError(
                f"deployment {self.id} is not written down any more",
                remedy="deploy its commit again",
            )
        return record

    @property
    def replicas(self) -> ReplicaSet | None:
        """Its processes, from their start to their end."""
        return self._replicas

    @property
    def waits_for(self) -> str:
        """Why it is not healthy yet, while that is waited for."""
        return "" if self._replicas is None else self.clean(self._replicas.waits_for)

    @property
    def given_up(self) -> str:
        """Which of its replicas are not started again, and why; empty: none."""
        return "" if self._replicas is None else self.clean(self._replicas.given_up)

    async def bring_up(self) -> None:
        """Leads it to ``READY``, or to ``FAILED`` with the reason."""
        try:
            await self._bring_up()
            self._on_ready()
        except Exception as error:  # the boundary of its task: nobody awaits that
            if not isinstance(error, OpsError | OSError):
                logger.exception("%s cannot be brought up", self.id)
            reason = self._explained(error)
            await self.end(DeploymentStatus.FAILED, reason, grace=_UNUSED_GRACE)

    async def serve_again(self) -> None:
        """Starts its processes after the platform's own restart, without a gate.

        Until that is done; what it needs, the database above all, may come up later.
        """
        delay, tried = _FIRST_DELAY, False
        while True:
            try:
                settings = self.record.settings or await self._read_settings()
                await self._start(settings, await self._surroundings())
            except Exception as error:  # as above; nothing may end the trying
                logger.exception("%s does not serve again yet", self.id)
                tried = True
                self._lost(f"not started yet, tried again: {self._explained(error)}")
            else:
                break
            await asyncio.sleep(delay)
            delay = min(_LONGEST_DELAY, delay * 2)
        if tried:
            self._came(DeploymentStatus.SUCCESS, reason="")

    async def pause(self) -> None:
        """Ends its processes in their own time; what is written down stays."""
        settings = self.record.settings
        if self._replicas is not None:
            await self._replicas.end(
                0.0 if settings is None else settings.draining_seconds
            )
            self._replicas = None

    async def end(
        self, status: DeploymentStatus, reason: str = "", *, grace: float | None = None
    ) -> None:
        """Ends its processes and its sockets.

        Args:
            status: what it is afterwards; ``REMOVING`` meanwhile if that is REMOVED.
            reason: why; empty leaves the reason that there is.
            grace: from SIGTERM to SIGKILL; None: as its settings say.
        """
        self.ending = True
        if grace is None:
            settings = self.record.settings
            grace = settings.draining_seconds if settings is not None else 0.0
        reason = reason or self.record.reason
        if status is DeploymentStatus.REMOVED:
            self._came(DeploymentStatus.REMOVING, reason=reason)
        if self._replicas is not None:
            try:
                await self._replicas.end(grace)
            except Exception:
                logger.exception("a process of %s may be left", self.id)
            self._replicas = None
        self._came(status, reason=reason)
        shutil.rmtree(self.sockets, ignore_errors=True)

    async def _bring_up(self) -> None:
        settings = await self._read_settings()
        await self._ground.releases.checkout(self.record.commit)
        self._go_on(DeploymentStatus.BUILDING, settings=settings)
        surroundings = await self._surroundings()
        self._go_on(DeploymentStatus.DEPLOYING)
        if settings.pre_deploy_command is not None:
            await self._pre_deploy(settings.pre_deploy_command, surroundings)
        replicas = await self._start(settings, surroundings)
        await replicas.become_healthy(self._ground.store.wake)
        self._go_on(DeploymentStatus.READY)

    async def _read_settings(self) -> ServiceSettings:
        environment = self._ground.store.state.environment
        return await self._ground.releases.settings(self.record.commit, environment)

    async def _surroundings(self) -> Surroundings:
        return await self._ground.surroundings(
            self.record.commit,
            self.variables,
            partial(self.logbook.write, "build"),
            self.id,
        )

    async def _pre_deploy(self, command: str, surroundings: Surroundings) -> None:
        for words in commands_of(command):
            child = await Child.start(
                words,
                env=surroundings.of_command(),
                cwd=surroundings.checkout,
                write=partial(self.logbook.write, "pre-deploy"),
            )
            self._ground.note(f"{self.id}-pre-deploy", child.mark)
            try:
                async with asyncio.timeout(_PRE_DEPLOY_TIMEOUT):
                    code = await child.exited()
            except TimeoutError as error:
                raise PlatformError(
                    f"the pre-deploy command took longer than {_PRE_DEPLOY_TIMEOUT:g} "
                    "s",
                    remedy="look at what it waits for",
                ) from error
            finally:
                await child.end(_UNUSED_GRACE)
                self._ground.note(f"{self.id}-pre-deploy", None)
            if code:
                raise PlatformError(
                    f"the pre-deploy command ended with code {code}",
                    remedy="the deployment's log has its last words",
                )

    async def _start(
        self, settings: ServiceSettings, surroundings: Surroundings
    ) -> ReplicaSet:
        (command,) = commands_of(settings.start_command)
        sockets = lay_out(self.sockets, settings.replicas)
        replicas = []
        for number, socket in enumerate(sockets):
            name = f"{self.id}-{number}"
            write = partial(self.logbook.write, name)
            start = partial(
                Child.start,
                command,
                env=surroundings.of_replica(number, socket, settings),
                cwd=surroundings.checkout,
                write=write,
            )
            replicas.append(
                Replica(
                    *(name, socket, settings),
                    start=start,
                    write=write,
                    note=self._ground.note,
                    token=self.variables.get(_TOKEN) or None,
                )
            )
        self._replicas = ReplicaSet(replicas, settings, self._lost)
        self._replicas.start()
        return self._replicas

    def _lost(self, reason: str) -> None:
        """Nobody is left who could serve; before READY, bring_up says so itself."""
        if self.record.succeeded:
            self._came(DeploymentStatus.CRASHED, reason=self.clean(reason))

    def _go_on(self, status: DeploymentStatus, **fields: Any) -> None:
        """Writes a state down before it holds."""
        store = self._ground.store
        store.change(store.state.having(replace(self.record, status=status, **fields)))

    def _came(self, status: DeploymentStatus, *, reason: str) -> None:
        """Takes note of a state that holds already, or that nothing may prevent."""
        store, record = self._ground.store, self.record
        store.keep_up(store.state.having(replace(record, status=status, reason=reason)))

    def _explained(self, error: Exception) -> str:
        """The error, and the last lines that it may be understood by; no secrets."""
        expected = isinstance(error, OpsError | OSError)
        what = str(error) if expected else f"{type(error).__name__}: {error}"
        settings = self.record.settings
        path = None if settings is None else settings.healthcheck_path
        own = [
            line
            for line in self.logbook.tail(_LINES_READ)
            if not is_of_probe(line.text, path)
        ]
        lines = [f"  {line.replica}: {line.text[:300]}" for line in own[-_LAST_LINES:]]
        return self.clean("\n".join((what, *lines)))
