"""The variables that the settings know, looked up once."""

from typing import Final

from app.backend.config.environment import known_variables

__all__ = ["KNOWN", "SECRETS"]

KNOWN: Final = tuple(known_variables())
"""Every variable that sets a field."""

SECRETS: Final = tuple(name for name, secret in known_variables().items() if secret)
"""Those whose value nobody may see, and which a file may hold."""
