"""Forms that only the service's start or its first request would tell to be wrong."""

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.model import (
    EVERYWHERE,
    QUOTES,
    Broken,
    Facts,
    Rule,
    severities,
)
from app.backend.config.urls import keeps_secrets

__all__ = ["RULES"]

_HOSTS = "ALLOWED_HOSTS"
_PROXIES = "TRUSTED_PROXIES"
_RAILWAY = "PM33_RAILWAY_API_URL"
_EXTRA = "HEALTH_EXTRA_CHECKS"
_OBJECT = re.compile(r"[^\s:/]+:[^\s:/]+")
# Without a name the object is called app, as uvicorn's users expect.
_APPLICATION = re.compile(r"[^\s:/]+(?::[^\s:/]+)?")
# Of all below one, too, as Starlette (*.) and Django (.) write it.
_HOST = re.compile(r"\*|(?:\*?\.)?[\w-]+(?:\.[\w-]+)*\.?")


def _no_hosts(facts: Facts) -> Broken:
    text = facts.text(_HOSTS)
    if text is None:
        return
    hosts = [one.strip(f"[ ]{QUOTES}") for one in facts.config.security.allowed_hosts]
    if not hosts:
        yield _HOSTS, "names no host at all"
    for number, host in enumerate(hosts, 1):
        blank = any(one.isspace() for one in host)  # told as what was pasted
        if not blank and host.isascii() and not _is_host(host):
            yield _HOSTS, f"is no list of host names: entry {number} is none"


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return True


def _no_object(facts: Facts) -> Broken:
    mount = facts.config.server.mount
    if mount is not None and not _APPLICATION.fullmatch(mount.strip()):
        yield "PM33_MOUNT", "names no object of a module"
    metadata = facts.config.migrations.metadata
    if metadata is not None and not _OBJECT.fullmatch(metadata.strip()):
        yield "PM33_METADATA", "names no object of a module"
    for number, path in enumerate(facts.config.health.extra_checks, 1):
        if not _OBJECT.fullmatch(path):
            yield _EXTRA, f"names no object of a module in entry {number}"


def _proxies(facts: Facts) -> Iterator[str]:
    for part in (facts.text(_PROXIES) or "").split(","):
        if part.strip():
            yield part.strip()


def _no_proxies(facts: Facts) -> Broken:
    for number, one in enumerate(_proxies(facts), 1):
        try:
            ip_network(one)
        except ValueError:
            if one != "*":
                told = f"entry {number} is no address, and none is believed by it"
                yield _PROXIES, told


def _any_proxy(facts: Facts) -> Broken:
    """Where something else than one proxy can reach the service."""
    only_proxy = facts.config.railway.present or facts.config.server.socket
    known = facts.config.deployment.platform == "local" and not only_proxy
    if known and "*" in set(_proxies(facts)):
        yield _PROXIES, "believes whoever asks"


def _in_the_clear(facts: Facts) -> Broken:
    if not keeps_secrets(facts.config.deployment.railway_api_url):
        yield _RAILWAY, "is no https:// address"


RULES: Final = (
    Rule(
        name="host-names",
        variables=(_HOSTS,),
        severity=severities(Severity.ERROR, Severity.WARNING, Severity.WARNING),
        reason="a Host header is compared without scheme, port and path, so that no"
        " request would match",
        remedy="write the names alone, separated by commas: pm33.app,*.pm33.app",
        broken=_no_hosts,
    ),
    Rule(
        name="import-path",
        variables=("PM33_MOUNT", "PM33_METADATA", _EXTRA),
        severity=EVERYWHERE,
        reason="it is imported when the service starts, and nothing could be",
        remedy="write it as package.module:object (PM33_MOUNT: or package.module, whose"
        " object is then called app)",
        broken=_no_object,
    ),
    Rule(
        name="trusted-proxies",
        variables=(_PROXIES,),
        severity=severities(Severity.ERROR, Severity.WARNING, Severity.WARNING),
        reason="a name is not looked up, nor is an address with bits beyond its mask a"
        " network; X-Forwarded headers would not be believed",
        remedy="write addresses or networks, separated by commas: 10.0.0.7,10.1.0.0/16",
        broken=_no_proxies,
    ),
    Rule(
        name="any-proxy",
        variables=(_PROXIES,),
        severity=severities(Severity.WARNING),
        reason="any client could claim another address and scheme by a header",
        remedy="name the proxy's address, unless nobody else can reach the service",
        broken=_any_proxy,
    ),
    Rule(
        name="railway-api-url",
        variables=(_RAILWAY,),
        severity=EVERYWHERE,
        reason="the token for Railway would travel in the clear, so that nothing is"
        " asked there",
        remedy="take it away; Railway's own is the default",
        broken=_in_the_clear,
    ),
)
