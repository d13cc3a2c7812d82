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
from app.backend.deploy.running.looking import serving
from app.backend.deploy.tools import Tools
from app.backend.deploy.watching.baseline import Baseline, take_baseline
from app.backend.deploy.watching.clock import pause
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.samples import Expected
from app.backend.deploy.watching.verdict import Verdict
from app.backend.deploy.watching.watch import WatchReport, watch
from app.errors import (
    LeaseHeldError,
    NoWayBackError,
    PlatformUnreachableError,
    PreflightError,
)

__all__ = ["monitor"]


async def monitor(request: MonitorRequest, tools: Tools) -> RunReport:
    """Watches what is active; a deployment that takes its place is watched instead.

    It holds no lease while it watches, and writes nothing down: a rollback that it
    begins is a run like any other. While somebody else is at work it does nothing
    but watch, since whoever deploys looks after that release.

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
            report = await self._watch()
            if report.stopped:
                return self._report(Ending.INTERRUPTED, report)
            now = await self._serving()
            if now is not None and now.id != self._active.id:
                self._active = now
                continue
            match report.verdict:
                case Verdict.OK:
                    return self._report(Ending.DONE, report)
                case Verdict.INCONCLUSIVE:
                    return self._report(Ending.PAUSED, report)
                case Verdict.FAIL:
                    done = await self._bad(report)
                    if done is not None:
                        return done

    async def _watch(self) -> WatchReport:
        tools, active = self._tools, self._active
        tools.say(f"watching {active.commit[:12]} ({active.id})")
        prober = tools.prober(active.id, url=await tools.platform.url())
        found = await take_baseline(prober, clock=tools.clock)
        left = None if self._ends is None else self._ends - tools.clock.time()
        return await watch(
            prober,
            expected=Expected(active.id, active.commit),
            seconds=None if left is None else max(0.0, left),
            limits=self._limits,
            # What it answers now is not taken for good: it may be bad already.
            baseline=Baseline(
                checks=found.checks, latencies=found.latencies, traffic=found.traffic
            ),
            control=tools.control,
            stop=tools.interrupt.event,
            clock=tools.clock,
        )

    @property
    def _limits(self) -> Limits:
        settings, asked = self._tools.config.deployment, self._request
        return Limits(
            threshold=asked.failure_threshold or settings.failure_threshold,
            interval=asked.monitor_interval or settings.monitor_interval,
        )

    async def _bad(self, report: WatchReport) -> RunReport | None:
        """Goes back; None when somebody else is at work, so that watching goes on."""
        self._tools.say(f"it has turned bad: {report.reason}")
        if not self._request.rollback:
            return self._report(Ending.STRANDED, report)
        back = RollbackRequest(
            environment=self._request.environment,
            actor=self._request.actor,
            reason=f"{self._request.reason}: {report.reason}",
            allow_rebuild=True,
        )
        try:
            done = await roll_back(back, self._tools)
        except NoWayBackError as error:
            return self._report(Ending.STRANDED, report, trouble=str(error))
        except (LeaseHeldError, PlatformUnreachableError) as error:
            self._tools.say(f"not rolled back: {error}")
            clock, interval = self._tools.clock, self._limits.interval
            await pause(clock, interval, self._tools.interrupt.event)
            return None
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

    async def _serving(self) -> Deployment | None:
        """None when the platform does not say; then what served is believed to."""
        try:
            return await serving(self._tools.platform)
        except PlatformUnreachableError:
            return None

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
            next_command=f"pm33 rollback {where}" if stranded else "",
            started_at=self._began,
            ended_at=self._tools.now(),
        )
