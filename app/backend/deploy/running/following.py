"""Looking at a deployment while it changes: its states, its log, its replicas."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from app.backend.deploy.planning.looking_back import LISTED
from app.backend.deploy.platforms.base import (
    Deployment,
    DeploymentStatus,
    Platform,
    ServiceSettings,
)
from app.backend.deploy.platforms.secrecy import secrets_among
from app.backend.deploy.running.patience import Patience
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import StepFailedError
from app.backend.monitoring.redaction import Redactor
from app.errors import ConfigError, PlatformError, PlatformUnreachableError

__all__ = [
    "PROGRESS_DEADLINE",
    "active_of",
    "follow",
    "is_ready",
    "is_serving",
    "last_lines",
    "listed",
    "redacted",
    "replicas_of",
    "serving",
    "tell_if_unknown",
]

T = TypeVar("T")

TAIL = 20
FAILED_REQUESTS = 5
LOG_DEADLINE = 5.0
SPARED = 25
"""Requests that are not spent on logs: the way back needs them."""
PROGRESS_DEADLINE = 300.0
"""Seconds without progress until a release is given up (contract §7)."""
_POLL = 1.0


def is_ready(deployment: Deployment) -> bool:
    """Whether it could take traffic, or takes it."""
    return deployment.status is DeploymentStatus.READY or is_serving(deployment)


def is_serving(deployment: Deployment) -> bool:
    """Whether it takes traffic."""
    return deployment.active or deployment.status is DeploymentStatus.SUCCESS


def tell_if_unknown(run: Run, deployment: Deployment) -> None:
    """Says that one serves of which nobody knows what its status means."""
    if deployment.status is DeploymentStatus.UNKNOWN:
        run.remark(f"{deployment.id} serves, and cannot be judged: {deployment.reason}")


async def follow(
    run: Run,
    deployment: str,
    good: Callable[[Deployment], bool],
    *,
    deadline: float,
    patient: bool = False,
) -> Deployment:
    """Waits until a deployment is good.

    Args:
        run: that waits.
        deployment: the platform's id.
        good: what it is to become.
        deadline: seconds for each state that it has not been in before: one that was
            queued for long may still take its time to be built.
        patient: what waits in a queue, or is still being built as it shows, is waited
            for longer; see :class:`.patience.Patience`.

    Raises:
        StepFailedError: it is over, or has come no further for that time.
        PlatformUnreachableError: the platform does not answer any more.
        InterruptedRunError, LeaseLostError: as :meth:`Run.wait` does.
    """
    following = _Following(run, deployment, good)
    patience = Patience(run, deadline) if patient else None
    while True:
        state = await _next(following, deadline, patience)
        if good(state):
            return state
        if state.status.is_over:
            why = f": {state.reason}" if state.reason else ""
            raise StepFailedError(
                f"{deployment} is {state.status}{why}",
                log=await last_lines(run, deployment),
            )
        following.seen.add(state.status)
        if patience is not None:
            patience.saw(state.status)


async def serving(platform: Platform) -> Deployment | None:
    """What users' requests go to; None: nothing."""
    return active_of(await platform.deployments(LISTED))


async def listed(run: Run, limit: int = LISTED) -> Sequence[Deployment]:
    """The newest deployments first. Raises as :meth:`Run.ask`."""
    platform = run.tools.platform
    return await run.ask("deployments", lambda: platform.deployments(limit))


def active_of(deployments: Iterable[Deployment]) -> Deployment | None:
    """The one that users' requests go to; None: none."""
    return next((one for one in deployments if one.active), None)


async def replicas_of(run: Run, deployment: str, commit: str) -> int:
    """How many replicas of one have to be met; 1 where that cannot be told.

    What it was really run with counts; else what its commit would be run with.
    """
    platform = run.tools.platform

    async def settings() -> ServiceSettings:
        with suppress(PlatformError):
            if ran_with := (await platform.deployment(deployment)).ran_with:
                return ran_with
        return await platform.settings(commit)

    try:
        return (await run.ask("settings", settings)).probed
    except (ConfigError, PlatformError):
        return 1


