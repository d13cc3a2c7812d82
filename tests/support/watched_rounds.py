"""A watch over rounds that a test has written down, without a clock."""

from collections.abc import Mapping
from dataclasses import replace

from app.backend.deploy.watching.baseline import Baseline
from app.backend.deploy.watching.detector import advance, conclude
from app.backend.deploy.watching.limits import Limits
from app.backend.deploy.watching.samples import Outcome, Round, Sample
from app.backend.deploy.watching.verdict import Verdict
from app.backend.deploy.watching.watch_state import WatchState
from app.backend.health.models import Status
from tests.support.samples import EXPECTED, NETWORK, ROUTE, check, health, own, route

__all__ = ["BEFORE", "DOWN", "GOOD", "LIMITS", "NO_NETWORK", "verdict", "watched"]

LIMITS = Limits()
BEFORE = Baseline(
    checks={"application": Status.HEALTHY, "database": Status.HEALTHY},
    latencies={f"public:{ROUTE}": 0.01},
    codes={f"public:{ROUTE}": frozenset({200, 401})},
)
GOOD = (health(own(), check()), route())
NO_NETWORK = replace(NETWORK, outcome=Outcome.OWN_ERROR)
DOWN = (health(own(), check(status=Status.UNHEALTHY)), route(500))


def watched(
    *rounds: Round,
    baseline: Baseline = BEFORE,
    control: Mapping[str, bool | None] | None = None,
    network: Sample = NETWORK,
) -> WatchState:
    """One round every 10 s, in which the checks have just been looked at."""
    state = WatchState()
    for number, samples in enumerate(rounds):
        at = 10.0 * number
        fresh = tuple(
            replace(
                one,
                at=at,
                checks=tuple(
                    replace(c, looked=None if c.looked is None else at + c.looked)
                    for c in one.checks
                ),
            )
            for one in samples
        )
        state = advance(
            state,
            (*fresh, network),
            at=at,
            expected=EXPECTED,
            limits=LIMITS,
            baseline=baseline,
            control=control or {},
        )
        if state.decision is not None:
            break
    return state


def verdict(state: WatchState) -> Verdict:
    return conclude(state).verdict
