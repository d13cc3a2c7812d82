"""Settings of the health system, of its checks, and of its loops."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr

from app.backend.config.settings.values import (
    Duration,
    Flag,
    Group,
    Names,
    PositiveSeconds,
    Seconds,
    parse_duration,
)

__all__ = ["CHECKS", "SDK_CHECKS", "CheckKnobs", "HealthSettings", "OpsSettings"]

CHECKS: Final = frozenset(
    {
        *("application", "database", "cache", "system", "ai_services", "monitoring"),
        *("anthropic", "openai", "together", "pinecone", "supabase", "resend"),
        *("stripe", "sentry", "posthog", "slack"),
    }
)
"""The checks that come with the service.

``HEALTH_CHECK_TIMEOUT`` may set one of somebody's own, or be another program's.
"""

SDK_CHECKS: Final = frozenset({"anthropic", "openai", "together", "pinecone"})
"""Those that can ask by the SDK that the application itself uses."""

_Span = Annotated[PositiveSeconds, BeforeValidator(parse_duration)]


class CheckKnobs(Group):
    """What ``HEALTH_<CHECK>_*`` may change of one check; None leaves its default."""

    enabled: Flag | None = Field(None, description="Whether the check runs at all.")
    critical: Flag | None = Field(
        None, description="Whether its failure makes the whole service unhealthy."
    )
    shared: Flag | None = Field(
        None,
        description="Whether all replicas depend on the same thing; such a check never "
        "takes one of them out of rotation.",
    )
    gate: Flag | None = Field(
        None, description="Whether its failure holds the startup gate."
    )
    period: _Span | None = Field(
        None, description="Seconds from one look to the next, a day at most."
    )
    timeout: _Span | None = Field(
        None, description="Seconds after which a look has failed, a day at most."
    )
    fall: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Worse results in a row that make the status worse."
    )
    rise: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="Better results in a row that make the status better."
    )
    min_time: Duration | None = Field(
        None, description="Seconds that a status lasts at least."
    )
    backoff: Flag | None = Field(
        None,
        description="Whether looks become rarer while one is refused; no looks again "
        "after each period.",
    )
    budget: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Calls per hour at most; 0 sets no limit."
    )
    base_url: str | None = Field(
        None, description="URL to ask instead of the vendor's own."
    )
    probe: Literal["http", "sdk"] | None = Field(
        None,
        description="How the vendor is asked: http, the default, or by the SDK that "
        "the application uses (anthropic, openai, together, pinecone).",
    )
    status_url: str | None = Field(
        None,
        description="URL of the vendor's status page, in the form of Statuspage's "
        "summary.json, instead of the known one; off asks none.",
    )


class HealthSettings(Group):
    """The health system as a whole; what is told to one check is in ``checks``.

    What the file of declared checks refers to as ``${NAME}`` is in ``references``.
    """

    extra_checks: Names = Field(
        (),
        alias="HEALTH_EXTRA_CHECKS",
        description="Further checks, as in package.module:object.",
    )
    checks_file: Path | None = Field(
        None,
        alias="HEALTH_CHECKS_FILE",
        description="TOML file of further checks that need no code: HTTP, TCP, TLS, "
        "DNS, SQL, heartbeats.",
    )
    gate_grace: Seconds = Field(
        60.0,
        alias="HEALTH_GATE_GRACE",
        description="Seconds for which a dependency's outage holds the startup gate.",
    )
    stale_periods: float = Field(
        3.0,
        alias="HEALTH_STALE_PERIODS",
        ge=1,
        le=100,
        description="Periods after which a result is too old and the status unknown.",
    )
    lag_warning: PositiveSeconds = Field(
        0.5,
        alias="HEALTH_LAG_WARNING",
        description="Seconds of the event loop's lag from which the process counts as "
        "overloaded.",
    )
    checks: dict[str, CheckKnobs] = Field(default_factory=dict)
    references: dict[str, SecretStr] = Field(default_factory=dict)


class OpsSettings(Group):
    """How often the service tells the fleet that it lives, and asks for overrides."""

    replica_heartbeat: PositiveSeconds = Field(
        10.0,
        alias="PM33_REPLICA_HEARTBEAT",
        description="Seconds from one sign of life of a replica to the next; it counts "
        "as gone after 30.",
    )
    override_poll: PositiveSeconds = Field(
        2.0,
        alias="PM33_OVERRIDE_POLL",
        description="Seconds after which a replica looks for overrides of its health.",
    )