async def last_lines(run: Run, deployment: str) -> tuple[str, ...]:
    """The newest lines of a deployment's log, redacted; none where they are hidden."""
    lines: list[str] = []
    made = await run.tools.platform.requests()
    if made is not None and made.left is not None and made.left < SPARED:
        return ()
    with suppress(PlatformError, TimeoutError):
        async with asyncio.timeout(LOG_DEADLINE):
            logs = run.tools.platform.logs(deployment, limit=TAIL)
            async with _closing(logs) as found:
                async for line in found:
                    # Not a comprehension: what came before a timeout counts.
                    lines.append(f"{line.replica} {line.text}")  # noqa: PERF401
    lines = lines[-TAIL:] + await _failed_requests(run, deployment)
    return await redacted(run, lines, deployment) if lines else ()


async def _failed_requests(run: Run, deployment: str) -> list[str]:
    """What only the edge knows: requests that its users saw fail."""
    with suppress(PlatformError, TimeoutError):
        async with asyncio.timeout(LOG_DEADLINE):
            found = await run.tools.platform.http_logs(
                deployment, failed=True, limit=FAILED_REQUESTS
            )
        return [f"edge {one.text}" for one in found or ()]
    return []


async def redacted(
    run: Run, lines: Iterable[str], deployment: str | None = None
) -> tuple[str, ...]:
    """The last of these lines, without secrets.

    Args:
        run: whose tools are asked.
        lines: that somebody else has written.
        deployment: whose variables they may show; None: today's.
    """
    hidden = [*run.tools.config.secrets()]
    for whose in dict.fromkeys((deployment, None)):
        with suppress(ConfigError, PlatformError, TimeoutError):
            async with asyncio.timeout(LOG_DEADLINE):
                hidden += secrets_among(await run.tools.platform.variables(whose))
    redact = Redactor(hidden).redact
    return tuple(map(redact, tuple(lines)[-TAIL - FAILED_REQUESTS :]))


@dataclass(slots=True)
class _Following:
    """How far a deployment has been followed.

    Attributes:
        seen: states that it has been in.
        last: as it was seen last; None: it has not been.
        told: what the reader was told last.
    """

    run: Run
    deployment: str
    good: Callable[[Deployment], bool]
    seen: set[DeploymentStatus] = field(default_factory=set)
    last: Deployment | None = None
    told: str = ""

    def is_new(self, state: Deployment) -> bool:
        """Whether it has come somewhere."""
        ended = self.good(state) or state.status.is_over
        return ended or state.status not in self.seen

    def saw(self, state: Deployment) -> None:
        """Says where it stands when that changes; how it ends, its step says."""
        self.last = state
        why = state.reason.partition("\n")[0]
        line = f"{state.id} is {state.status}{f': {why}' if why else ''}"
        ended = self.good(state) or state.status.is_over
        if line != self.told and not ended:
            self.run.detail(line)
        self.told = line


async def _next(
    following: _Following, deadline: float, patience: Patience | None
) -> Deployment:
    """The next state that is new.

    Raises:
        StepFailedError: there is none for ``deadline`` seconds, or for longer.
    """
    run, deployment = following.run, following.deployment
    seconds, waited = deadline, 0.0
    while True:
        waited += seconds
        with suppress(TimeoutError):
            async with run.tools.clock.within(seconds):
                return await run.wait(_until_new(following))
        known = following.last
        seconds = await _more(patience, known)
        if seconds:
            continue
        # What was seen last may be some time old; nobody is given up for that.
        state = await run.ask("deployment", lambda: _now(run, deployment))
        if following.is_new(state):
            return state
        if known is None or state.status is not known.status:
            seconds = await _more(patience, state)
        if not seconds:
            raise StepFailedError(
                f"{deployment} is still {state.status} after {round(waited, 1):g} s",
                log=await last_lines(run, deployment),
            )


async def _more(patience: Patience | None, state: Deployment | None) -> float:
    """Seconds for which it is waited for on; 0: nobody knows why it should be."""
    if patience is None or state is None:
        return 0.0
    return await patience.more(state)


async def _until_new(following: _Following) -> Deployment:
    """Follows it over restarts of the platform."""
    run, deployment = following.run, following.deployment
    while True:
        with suppress(PlatformUnreachableError):
            async with _closing(run.tools.platform.follow(deployment)) as states:
                async for state in states:
                    following.saw(state)
                    if following.is_new(state):
                        return state
        state = await run.ask("follow", lambda: _now(run, deployment))
        if following.is_new(state):
            return state
        await run.tools.clock.sleep(_POLL)


async def _now(run: Run, deployment: str) -> Deployment:
    return await run.tools.platform.deployment(deployment)


@asynccontextmanager
async def _closing(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Ends a generator where it stands; other iterators have nothing to end."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
