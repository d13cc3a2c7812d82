"""Watches what serves, until stopped; goes back when it turns bad."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.backend.deploy.pipeline import new_run_id
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.report import Ending, RunReport
from app.backend.deploy.request import MonitorRequest, RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.running.following import serving
from app.backend.deploy.tools import Tools
from app.backend.deploy.watching.baseline import take_baseline
from app.backend.deploy.watching.clock import pause
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.progress import WatchProgress
from app.backend.deploy.watching.samples import Expected
from app.backend.deploy.watching.verdict import Rule, Verdict
from app.backend.deploy.watching.watch import WatchReport, watch
from app.backend.deploy.watching.watch_state import Counts
from app.errors import (
    LeaseHeldError,
    NoWayBackError,
    PlatformUnreachableError,
    PreflightError,
)

__all__ = ["monitor"]

_ROUND = 1.0
_UNWATCHED = "it was stopped, and nobody watches any more"


async def monitor(request: MonitorRequest, tools: Tools) -> RunReport:
    """Watches what is active; a deployment that takes its place is watched instead.

    It holds no lease while it watches, and writes nothing down: a rollback that it
    begins is a run like any other. While somebody else is at work it does nothing
    but watch, since whoever deploys looks after that release. Nor does a platform that
    is away for a time end it.

    Raises:
        PreflightError: nothing serves.
        PlatformUnreachableError: the platform does not answer to begin with.
    """
    active = await serving(tools.platform)
    if active is None:
        raise PreflightError(
            "nothing serves that could be watched", remedy="deploy first: `pm33 deploy`"
        )
    return await _Watchman(request, tools, active).work()


class _Watchman:
    def __init__(
        self, request: MonitorRequest, tools: Tools, active: Deployment
    ) -> None:
        self._request = request
        self._tools = tools
        self._active = active
        self._began: datetime = tools.now()
        self._id = new_run_id(self._began)
        now = tools.clock.time()
        self._ends = None if request.seconds is None else now + request.seconds

    async def work(self) -> RunReport:
        while True:
            try:
                done = await self._turn()
            except PlatformUnreachableError as error:
                done = await self._sit_out(error)
            if done is not None:
                return done

    async def _turn(self) -> RunReport | None:
        """Watches one deployment; None when there is more to be watched."""
        report = await self._watch()
        if report.stopped:
            return self._stopped(report)
        now = await serving(self._tools.platform)
        if now is not None and now.id != self._active.id:
            self._active = now
            return None
        if report.superseded:
            # Somebody is about to put another one there, or has taken this one away.
            return await self._pause(report)
        match report.verdict:
            case Verdict.OK:
                return self._report(Ending.DONE, report)
            case Verdict.INCONCLUSIVE:
                return self._report(Ending.PAUSED, report)
            case Verdict.FAIL:
                return await self._bad(report)

    async def _sit_out(self, error: PlatformUnreachableError) -> RunReport | None:
        """It is back within seconds, as a rule; a watch has to outlive that."""
        self._tools.say(f"the platform does not answer: {error}; asking again")
        blind = WatchReport(
            verdict=Verdict.INCONCLUSIVE,
            rule=Rule.TIME,
            reason=str(error),
            counts=Counts(),
            seconds=0.0,
        )
        return await self._pause(blind)

    async def _pause(self, report: WatchReport) -> RunReport | None:
        """Until the next look; a report when it was the last one."""
        clock, stop, left = self._tools.clock, self._tools.interrupt.event, self._left()
        interval = self._limits.interval
        if await pause(clock, interval if left is None else min(interval, left), stop):
            return self._stopped(report)
        if self._ends is not None and clock.time() >= self._ends:
            bad = report.verdict is Verdict.FAIL
            return self._report(Ending.STRANDED if bad else Ending.PAUSED, report)
        return None

    async def _watch(self) -> WatchReport:
        tools, active = self._tools, self._active
        tools.say(f"watching {active.commit[:12]} ({active.id})")
        prober = tools.prober(active.id, url=await tools.platform.url())
        # What it answers now is not taken for good: it may be bad already.
        baseline = await take_baseline(
            prober, interval=self._spacing(), itself=True, clock=tools.clock
        )
        left = self._left()
        limits = replace(self._limits, punctual=self._is_short(left))
        return await watch(
            prober,
            expected=Expected(active.id, active.commit),
            seconds=left,
            limits=limits,
            baseline=baseline,
            control=tools.control,
            on_round=WatchProgress(
                tools.say, seconds=left, limits=limits, clock=tools.clock
            ),
            stop=tools.interrupt.event,
            clock=tools.clock,
        )

    def _left(self) -> float | None:
        if self._ends is None:
            return None
        return max(0.0, self._ends - self._tools.clock.time())

    def _spacing(self) -> float:
        """Seconds between the baseline's rounds, of which there are three."""
        left = self._left()
        return _ROUND if left is None else min(_ROUND, left / 4)

    def _is_short(self, left: float | None) -> bool:
        """Whether a failure could not even be found in that time.

        A question that is open then stays open: who asks for three seconds waits no
        half a minute for an answer.
        """
        limits = self._limits
        return left is not None and left < limits.threshold * limits.interval

    @property
    def _limits(self) -> Limits:
        settings, asked = self._tools.config.deployment, self._request
        return Limits(
            threshold=asked.failure_threshold or settings.failure_threshold,
            interval=asked.monitor_interval or settings.monitor_interval,
        )

    async def _bad(self, report: WatchReport) -> RunReport | None:
        """Goes back; None when it cannot be done now, so that watching goes on."""
        self._tools.say(f"it has turned bad: {report.reason}")
        if not self._request.rollback:
            return self._report(Ending.STRANDED, report)
        back = RollbackRequest(
            environment=self._request.environment,
            actor=self._request.actor,
            reason=f"{self._request.reason}: {report.reason}",
            allow_rebuild=True,
            verdict=report.verdict,
        )
        try:
            done = await roll_back(back, self._tools)
        except NoWayBackError as error:
            return self._report(Ending.STRANDED, report, trouble=str(error))
        except (LeaseHeldError, PlatformUnreachableError, PreflightError) as error:
            self._tools.say(f"not rolled back: {error}")
            return await self._pause(report)
        restored = done.ending is Ending.RESTORED
        return replace(
            done,
            kind="monitor",
            ending=Ending.ROLLED_BACK if restored else done.ending,
            verdict="fail",
            cause=f"{report.reason}; then {done.cause}"
            if done.cause
            else report.reason,
            evidence=report.to_dict(),
        )

    def _stopped(self, report: WatchReport) -> RunReport:
        return self._report(Ending.INTERRUPTED, replace(report, reason=_UNWATCHED))

    def _report(
        self, ending: Ending, report: WatchReport, *, trouble: str = ""
    ) -> RunReport:
        good = ending is Ending.DONE
        cause = f"{report.reason}; then {trouble}" if trouble else report.reason
        evidence: Mapping[str, Any] = report.to_dict()
        where = f"-e {self._request.environment}"
        stranded = ending is Ending.STRANDED
        return RunReport(
            kind="monitor",
            run=self._id,
            environment=self._tools.environment,
            platform=self._tools.platform.name,
            ending=ending,
            commit=self._active.commit,
            deployment=self._active.id,
            serves=self._active,
            verdict=report.verdict,
            cause="" if good else cause,
            evidence=evidence,
            notes=report.remarks,
            next_command=f"pm33 rollback {where}" if stranded else "",
            started_at=self._began,
            ended_at=self._tools.now(),
        )
