"""A family of services: which are configured, joined with what their checks found."""

from collections.abc import Callable, Collection, Mapping

from app.backend.config.environment import Config
from app.backend.health.models import CheckResult, Failure, Status
from app.backend.health.snapshot import CheckView

__all__ = ["JoinedCheck", "Verdicts", "ai_services", "join", "monitoring"]

Verdicts = Callable[[str], CheckView | None]
"""What is known of a check by its name; None: nobody asks."""


class JoinedCheck:
    """Waits for nobody: the services' own checks ask, this one reads their verdicts.

    Args:
        name: of the check.
        services: whether each one is configured; their names are their checks'.
        required: whether a missing one is a fault (production) or a choice.
        verdicts: what their checks found.
    """

    shared = True
    period = 5.0
    # Hysteresis is in the verdicts already.
    fall = 1
    rise = 1

    def __init__(
        self,
        name: str,
        services: Mapping[str, bool],
        *,
        required: bool,
        verdicts: Verdicts,
    ) -> None:
        self.name = name
        self._services = dict(services)
        self._required = required
        self._verdicts = verdicts

    async def probe(self) -> CheckResult:
        """Joins configuration and verdicts; the worse of the two decides."""
        present = sorted(name for name, there in self._services.items() if there)
        missing = sorted(self._services.keys() - set(present))
        views = [view for view in map(self._verdicts, present) if view is not None]
        asked = [view for view in views if view.status is not Status.SKIPPED]
        data = {
            "configured": present,
            "missing": missing,
            "verdicts": {view.name: view.status for view in asked},
        }
        found = join(asked, data)
        if self._required and missing and found.status is not Status.UNHEALTHY:
            return CheckResult.degraded(
                Failure.CONFIG,
                f"not configured: {', '.join(missing)}",
                remedy="set their variables, or name them in PM33_DISABLED_SERVICES",
                **data,
            )
        if not present:
            return CheckResult.skipped("none of its services is configured")
        return found


def join(views: Collection[CheckView], data: Mapping[str, object]) -> CheckResult:
    """Healthy: all are, or nobody asks them. Degraded: at least one answers.

    Unhealthy: none does. Unknown: a first verdict is still to come, so that a start
    shows no status that is taken back a moment later; or all verdicts are too old.

    Args:
        views: of the services' checks.
        data: for the result.
    """
    early = [view.name for view in views if view.checked_at is None]
    if early:
        return CheckResult(
            status=Status.UNKNOWN, message=f"no verdict yet: {_list(early)}", data=data
        )
    statuses = {view.status for view in views}
    if statuses <= {Status.HEALTHY}:
        return CheckResult(status=Status.HEALTHY, data=data)
    if statuses & {Status.HEALTHY, Status.DEGRADED}:
        status = Status.DEGRADED
    else:
        status = Status.UNHEALTHY if Status.UNHEALTHY in statuses else Status.UNKNOWN
    troubled = [view for view in views if view.status is not Status.HEALTHY]
    worst = max(troubled, key=lambda view: view.status.severity)
    names = [view.name for view in troubled]
    return CheckResult(
        status=status,
        failure=worst.failure,
        message=", ".join(f"{view.name} is {view.status}" for view in troubled),
        remedy=f"see the {'check' if len(names) == 1 else 'checks'} {_list(names)}",
        data=data,
    )


def ai_services(config: Config, verdicts: Verdicts) -> JoinedCheck:
    """Anthropic, OpenAI, Together."""
    keys = {
        "anthropic": config.ai.anthropic_api_key,
        "openai": config.ai.openai_api_key,
        "together": config.ai.together_api_key,
    }
    return _check("ai_services", keys, config, verdicts)


def monitoring(config: Config, verdicts: Verdicts) -> JoinedCheck:
    """Sentry, PostHog, Slack."""
    keys = {
        "sentry": config.monitoring.sentry_dsn,
        "posthog": config.monitoring.posthog_project_api_key,
        "slack": config.monitoring.slack_webhook,
    }
    return _check("monitoring", keys, config, verdicts)


def _check(
    name: str, keys: Mapping[str, object], config: Config, verdicts: Verdicts
) -> JoinedCheck:
    uses = config.services.uses
    wanted = {name: bool(key) for name, key in keys.items() if uses(name)}
    return JoinedCheck(name, wanted, required=config.is_production, verdicts=verdicts)


def _list(names: Collection[str]) -> str:
    return ", ".join(names)
