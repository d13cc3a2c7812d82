"""A vendor's cheapest authenticated read: what is asked, what came back, who judges.

Each read is one request; none of them writes, sends or spends anything. The vendors
themselves are in ``vendors.py``, one file each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import SecretStr

from app.backend.config.environment import Config
from app.backend.health.models import CheckResult, Failure

if TYPE_CHECKING:
    # 0.1 s of imports, which the service does not need in order to start.
    import httpx

__all__ = [
    "Answer",
    "Asking",
    "Fault",
    "Read",
    "Vendor",
    "base_url",
    "reach",
    "read_of",
    "secret",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One request; its ``repr`` shows nothing that could be a secret.

    Attributes:
        url: whole; a webhook's is itself a secret.
        headers: with the credential in them.
        content: the body of a POST.
        most: bytes of an answer that are read; a longer one is a fault.
    """

    method: str = "GET"
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)
    most: int = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why there is no answer, or none that can be read.

    Attributes:
        answered: whether anything came back at all.
        transient: as in :class:`CheckResult`.
    """

    failure: Failure
    message: str
    remedy: str = ""
    answered: bool = False
    transient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; its ``repr`` shows the status and the fault alone.

    Attributes:
        status: of HTTP; 0 without an answer.
        headers: names in lower case.
        body: the JSON value; else None.
        text: what it said, if it says to be ``text/plain``; that is a fault as well.
        fault: what keeps it from being read; the status stands all the same.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = field(default=None, repr=False)
    text: str = field(default="", repr=False)
    fault: Fault | None = None


class Vendor(Protocol):
    """One credential of one service: how it is asked about, and what answers mean.

    A service with two credentials has two of these, of the same name.
    """

    @property
    def name(self) -> str:
        """The service, as ``PM33_DISABLED_SERVICES`` and ``HEALTH_<CHECK>_*`` do."""
        ...

    @property
    def variables(self) -> tuple[str, ...]:
        """Whose values the read is about; the first one is to blame."""
        ...

    @property
    def proves(self) -> bool:
        """Whether an answer without a fault shows that the credential is taken.

        Else it shows that the service can be reached, and no more.
        """
        ...

    def read(self, config: Config) -> Read | None:
        """What to ask; None: it is not configured."""
        ...

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """What the answer means. Pure; it quotes nothing that the vendor wrote.

        ``data["variable"]`` is the one to blame where it is not the first one.
        """
        ...


class Asking(Protocol):
    """One way of putting reads to a vendor: plain HTTP, or the vendor's own SDK.

    The answer is the same whichever way it came, so that one table judges it.
    """

    async def open(self) -> None:
        """Imports and opens, off the event loop; at once where that has been done.

        Raises:
            OSError: certificates cannot be read.
            ValueError: a proxy's address cannot be used.
            ImportError: something that is needed is not installed.
        """
        ...

    async def ask(self, read: Read, *, timeout: float) -> Answer:  # noqa: ASYNC109 - enforced where it is asked
        """Asks once within the seconds; nothing is retried, no redirect is followed.

        Whatever happens is answered: nothing that network or vendor do is raised.
        """
        ...

    async def close(self) -> None:
        """Closes what is open; it may then be opened again."""
        ...


async def reach(
    vendor: Vendor,
    client: "httpx.AsyncClient",
    config: Config,
    *,
    timeout: float,  # noqa: ASYNC109 - enforced where it is asked
) -> CheckResult | None:
    """Asks once and judges; nothing is retried and no redirect is followed.

    Args:
        vendor: whom to ask.
        client: whose pool is used.
        config: with the credentials and the addresses.
        timeout: seconds for everything, from the name to the last byte.

    Returns:
        None: not configured, or named in ``PM33_DISABLED_SERVICES``.
    """
    read = read_of(vendor, config)
    if read is None:
        return None
    # The service starts without it.
    from app.backend.health.checks.vendor_http import ask  # noqa: PLC0415 - httpx

    return vendor.judge(await ask(client, read, timeout=timeout), config)


def read_of(vendor: Vendor, config: Config) -> Read | None:
    """What to ask; None: not configured, or named in ``PM33_DISABLED_SERVICES``."""
    return vendor.read(config) if config.services.uses(vendor.name) else None


def base_url(name: str, config: Config, usual: str) -> str:
    """``HEALTH_<CHECK>_BASE_URL``, else the usual one; it ends without a slash."""
    knobs = config.health.checks.get(name)
    return ((knobs and knobs.base_url) or usual).rstrip("/")


def secret(value: SecretStr | None) -> str | None:
    """The value as it will be sent, pasted blanks and all; None where there is none."""
    return (value.get_secret_value() or None) if value else None
