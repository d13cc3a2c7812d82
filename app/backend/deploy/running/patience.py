"""For how much longer a deployment is waited for that stays in one state.

A build takes ten minutes and more, a queue is as long as it is; neither has to be the
fault of a release. Each wait has its bound, and the reader is told of it.
"""

from typing import Final

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.running.run import Run

__all__ = ["QUEUE_DEADLINE", "Patience"]

QUEUE_DEADLINE: Final = 7500.0
"""Seconds in a platform's queue. GitHub's checks have two hours at Railway, which then
says itself what comes of that; five minutes are for that word to come."""

_QUEUED: Final = frozenset({DeploymentStatus.QUEUED, DeploymentStatus.WAITING})
_BUILT: Final = frozenset({DeploymentStatus.BUILDING, DeploymentStatus.DEPLOYING})
_GROWTH: Final = 0.5
_MINUTE: Final = 60.0


class Patience:
    """How long one deployment is queued, and how long it is built and started.

    Args:
        run: that waits, and says so.
        deadline: seconds without a sign of getting on.
    """

    def __init__(self, run: Run, deadline: float) -> None:
        self._run = run
        self._deadline = deadline
        self._since: dict[frozenset[DeploymentStatus], float] = {}

    def saw(self, status: DeploymentStatus) -> None:
        """It has come to this state now."""
        for phase in (_QUEUED, _BUILT):
            if status in phase:
                self._since.setdefault(phase, self._run.tools.clock.time())

    async def more(self, state: Deployment) -> float:
        """Seconds for which it is waited for on; 0: it is to be given up.

        Raises:
            PlatformUnreachableError: the platform does not answer.
            InterruptedRunError, LeaseLostError: as :meth:`Run.ask` does.
        """
        if state.status in _QUEUED:
            phase, limit = _QUEUED, QUEUE_DEADLINE
            why = state.reason.partition("\n")[0] or "the platform has not begun it"
        elif state.status in _BUILT and await self._gets_on(state.id):
            phase, limit = _BUILT, self._run.tools.config.deployment.build_timeout
            why = "it gets on"
        else:
            return 0.0
        now = self._run.tools.clock.time()
        lasting = now - self._since.get(phase, now)
        left = limit - lasting
        if left <= 0.0:
            return 0.0
        self._run.detail(
            f"{state.id} is still {state.status}: {why}; it is given up in"
            f" {left / _MINUTE:.0f} min"
        )
        # Each look is a request or two: what takes long is looked at less often.
        return min(left, max(self._deadline, lasting * _GROWTH))

    async def _gets_on(self, deployment: str) -> bool:
        platform = self._run.tools.platform
        seconds = await self._run.ask("progress", lambda: platform.silence(deployment))
        return seconds is not None and seconds < self._deadline
