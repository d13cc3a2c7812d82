"""Looking at a deployment while it changes: its states, its log, its replicas."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from app.backend.deploy.planning.survey import LISTED
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus, Platform
from app.backend.deploy.platforms.secrecy import secrets_among
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
]

T = TypeVar("T")

TAIL = 20
FAILED_REQUESTS = 5
LOG_DEADLINE = 5.0
PROGRESS_DEADLINE = 300.0
"""Seconds without progress until a release is given up (contract §7)."""
_POLL = 1.0


def is_ready(deployment: Deployment) -> bool:
    """Whether it could take traffic, or takes it."""
    return deployment.status is DeploymentStatus.READY or is_serving(deployment)


def is_serving(deployment: Deployment) -> bool:
    """Whether it takes traffic."""
    return deployment.active or deployment.status is DeploymentStatus.SUCCESS


async def follow(
    run: Run, deployment: str, good: Callable[[Deployment], bool], *, deadline: float
) -> Deployment:
    """Waits until a deployment is good.

    Raises:
        StepFailedError: it is over, or not good within ``deadline`` seconds.
        PlatformUnreachableError: the platform does not answer any more.
        InterruptedRunError, LeaseLostError: as :meth:`Run.wait` does.
    """
    try:
        async with asyncio.timeout(deadline):
            state = await run.wait(_until(run, deployment, good))
    except TimeoutError:
        state = await run.ask("deployment", lambda: _now(run, deployment))
        if not good(state):
            raise StepFailedError(
                f"{deployment} is still {state.status} after {deadline:g} s",
                log=await last_lines(run, deployment),
            ) from None
    if not good(state):
        why = f": {state.reason}" if state.reason else ""
        raise StepFailedError(
            f"{deployment} is {state.status}{why}",
            log=await last_lines(run, deployment),
        )
    return state


async def serving(platform: Platform) -> Deployment | None:
    """What users' requests go to; None: nothing."""
    return active_of(await platform.deployments(LISTED))


async def listed(run: Run) -> Sequence[Deployment]:
    """The newest deployments first. Raises as :meth:`Run.ask`."""
    platform = run.tools.platform
    return await run.ask("deployments", lambda: platform.deployments(LISTED))


def active_of(deployments: Iterable[Deployment]) -> Deployment | None:
    """The one that users' requests go to; None: none."""
    return next((one for one in deployments if one.active), None)


async def replicas_of(run: Run, commit: str) -> int:
    """How many replicas a commit is run with; 1 where that cannot be told."""
    platform = run.tools.platform
    try:
        return (await run.ask("settings", lambda: platform.settings(commit))).replicas
    except PlatformError:
        return 1


async def last_lines(run: Run, deployment: str) -> tuple[str, ...]:
    """The newest lines of a deployment's log, redacted; none where they are hidden."""
    lines: list[str] = []
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


async def _until(
    run: Run, deployment: str, good: Callable[[Deployment], bool]
) -> Deployment:
    """Follows it over restarts of the platform until it is good or over."""
    told = ""
    while True:
        with suppress(PlatformUnreachableError):
            async with _closing(run.tools.platform.follow(deployment)) as states:
                async for state in states:
                    told = told if good(state) else _tell(run, state, told)
                    if good(state) or state.status.is_over:
                        return state
        state = await run.ask("follow", lambda: _now(run, deployment))
        if good(state) or state.status.is_over:
            return state
        await run.tools.clock.sleep(_POLL)


def _tell(run: Run, state: Deployment, told: str) -> str:
    """Says where it stands when that changes; how it ends, its step says."""
    why = state.reason.partition("\n")[0]
    line = f"{state.id} is {state.status}{f': {why}' if why else ''}"
    if line != told and not state.status.is_over:
        run.detail(line)
    return line


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
