"""Secrets that tests let leak, and an error full of them."""

import base64

import pytest

__all__ = ["CANARY", "PASSWORD", "PRODUCTION", "TRACES", "URL", "caught", "fail"]

CANARY = "c4nary\"/+'\\é9 q7"
PASSWORD = "c4nary%2Fq7"
URL = f"postgresql://ops:{PASSWORD}@db.internal/ops"
# Pieces of the secrets that no encoding changes, and what base64 makes of them.
TRACES = ("c4nary", "q7", base64.b64encode(CANARY.encode()).decode()[:8])
PRODUCTION = {
    "ENVIRONMENT": "production",
    "OPENAI_API_KEY": CANARY,
    "DATABASE_URL": URL,
    "SECRET_KEY": "abc12",
}


def fail() -> None:
    """Raises an error with a chain, notes and locals that all hold the secret."""
    local = {"key": CANARY, "url": URL}
    try:
        local.pop(CANARY)
    except KeyError as cause:
        error = ValueError(f"cannot use {local}")
        error.add_note(f"note {CANARY}")
        raise error from cause


def caught() -> ValueError:
    with pytest.raises(ValueError, match="cannot use") as info:
        fail()
    return info.value
