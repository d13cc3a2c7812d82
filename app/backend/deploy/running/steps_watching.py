"""The two steps that only look: the gate before the switch, the bake after it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from app.backend.deploy.leasing import lease_name
from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.running.deploy_order import (
    baseline_of,
    limits_of,
    order_of,
    release_of,
)
from app.backend.deploy.running.following import PROGRESS_DEADLINE, last_lines
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import (
    Facts,
    PausedRunError,
    Step,
    StepFailedError,
    SupersededRunError,
    no_call,
    nothing,
)
from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.gate import GateLimits, gate
from app.backend.deploy.watching.progress import GateProgress, WatchProgress
from app.backend.deploy.watching.samples import Expected
from app.backend.deploy.watching.verdict import Verdict
from app.backend.deploy.watching.watch import watch
from app.errors import JournalError, LeaseLostError, NotAuthorizedError, PlatformError

__all__ = ["BAKE", "GATE", "prove"]

_ROUND = 1.0


@contextmanager
def _looking() -> Iterator[None]:
    """That the platform does not let us look is no fault of the release."""
    try:
        yield
    except NotAuthorizedError as error:
        told = f"it cannot be watched: {error}; {error.remedy}"
        raise PausedRunError(told, {}) from error


async def _gate(run: Run) -> Facts:
    with _looking():
        return await _pass(run)


async def _pass(run: Run) -> Facts:
    order, platform, deployment = order_of(run), run.tools.platform, release_of(run)
    now = await run.ask("deployment", lambda: platform.deployment(deployment))
    hold, limits = float(order.plan["gate_hold"]), limits_of(run)
    try:
        facts = await prove(
            run,
            Expected(deployment, run.state.commit),
            url=await run.url() if now.active else None,
            baseline=baseline_of(run),
            limits=GateLimits(
                replicas=ServiceSettings.from_dict(order.settings).probed,
                hold=hold,
                deadline=PROGRESS_DEADLINE,
                interval=min(_ROUND, max(hold / 3, 0.1)),
                # What users get is no better for being asked about before the bake.
                patience=limits.threshold * limits.interval if now.active else None,
            ),
        )
    except StepFailedError as failure:
        who = await _keeps_out(run, failure)
        if who is None:
            raise
        told = f"{who} keeps machines out: {failure}"
        raise PausedRunError(told, failure.evidence) from failure
    return {**facts, "meaning": f"it is healthy for {hold:g} s"}


async def _keeps_out(run: Run, failure: StepFailedError) -> str | None:
    """Who has kept the gate from seeing anything; None: the release is at fault."""
    if failure.evidence.get("verdict") != Verdict.INCONCLUSIVE:
        return None
    with suppress(PlatformError):
        if await run.tools.platform.shielded():
            return "the platform"
    # It may not have said so: its token may not see that, or its edge has a limit.
    return "somebody on users' way" if failure.evidence.get("kept_out") else None


async def prove(
    run: Run,
    expected: Expected,
    *,
    url: str | None,
    baseline: Baseline,
    limits: GateLimits,
) -> Facts:
    """Sees that a deployment answers as itself, and well.

    Raises:
        StepFailedError: it does not.
        InterruptedRunError, LeaseLostError: as :meth:`Run.wait` does.
    """
    tools = run.tools
    report = await run.wait(
        gate(
            tools.prober(expected.deployment, url=url),
            expected=expected,
            limits=limits,
            baseline=baseline,
            control=tools.control,
            on_round=GateProgress(
                run.detail,
                replicas=limits.replicas,
                hold=limits.hold,
                clock=tools.clock,
            ),
            clock=tools.clock,
        )
    )
    if not report.passed:
        raise StepFailedError(
            report.reason,
            evidence=report.to_dict(),
            log=await last_lines(run, expected.deployment),
        )
    return {"gate": report.to_dict()}


async def _bake(run: Run) -> Facts:
    with _looking():
        return await _watch(run)


async def _watch(run: Run) -> Facts:
    order, tools, deployment = order_of(run), run.tools, release_of(run)
    seconds = float(order.plan["bake"])
    if not order.request.monitor or seconds == 0:
        return {"meaning": "not watched, as asked"}
    run.detail(f"watching {deployment} for {seconds:g} s")
    limits = limits_of(run)
    watching = watch(
        tools.prober(deployment, url=await run.url()),
        expected=Expected(deployment, run.state.commit),
        seconds=seconds,
        limits=limits,
        baseline=baseline_of(run),
        control=tools.control,
        on_round=WatchProgress(
            run.detail, seconds=seconds, limits=limits, clock=tools.clock
        ),
        clock=tools.clock,
    )
    try:
        report = await run.wait(watching)
    except LeaseLostError as error:
        if await _may_be_anothers(run):
            raise
        raise PausedRunError(f"nobody watches any more: {error}", {}) from error
    for one in report.remarks:
        run.remark(one)
    match report.verdict:
        case Verdict.OK:
            meaning = f"good for {seconds:g} s"
            return {"verdict": "ok", "watch": report.to_dict(), "meaning": meaning}
        case Verdict.INCONCLUSIVE if report.superseded:
            raise SupersededRunError(report.reason, report.to_dict())
        case Verdict.INCONCLUSIVE:
            raise PausedRunError(report.reason, report.to_dict())
        case Verdict.FAIL:
            raise StepFailedError(
                report.reason,
                verdict="fail",
                evidence=report.to_dict(),
                log=await last_lines(run, deployment),
            )


async def _may_be_anothers(run: Run) -> bool:
    """Not while the state database is away: then nobody can have taken the lease."""
    try:
        await run.tools.leases.held(lease_name(run.tools.environment))
    except JournalError:
        return False
    return True


GATE: Final = Step(
    name="gate",
    duty="sees every replica of the release itself healthy for a while",
    intend=nothing,
    call=no_call,
    settle=_gate,
)
BAKE: Final = Step(
    name="bake",
    duty="watches the release as users see it",
    intend=nothing,
    call=no_call,
    settle=_bake,
)
