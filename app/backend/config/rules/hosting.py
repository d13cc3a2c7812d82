"""How the service presents itself: debug, limits, host names, and the time to drain."""

from typing import Final

from app.backend.config.draining import divide_drain
from app.backend.config.findings import Severity
from app.backend.config.rules.model import (
    EVERYWHERE,
    QUOTES,
    Broken,
    Facts,
    Rule,
    severities,
)
from app.backend.config.urls import is_http

__all__ = ["RULES"]

_HOSTS = "ALLOWED_HOSTS"
_DRAIN = "RAILWAY_DEPLOYMENT_DRAINING_SECONDS"
_TELL_HOSTS = ("PM33_PUBLIC_URL", "RAILWAY_PUBLIC_DOMAIN", "RAILWAY_PRIVATE_DOMAIN")


def _debug(facts: Facts) -> Broken:
    if facts.text("DEBUG") and facts.config.server.debug:
        yield "DEBUG", "is on"


def _unlimited(facts: Facts) -> Broken:
    if facts.config.security.rate_limit_enabled is False:
        yield "RATE_LIMIT_ENABLED", "is off"


def _any_host(facts: Facts) -> Broken:
    written = (facts.text(_HOSTS) or "").split(",")  # or as a list of JSON's
    if "*" in {one.strip(f"[ ]{QUOTES}") for one in written}:
        yield _HOSTS, "lets every host name in"


def _hosts_are_open(facts: Facts) -> bool:
    """Nothing here tells which host names are ours."""
    sealed = facts.variables.sealed.intersection((_HOSTS, *_TELL_HOSTS))
    told = facts.text(_HOSTS) or facts.config.allowed_hosts
    return not told and not sealed


def _is_elsewhere(facts: Facts) -> bool:
    """The variables are for Railway, and it adds its own when the service starts."""
    platform = facts.config.deployment.platform
    return platform != "local" and not facts.config.railway.present


def _no_hosts(facts: Facts) -> Broken:
    if _hosts_are_open(facts) and not _is_elsewhere(facts):
        yield _HOSTS, "is not set, and nothing else tells which host names are ours"


def _hosts_to_come(facts: Facts) -> Broken:
    if _hosts_are_open(facts) and _is_elsewhere(facts):
        yield _HOSTS, "is not set: on Railway, the service's domains will be in it"


def _bad_public_url(facts: Facts) -> Broken:
    text = facts.text("PM33_PUBLIC_URL")
    if text is not None and not is_http(text):
        yield "PM33_PUBLIC_URL", "is no http(s) URL"


def _too_short(facts: Facts) -> Broken:
    """For Railway, where the time counts, unless it is said to be elsewhere."""
    config, budget = facts.config, facts.config.railway.draining_seconds
    if budget is None:
        return
    on_railway = config.railway.present or _is_elsewhere(facts)
    drain = divide_drain(config, on_railway=on_railway)
    if drain.excess > 0:
        yield _DRAIN, f"gives {budget:g} s, and the drain needs {drain.needed:g} s"
    elif config.server.drain_timeout is None and drain.in_flight == 0:
        yield _DRAIN, f"gives {budget:g} s, and none is left for requests in flight"


def _untold_drain(facts: Facts) -> bool:
    return not facts.is_there(_DRAIN)


def _no_drain(facts: Facts) -> Broken:
    if _untold_drain(facts) and facts.config.railway.present:
        yield _DRAIN, "is not set, so nobody knows when Railway sends SIGKILL"


def _drain_to_come(facts: Facts) -> Broken:
    if _untold_drain(facts) and _is_elsewhere(facts):
        yield _DRAIN, "is not set, so the service cannot know how long it has to drain"


RULES: Final = (
    Rule(
        name="debug",
        variables=("DEBUG",),
        severity=severities(Severity.ERROR, Severity.INFO),
        reason="the specification disables debug in production: tracebacks show code"
        " and values to anybody",
        remedy="take the variable away; production's default is off",
        broken=_debug,
    ),
    Rule(
        name="rate-limit",
        variables=("RATE_LIMIT_ENABLED",),
        severity=severities(Severity.ERROR, Severity.INFO),
        reason="the specification enables rate limiting in production",
        remedy="take the variable away; production's default is on",
        broken=_unlimited,
    ),
    Rule(
        name="any-host",
        variables=(_HOSTS,),
        severity=severities(Severity.ERROR, Severity.WARNING),
        reason="the specification configures allowed hosts in production; links and"
        " caches can be poisoned through a Host header that nobody checks",
        remedy="name the hosts, separated by commas; *.example.com is all below one",
        broken=_any_host,
    ),
    Rule(
        name="allowed-hosts",
        variables=(_HOSTS,),
        severity=severities(production=Severity.WARNING),
        reason="the specification configures allowed hosts in production",
        remedy="set it, or PM33_PUBLIC_URL, whose host is then allowed",
        broken=_no_hosts,
    ),
    Rule(
        name="allowed-hosts-by-railway",
        variables=(_HOSTS,),
        severity=severities(production=Severity.WARNING),
        reason="Railway tells a service its public and its private domain",
        remedy="set it only if the service has other names as well",
        broken=_hosts_to_come,
    ),
    Rule(
        name="public-url",
        variables=("PM33_PUBLIC_URL",),
        severity=dict.fromkeys(EVERYWHERE, Severity.WARNING),
        reason="the pipeline probes it, and its host is allowed",
        remedy="write it as https:// and the host's name",
        broken=_bad_public_url,
    ),
    Rule(
        name="drain-budget",
        variables=(_DRAIN,),
        severity=EVERYWHERE,
        reason="lame duck, requests in flight and closing must end 2 s before SIGKILL",
        remedy="raise it, or lower PM33_LAME_DUCK, PM33_DRAIN_TIMEOUT or"
        " PM33_CLOSE_TIMEOUT",
        broken=_too_short,
    ),
    Rule(
        name="drain-budget-untold",
        variables=(_DRAIN,),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="without it the drain cannot be made to fit",
        remedy="set it to drainingSeconds of railway.toml",
        broken=_no_drain,
    ),
    Rule(
        name="drain-budget-by-railway",
        variables=(_DRAIN,),
        severity=severities(production=Severity.WARNING),
        reason="drainingSeconds of railway.toml sets the time, 0 s by default, and does"
        " not tell the service",
        remedy="set it to drainingSeconds of railway.toml",
        broken=_drain_to_come,
    ),
)
