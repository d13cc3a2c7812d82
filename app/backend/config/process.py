"""The variables of this very process, read and judged at once."""

import os

from app.backend.config.environment import Config, get_config
from app.backend.config.findings import Finding
from app.backend.config.validation import validate
from app.backend.config.variables import PROCESS, Variables

__all__ = ["judged_config"]


def judged_config() -> tuple[Config, tuple[Finding, ...]]:
    """What a service is set to, and what the rules of its environment say of that.

    It is the verdict of ``pm33 env validate``, offline; the startup gate shows it.

    Raises:
        ConfigError: ``HOST`` or ``PORT`` cannot be used.
    """
    config = get_config()
    _, findings = validate(Variables(values=os.environ, source=PROCESS), None)
    return config, findings
