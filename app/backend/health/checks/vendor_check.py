"""A vendor as a scheduled check: all of its credentials, proven at the same time."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType
from typing import Final

from app.backend.clients import Outcomes
from app.backend.config.environment import Config
from app.backend.health.checks.vendor import Asking, Read, Vendor, read_of
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.checks.vendor_sdks import SDKS, sdk_asking
from app.backend.health.checks.vendor_traffic import OwnLook, judge_traffic
from app.backend.health.models import CheckResult, Failure

__all__ = ["TERMS", "Terms", "VendorCheck", "vendor_checks"]

_TIMEOUT = 10.0
_READ_SHARE = 0.9
"""The read ends before the attempt does, so that its own words are reported."""
_LEAST_SHARE = 0.1
"""What is left for the read where opening the pool has taken the rest."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How often a vendor is asked by default.

    Attributes:
        period: seconds.
        budget: calls per hour at most, each credential's counted.
    """

    period: float
    budget: int


_PER_REQUEST = Terms(60.0, budget=120)
_BESIDE = Terms(300.0, budget=60)

TERMS: Final[Mapping[str, Terms]] = {
    # In the way of users' requests: a minute, so that a fault shows after two. Lists of
    # models cost nothing, and count apart from completions.
    "anthropic": _PER_REQUEST,
    "openai": _PER_REQUEST,
    "together": _PER_REQUEST,
    "pinecone": _PER_REQUEST,
    # Its limit is 25 reads a second in test mode, 100 live.
    "stripe": _PER_REQUEST,
    # Two credentials.
    "supabase": Terms(60.0, budget=240),
    # Two requests a second for a whole team, sending included.
    "resend": _BESIDE,
    # Nobody's request waits for these; two credentials may be asked of the first two.
    "sentry": _BESIDE,
    "slack": _BESIDE,
    "posthog": _BESIDE,
}
"""By the vendor's name. A budget is about twice what the period needs."""


class VendorCheck:
    """One service of the list in ``vendors.py``.

    Args:
        vendors: its credentials, one or two of the same name.
        config: with their values.
        asking: what is asked through; closed together with the check.
        timeout: seconds for an attempt.
        traffic: what came of the application's own calls; None: it has no client.
    """

    shared = True
    once_per_fleet = True
    backoff = True

    def __init__(
        self,
        vendors: Sequence[Vendor],
        config: Config,
        asking: Asking,
        *,
        timeout: float = _TIMEOUT,
        traffic: Outcomes | None = None,
    ) -> None:
        self.name = vendors[0].name
        self.period = TERMS[self.name].period
        self.budget = TERMS[self.name].budget
        self.timeout = timeout
        reads = [(vendor, read_of(vendor, config)) for vendor in vendors]
        self._reads = tuple((vendor, read) for vendor, read in reads if read)
        self._variables = [vendor.variables[0] for vendor in vendors]
        self.blames = {"variable": self._variables[0]}
        self._config = config
        self._asking = asking
        self.calls = len(self._reads)
        self.subject = _subject(config, [read for _, read in self._reads])
        self._traffic = traffic
        self._own: OwnLook | None = None

    async def probe(self) -> CheckResult:
        """Asks for each credential once; the worse verdict decides.

        Nobody is asked where the application's own calls have told enough.
        """
        if not self._reads:
            return self._skipped()
        if (told := self._told()) is not None:
            return told
        entered = time.monotonic()
        try:
            await self._asking.open()
        except (OSError, ValueError, ImportError) as error:
            return CheckResult.unhealthy(
                Failure.CONFIG,
                # The kind alone: a proxy's address may hold a password.
                f"no request can be made at all ({type(error).__name__})",
                remedy="See SSL_CERT_FILE, SSL_CERT_DIR and the variables of proxies"
                " (HTTPS_PROXY, ALL_PROXY).",
            )

        left = self.timeout * _READ_SHARE - (time.monotonic() - entered)
        deadline = max(left, self.timeout * _LEAST_SHARE)
        asked = (self._proven(*pair, deadline) for pair in self._reads)
        result = _joined(await asyncio.gather(*asked))
        self._own = OwnLook(time.monotonic(), result)
        return result

    def corrected(self, result: CheckResult) -> CheckResult:
        """The refusal that this replica's own calls have met, if that is worse.

        Another replica may ask for all of them, and its list of models succeeds with
        an exhausted quota.
        """
        told = self._told() if self._reads else None
        if told is None or told.status.severity <= result.status.severity:
            return result
        return told

    def _told(self) -> CheckResult | None:
        if self._traffic is None:
            return None
        knobs = self._config.health.checks.get(self.name)
        return judge_traffic(
            self._reads[0][0],
            self._traffic,
            self._own,
            self._config,
            now=time.monotonic(),
            period=(knobs and knobs.period) or self.period,
        )

    async def _proven(
        self, vendor: Vendor, read: Read, seconds: float
    ) -> tuple[Vendor, CheckResult]:
        began = time.monotonic()
        answer = await self._asking.ask(read, timeout=seconds)
        result = vendor.judge(answer, self._config)
        return vendor, replace(result, latency_ms=(time.monotonic() - began) * 1000)

    async def close(self) -> None:
        """Closes what is asked through, which several may share."""
        await self._asking.close()

    def _skipped(self) -> CheckResult:
        if not self._config.services.uses(self.name):
            return CheckResult.skipped("named in PM33_DISABLED_SERVICES")
        wanted = " or ".join(self._variables)
        return CheckResult.skipped("not configured", remedy=f"set {wanted}")


def vendor_checks(
    vendors: Sequence[Vendor],
    config: Config,
    pool: VendorPool,
    traffic: Mapping[str, Outcomes] = MappingProxyType({}),
) -> tuple[VendorCheck, ...]:
    """One check for each name; credentials of one name stand side by side.

    Args:
        vendors: all of them.
        config: with their values and knobs.
        pool: over which those are asked that no SDK is wanted for.
        traffic: what came of the application's own calls, by the vendor's name.
    """
    checks = []
    for name, group in groupby(vendors, key=lambda vendor: vendor.name):
        knobs = config.health.checks.get(name)
        timeout = (knobs and knobs.timeout) or _TIMEOUT
        asking: Asking = pool
        if knobs and knobs.probe == "sdk" and name in SDKS:
            asking = sdk_asking(name, config, timeout * _READ_SHARE)
        seen = traffic.get(name)
        checks.append(
            VendorCheck(tuple(group), config, asking, timeout=timeout, traffic=seen)
        )
    return tuple(checks)


def _subject(config: Config, reads: Sequence[Read]) -> str:
    """What the answers depend on; secret, and hashed before it is told to anybody."""
    asked = [(one.method, one.url, sorted(one.headers.items())) for one in reads]
    return f"{config.environment} {asked} {[one.content for one in reads]}"


def _joined(found: Sequence[tuple[Vendor, CheckResult]]) -> CheckResult:
    """The worst of them; what each one is stands in the data."""
    vendor, worst = max(found, key=lambda pair: pair[1].status.severity)
    waits = [one.retry_after for _, one in found if one.retry_after is not None]
    data = dict(worst.data)
    if worst.failure:
        data.setdefault("variable", vendor.variables[0])
    if len(found) > 1:
        data["credentials"] = [
            {"variable": one.variables[0], "status": result.status}
            for one, result in found
        ]
    return replace(
        worst,
        data=data,
        latency_ms=max(result.latency_ms or 0.0 for _, result in found),
        retry_after=max(waits, default=None),
    )
