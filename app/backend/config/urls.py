"""What the host of a URL tells, and the parts of one that may be none."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

__all__ = [
    "SLACK_HOSTS",
    "host_of",
    "is_http",
    "is_railways_own",
    "is_this_machine",
    "keeps_secrets",
    "split_url",
]

SLACK_HOSTS: Final = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
"""Where incoming webhooks are: Slack's own, and its cloud for authorities."""


def split_url(text: str | None) -> SplitResult | None:
    """The parts of a URL; None: it has a port or a host that cannot be read.

    Nothing at all has parts, too, and each of them is empty.
    """
    try:
        parts = urlsplit((text or "").strip())
        _ = parts.port
    except ValueError:
        # The words of that error quote what may be a piece of a password.
        return None
    return parts


def host_of(text: str | None) -> str | None:
    """The host in lower case; None: there is none, or none that can be read."""
    parts = split_url(text)
    return parts.hostname if parts else None


def is_http(text: str) -> bool:
    """Whether it is a URL that a browser could open."""
    parts = split_url(text)
    return bool(parts and parts.scheme in {"http", "https"} and parts.hostname)


def is_this_machine(host: str) -> bool:
    """Whether it names the machine that asks, so that nothing leaves it.

    What is no name of it but the address of all of its interfaces counts, too: who
    connects there comes out at home (Linux, ip(7)).
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761
    return address.is_loopback or address.is_unspecified


def keeps_secrets(text: str) -> bool:
    """Whether a secret may be sent there: by TLS, or without leaving this machine."""
    parts = split_url(text)
    if parts is None or not is_http(text):
        return False
    return parts.scheme == "https" or is_this_machine(parts.hostname or "")


def is_railways_own(host: str) -> bool:
    """Whether it is in Railway's private network, which is encrypted below TCP."""
    return host.endswith(".railway.internal")
