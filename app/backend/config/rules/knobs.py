"""The addresses that checks are told to ask, with the vendors' keys in hand."""

from collections.abc import Iterator
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.model import EVERYWHERE, Broken, Facts, Rule, severities
from app.backend.config.settings import CHECKS, SDK_CHECKS
from app.backend.config.urls import (
    host_of,
    is_http,
    is_railways_own,
    is_this_machine,
    split_url,
)

__all__ = ["RULES"]

_VARIABLES: Final = tuple(f"HEALTH_{one.upper()}_BASE_URL" for one in sorted(CHECKS))
_BY_SDK: Final = ", ".join(sorted(SDK_CHECKS))
_PROBES: Final = tuple(f"HEALTH_{one.upper()}_PROBE" for one in sorted(CHECKS))
_PAGES: Final = tuple(f"HEALTH_{one.upper()}_STATUS_URL" for one in sorted(CHECKS))


def _addresses(facts: Facts) -> Iterator[tuple[str, str]]:
    """Those of the checks that there are; somebody's own may mean what they like."""
    for check, knobs in facts.config.health.checks.items():
        if check in CHECKS and knobs.base_url:
            yield f"HEALTH_{check.upper()}_BASE_URL", knobs.base_url.strip()


def _no_url(facts: Facts) -> Broken:
    for name, url in _addresses(facts):
        if not is_http(url):
            yield name, "is no http(s) URL"


def _no_page(facts: Facts) -> Broken:
    for check, knobs in facts.config.health.checks.items():
        url = (knobs.status_url or "").strip()
        if check in CHECKS and url and url.lower() != "off" and not is_http(url):
            yield f"HEALTH_{check.upper()}_STATUS_URL", "is neither a URL nor off"


def _no_sdk(facts: Facts) -> Broken:
    for check, knobs in facts.config.health.checks.items():
        if check in CHECKS - SDK_CHECKS and knobs.probe == "sdk":
            yield (
                f"HEALTH_{check.upper()}_PROBE",
                "is sdk, and there is no SDK to ask by",
            )


def _in_the_clear(facts: Facts) -> Broken:
    for name, url in _addresses(facts):
        parts, host = split_url(url), host_of(url) or ""
        near = is_this_machine(host) or is_railways_own(host)
        if host and not near and parts is not None and parts.scheme == "http":
            yield name, "is asked without TLS, so the vendor's key travels in the clear"


RULES: Final = (
    Rule(
        name="check-url",
        variables=_VARIABLES,
        severity=EVERYWHERE,
        reason="the check asks nobody by it, and stays unhealthy",
        remedy="write it as https:// and the host's name, or take the variable away",
        broken=_no_url,
    ),
    Rule(
        name="check-plain-http",
        variables=_VARIABLES,
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="each look sends the vendor's key to that address",
        remedy="write https://, and see that the address is the one that is meant",
        broken=_in_the_clear,
    ),
    Rule(
        name="check-probe",
        variables=_PROBES,
        severity=EVERYWHERE,
        reason="the check is refused at start, and the startup gate stays closed",
        remedy=f"take it away, or write http; by SDK can be asked: {_BY_SDK}",
        broken=_no_sdk,
    ),
    Rule(
        name="check-status-url",
        variables=_PAGES,
        severity=severities(Severity.WARNING, Severity.WARNING, Severity.WARNING),
        reason="no status page is read, so that no incident of the vendor's shows",
        remedy="name the page's summary.json, or write off",
        broken=_no_page,
    ),
)
