import pytest

from app.backend.health.checks.joined import ai_services, join, monitoring
from app.backend.health.models import CheckResult, Failure, Status
from app.backend.health.snapshot import CheckView
from tests.support.health import EPOCH, view
from tests.support.judging import config_of

H, D, U, Q = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY, Status.UNKNOWN
KEYS = {
    "ANTHROPIC_API_KEY": "x",
    "OPENAI_API_KEY": "x",
    "TOGETHER_API_KEY": "x",
}
NAMES = ("anthropic", "openai", "together")
FAILURES = {D: Failure.AUTH, U: Failure.TIMEOUT}


def seen(name: str, status: Status) -> CheckView:
    return view(name, status, checked_at=EPOCH, failure=FAILURES.get(status))


async def asked(
    *statuses: Status | None, environment: str = "staging", **variables: str
) -> CheckResult:
    views = {
        name: seen(name, status)
        for name, status in zip(NAMES, statuses, strict=False)
        if status is not None
    }
    config = config_of(ENVIRONMENT=environment, **variables)
    return await ai_services(config, views.get).probe()


@pytest.mark.parametrize(
    ("statuses", "status", "failure"),
    [
        ((H, H, H), H, None),
        ((H, H, D), D, Failure.AUTH),
        ((D, D, D), D, Failure.AUTH),
        ((H, U, U), D, Failure.TIMEOUT),
        ((D, U, U), D, Failure.TIMEOUT),
        ((U, U, U), U, Failure.TIMEOUT),
        ((U, U, Q), U, Failure.TIMEOUT),
        ((H, H, Q), D, None),
        ((Q, Q, Q), Q, None),
    ],
    ids=str,
)
async def test_healthy_when_all_are_degraded_when_one_answers_unhealthy_when_none(
    statuses: tuple[Status, ...], status: Status, failure: Failure | None
) -> None:
    result = await asked(*statuses, **KEYS)

    assert (result.status, result.failure) == (status, failure)
    if status is not H:
        assert result.message
        assert all(
            (name in result.remedy) is (one is not H)
            for name, one in zip(NAMES, statuses, strict=True)
        )


async def test_nothing_is_said_before_each_has_its_first_verdict() -> None:
    early = view("openai", Status.UNKNOWN)
    result = join([seen("anthropic", U), early], {})

    assert (result.status, result.failure) == (Q, None)
    assert "openai" in result.message


@pytest.mark.parametrize("environment", ["production", "staging"])
async def test_whose_check_does_not_run_counts_as_configured(environment: str) -> None:
    result = await asked(None, H, Status.SKIPPED, environment=environment, **KEYS)

    assert result.status is H
    assert result.data["configured"] == [*NAMES]
    assert result.data["verdicts"] == {"openai": H}


@pytest.mark.parametrize(
    ("statuses", "status", "failure"),
    [
        ((H,), D, Failure.CONFIG),
        ((D,), D, Failure.CONFIG),
        ((U,), U, Failure.TIMEOUT),
        ((), D, Failure.CONFIG),
    ],
)
async def test_in_production_a_missing_one_degrades_unless_all_is_worse(
    statuses: tuple[Status, ...], status: Status, failure: Failure
) -> None:
    result = await asked(*statuses, environment="production", ANTHROPIC_API_KEY="x")

    assert (result.status, result.failure) == (status, failure)
    assert result.data["missing"] == ["openai", "together"]


async def test_elsewhere_a_missing_one_is_a_choice() -> None:
    assert (await asked(H, ANTHROPIC_API_KEY="x")).status is H
    assert (await asked()).status is Status.SKIPPED


async def test_what_is_disabled_is_neither_missing_nor_asked() -> None:
    result = await asked(
        U, H, H, environment="production", PM33_DISABLED_SERVICES="Anthropic", **KEYS
    )
    assert result.status is H
    assert result.data["configured"] == ["openai", "together"]


async def test_monitoring_joins_its_three() -> None:
    config = config_of(
        SENTRY_DSN="https://key@sentry.invalid/1",
        POSTHOG_PROJECT_API_KEY="x",
        PM33_SLACK_WEBHOOK="x",
    )
    views = {name: seen(name, D) for name in ("sentry", "posthog", "slack")}
    result = await monitoring(config, views.get).probe()

    assert result.status is D
    assert set(result.data["verdicts"]) == {"sentry", "posthog", "slack"}
