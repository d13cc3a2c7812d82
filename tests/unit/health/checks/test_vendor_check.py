import time
from collections.abc import Iterator

import httpx
import pytest
from typing_extensions import override

from app.backend.clients import FailedAnswer, Outcomes
from app.backend.config.environment import Config
from app.backend.health.checks.vendor import Answer, Read
from app.backend.health.checks.vendor_check import TERMS, VendorCheck, vendor_checks
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import CheckResult, Failure, Status
from app.backend.health.registry import Registry
from tests.support.judging import config_of
from tests.support.plausible import LIST

CONFIG = config_of()


class Wire(VendorPool):
    """A pool of connections to nobody."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.opened = 0
        self._error = error

    @override
    async def open(self) -> None:
        self.opened += 1
        await super().open()

    @override
    async def client(self) -> httpx.AsyncClient:
        if self._error is not None:
            raise self._error
        return httpx.AsyncClient(transport=httpx.MockTransport(_nobody))


def _nobody(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("there is no network", request=request)


class Credential:
    """One that always gets the same verdict."""

    name = "slack"
    proves = True

    def __init__(self, variable: str, verdict: CheckResult) -> None:
        self.variables = (variable,)
        self._verdict = verdict

    def read(self, config: Config) -> Read | None:
        del config
        return Read(url="http://127.0.0.1/", headers={})

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        del answer, config
        return self._verdict


async def judged(*verdicts: CheckResult) -> CheckResult:
    vendors = [Credential(f"KEY_{n}", one) for n, one in enumerate(verdicts)]
    return await VendorCheck(vendors, CONFIG, Wire()).probe()


def failed(failure: Failure, wait: float | None = None) -> CheckResult:
    status = Status.UNHEALTHY if failure is Failure.TIMEOUT else Status.DEGRADED
    return CheckResult(status=status, failure=failure, retry_after=wait)


def complete() -> Iterator[VendorCheck]:
    yield from vendor_checks(VENDORS, config_of(**LIST), VendorPool())


def test_every_service_is_one_check_with_terms_of_its_own() -> None:
    checks = [*complete()]

    assert [check.name for check in checks] == [*dict.fromkeys(v.name for v in VENDORS)]
    assert {check.name for check in checks} == TERMS.keys()
    assert all(check.calls for check in checks)


def test_by_default_all_are_shared_uncritical_and_within_their_budgets() -> None:
    registry = Registry()
    for check in complete():
        registry.add(check)

    policies = [entry.policy for entry in registry]
    assert all(one.shared and one.backoff and one.budget for one in policies)
    assert not any(one.critical or one.gate for one in policies)


def test_each_credential_counts_against_the_budget() -> None:
    config = config_of(SLACK_BOT_TOKEN="xoxb", **LIST)
    calls = {
        one.name: one.calls for one in vendor_checks(VENDORS, config, VendorPool())
    }

    assert calls["slack"] == calls["supabase"] == 2
    assert calls["openai"] == 1


def test_a_timeout_that_is_set_bounds_the_read_as_well() -> None:
    config = config_of(HEALTH_STRIPE_TIMEOUT="3")
    timeouts = {c.name: c.timeout for c in vendor_checks(VENDORS, config, VendorPool())}

    assert timeouts["stripe"] == 3
    assert timeouts["openai"] == 10


@pytest.mark.parametrize("value", ["http://[", "://", "é☃ ~", "a\nb", "x" * 9000, "%"])
def test_no_value_keeps_a_check_from_being_built(value: str) -> None:
    blamed = {variable for vendor in VENDORS for variable in vendor.variables}
    bases = {f"HEALTH_{name.upper()}_BASE_URL" for name in TERMS}
    config = config_of(**dict.fromkeys(blamed | bases, value))

    assert len(vendor_checks(VENDORS, config, VendorPool())) == len(TERMS)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "set ANTHROPIC_API_KEY"),
        ({"ANTHROPIC_API_KEY": "x", "PM33_DISABLED_SERVICES": "Anthropic"}, ""),
    ],
)
async def test_what_is_not_wanted_is_skipped_and_opens_nothing(
    variables: dict[str, str], said: str
) -> None:
    pool = Wire()
    check = vendor_checks(VENDORS, config_of(**variables), pool)[0]
    result = await check.probe()

    assert (check.name, check.calls, pool.opened) == ("anthropic", 0, 0)
    assert (result.status, result.remedy) == (Status.SKIPPED, said)


async def test_of_two_credentials_the_worse_verdict_decides() -> None:
    result = await judged(failed(Failure.AUTH), failed(Failure.TIMEOUT))

    assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.TIMEOUT)
    assert result.data["variable"] == "KEY_1"
    assert result.data["credentials"] == [
        {"variable": "KEY_0", "status": "degraded"},
        {"variable": "KEY_1", "status": "unhealthy"},
    ]


async def test_both_waits_are_kept() -> None:
    result = await judged(failed(Failure.AUTH, 5), failed(Failure.RATE_LIMIT, 900))

    assert (result.failure, result.retry_after) == (Failure.AUTH, 900)


async def test_one_that_is_well_blames_nothing_and_tells_its_latency() -> None:
    result = await judged(CheckResult.healthy(http_status=200))

    assert result.data == {"http_status": 200}
    assert result.latency_ms is not None


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError("canary"), ValueError("canary"), ImportError("canary")],
    ids=repr,
)
async def test_a_client_that_cannot_be_opened_is_a_fault_of_configuration(
    error: Exception,
) -> None:
    check = VendorCheck([Credential("KEY", failed(Failure.AUTH))], CONFIG, Wire(error))
    result = await check.probe()

    assert (result.status, result.failure) == (Status.UNHEALTHY, Failure.CONFIG)
    assert "canary" not in repr(result)
    assert result.remedy


async def test_what_traffic_tells_need_not_be_asked() -> None:
    pool, seen = Wire(), Outcomes()
    credential = Credential("KEY", CheckResult.healthy(http_status=200))
    check = VendorCheck([credential], CONFIG, pool, traffic=seen)
    await check.probe()
    seen.succeeded("POST", time.monotonic())
    told = await check.probe()

    assert (pool.opened, told.status) == (1, Status.HEALTHY)
    assert told.data["source"] == "traffic"
    assert told.data["http_status"] == 200

    seen.failed(FailedAnswer(at=time.monotonic(), method="POST", status=500))
    assert "source" not in (await check.probe()).data
    assert pool.opened == 2


async def test_what_other_replicas_find_is_corrected_by_a_refusal_met_here() -> None:
    seen, found = Outcomes(), CheckResult.healthy(observed_by="another")
    credential = Credential("KEY", failed(Failure.QUOTA))
    check = VendorCheck([credential], CONFIG, Wire(), traffic=seen)
    seen.succeeded("POST", time.monotonic())
    assert check.corrected(found) is found

    seen.failed(FailedAnswer(at=time.monotonic(), method="POST", status=429))
    corrected = check.corrected(found)
    assert corrected.failure is Failure.QUOTA
    assert corrected.data["source"] == "traffic"
    silent = CheckResult.unhealthy(Failure.TIMEOUT, "no answer", remedy="see the way")
    assert check.corrected(silent) is silent

    seen.succeeded("POST", time.monotonic())
    assert check.corrected(found) is found


async def test_a_period_that_is_set_is_how_long_a_success_is_fresh() -> None:
    config = config_of(STRIPE_SECRET_KEY="sk_test_x", HEALTH_STRIPE_PERIOD="0.01")
    seen = Outcomes()
    checks = vendor_checks(VENDORS, config, Wire(), {"stripe": seen})
    [check] = [one for one in checks if one.name == "stripe"]
    seen.succeeded("POST", time.monotonic() - 1)

    assert "source" not in (await check.probe()).data


async def test_a_pool_opens_one_client_for_all_and_may_be_opened_again() -> None:
    pool = VendorPool()
    first = await pool.client()
    assert await pool.client() is first
    await pool.close()
    await pool.close()
    assert first.is_closed

    second = await pool.client()
    assert not second.is_closed
    await pool.close()
