"""The groups of settings; each field's alias is the variable that sets it.

A field whose type is ``SecretStr`` is also read from the file that ``NAME_FILE``
names, and its value is registered with the redactor. A field's description is what
``.env.example`` and ``pm33 env explain`` say of its variable.
"""

from app.backend.config.settings.deployment import DeploymentSettings, RailwaySettings
from app.backend.config.settings.health import (
    CHECKS,
    SDK_CHECKS,
    CheckKnobs,
    HealthSettings,
    OpsSettings,
)
from app.backend.config.settings.limits import LimitSettings
from app.backend.config.settings.migrations import MigrationSettings
from app.backend.config.settings.monitoring import MonitoringSettings
from app.backend.config.settings.server import SecuritySettings, ServerSettings
from app.backend.config.settings.services import (
    AiSettings,
    PineconeSettings,
    ServiceSettings,
)
from app.backend.config.settings.storage import DatabaseSettings
from app.backend.config.settings.values import Group, parse_duration

__all__ = [
    "CHECKS",
    "SDK_CHECKS",
    "AiSettings",
    "CheckKnobs",
    "DatabaseSettings",
    "DeploymentSettings",
    "Group",
    "HealthSettings",
    "LimitSettings",
    "MigrationSettings",
    "MonitoringSettings",
    "OpsSettings",
    "PineconeSettings",
    "RailwaySettings",
    "SecuritySettings",
    "ServerSettings",
    "ServiceSettings",
    "parse_duration",
]
