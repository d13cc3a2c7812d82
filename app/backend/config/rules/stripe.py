"""Stripe's modes: test keys move no money, live keys do (docs.stripe.com/keys)."""

import re
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.model import Broken, Facts, Rule, severities

__all__ = ["RULES"]

# Keys of an organisation have a third part: sk_org_live_.
_MODES: Final = {
    "STRIPE_SECRET_KEY": re.compile(r"[sr]k_(?:org_)?(live|test)_"),
    "STRIPE_PUBLISHABLE_KEY": re.compile(r"pk_(live|test)_"),
}
_KEYS = tuple(_MODES)


def _of_mode(mode: str, facts: Facts) -> Broken:
    for name, pattern in _MODES.items():
        match = pattern.match(facts.text(name) or "")
        if match and match[1] == mode:
            yield name, f"is a key of Stripe's {mode} mode"


def _test_keys(facts: Facts) -> Broken:
    return _of_mode("test", facts)


def _live_keys(facts: Facts) -> Broken:
    return _of_mode("live", facts)


RULES: Final = (
    Rule(
        name="stripe-test-key",
        variables=_KEYS,
        severity=severities(production=Severity.ERROR),
        reason="customers could not pay",
        remedy="use the live key of the same account",
        broken=_test_keys,
    ),
    Rule(
        name="stripe-live-key",
        variables=_KEYS,
        severity=severities(None, Severity.ERROR, Severity.ERROR),
        reason="real cards would be charged by tests (elizaOS/eliza#13779: staging"
        " was bound to the live key)",
        remedy="use the test key of the same account, and roll the live one if"
        " people who must not have it could read it",
        broken=_live_keys,
    ),
)
