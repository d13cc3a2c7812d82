"""Which services of a family are configured; their live checks join in later."""

from collections.abc import Mapping

from app.backend.config.environment import Config
from app.backend.health.models import CheckResult, Failure, Status

__all__ = ["ConfiguredCheck", "ai_services", "monitoring"]


class ConfiguredCheck:
    """Tells which services have what they need to be used.

    Args:
        name: of the check.
        services: whether each one is configured.
        required: whether a missing one is a fault (production) or a choice.
    """

    shared = True
    period = 60.0

    def __init__(
        self, name: str, services: Mapping[str, bool], *, required: bool
    ) -> None:
        self.name = name
        self._services = dict(services)
        self._required = required

    async def probe(self) -> CheckResult:
        """Reads the configuration; waits for nothing."""
        present = sorted(name for name, there in self._services.items() if there)
        missing = sorted(self._services.keys() - set(present))
        data = {"configured": present, "missing": missing}
        if self._required and missing:
            return CheckResult.degraded(
                Failure.CONFIG,
                f"not configured: {', '.join(missing)}",
                remedy="set their variables, or name them in PM33_DISABLED_SERVICES",
                **data,
            )
        if not present:
            return CheckResult.skipped("none of its services is configured")
        return CheckResult(status=Status.HEALTHY, data=data)


def ai_services(config: Config) -> ConfiguredCheck:
    """Anthropic, OpenAI, Together."""
    keys = {
        "anthropic": config.ai.anthropic_api_key,
        "openai": config.ai.openai_api_key,
        "together": config.ai.together_api_key,
    }
    return _check(
        "ai_services", {name: bool(key) for name, key in keys.items()}, config
    )


def monitoring(config: Config) -> ConfiguredCheck:
    """Sentry, PostHog, Slack."""
    keys = {
        "sentry": config.monitoring.sentry_dsn,
        "posthog": config.monitoring.posthog_project_api_key,
        "slack": config.monitoring.slack_webhook,
    }
    return _check("monitoring", keys, config)


def _check(name: str, keys: Mapping[str, object], config: Config) -> ConfiguredCheck:
    uses = config.services.uses
    wanted = {name: bool(key) for name, key in keys.items() if uses(name)}
    return ConfiguredCheck(name, wanted, required=config.is_production)
