"""The two steps that only look: the gate before the switch, the bake after it."""

from collections.abc import Callable
from typing import Final

from app.backend.deploy.leasing import lease_name
from app.backend.deploy.running.looking import last_lines
from app.backend.deploy.running.order import (
    baseline_of,
    limits_of,
    order_of,
    release_of,
)
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import (
    Facts,
    PausedRunError,
    Step,
    StepFailedError,
    no_call,
    nothing,
)
from app.backend.deploy.watching.gate import GateLimits, gate
from app.backend.deploy.watching.samples import Expected
from app.backend.deploy.watching.verdict import Verdict
from app.backend.deploy.watching.watch import watch
from app.backend.deploy.watching.watch_state import WatchState
from app.backend.deploy.watching.weighing import Mark
from app.errors import JournalError, LeaseLostError

__all__ = ["BAKE", "GATE"]

PROGRESS_DEADLINE = 300.0
"""Seconds without one more healthy replica until the gate stays shut."""
_ROUND = 1.0


async def _gate(run: Run) -> Facts:
    order, tools, deployment = order_of(run), run.tools, release_of(run)
    serves = (await tools.platform.deployment(deployment)).active
    url = await tools.platform.url() if serves else None
    hold = float(order.plan["gate_hold"])
    report = await run.wait(
        gate(
            tools.prober(deployment, url=url),
            expected=Expected(deployment, run.state.commit),
            limits=GateLimits(
                replicas=int(order.settings["replicas"]),
                hold=hold,
                deadline=PROGRESS_DEADLINE,
                interval=min(_ROUND, max(hold / 3, 0.1)),
            ),
            baseline=baseline_of(run),
            control=tools.control,
            clock=tools.clock,
        )
    )
    if not report.passed:
        raise StepFailedError(
            report.reason,
            evidence=report.to_dict(),
            log=await last_lines(run, deployment),
        )
    return {"gate": report.to_dict(), "meaning": f"it is healthy for {hold:g} s"}


async def _bake(run: Run) -> Facts:
    order, tools, deployment = order_of(run), run.tools, release_of(run)
    seconds = float(order.plan["bake"])
    if not order.request.monitor:
        return {"meaning": "not watched, as asked"}
    run.say(f"          watching {deployment} for {seconds:g} s")
    watching = watch(
        tools.prober(deployment, url=await tools.platform.url()),
        expected=Expected(deployment, run.state.commit),
        seconds=seconds,
        limits=limits_of(run),
        baseline=baseline_of(run),
        control=tools.control,
        on_round=_teller(run),
        clock=tools.clock,
    )
    try:
        report = await run.wait(watching)
    except LeaseLostError as error:
        if await _may_be_anothers(run):
            raise
        raise PausedRunError(f"nobody watches any more: {error}", {}) from error
    match report.verdict:
        case Verdict.OK:
            meaning = f"good for {seconds:g} s"
            return {"verdict": "ok", "watch": report.to_dict(), "meaning": meaning}
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


def _teller(run: Run) -> Callable[[WatchState], None]:
    """Says when rounds turn bad, and when they are good again."""
    last = "good"

    def tell(state: WatchState) -> None:
        nonlocal last
        record = state.records[-1]
        word = _WORDS.get(record.mark, "unclear")
        if word != last:
            why = f": {record.evidence[0].reason or 'slow'}" if record.evidence else ""
            run.say(f"          round {state.counts.rounds} is {word}{why}")
        last = word

    return tell


_WORDS = {Mark.OK: "good", Mark.HARD: "bad", Mark.SOFT: "bad"}

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
