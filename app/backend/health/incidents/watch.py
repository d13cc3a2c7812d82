"""All status pages that concern this process."""

from collections.abc import Container, Iterator
from typing import Final

from app.backend.config.environment import Config
from app.backend.config.urls import host_of
from app.backend.health.checks.vendor import read_of
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.incidents.blame import blamed
from app.backend.health.incidents.feed import Pace, StatusFeed
from app.backend.health.incidents.page import Incident
from app.backend.health.incidents.pages import page_for
from app.backend.health.models import CheckResult
from app.backend.health.supervisor import Supervisor

__all__ = ["IncidentWatch"]

_VENDORS: Final = frozenset(vendor.name for vendor in VENDORS)


class IncidentWatch:
    """Reads the pages of vendors that are configured, each in a loop of its own.

    Nobody waits for it. Until it is started, and where nobody starts it (a single
    look), it knows of nothing.

    Args:
        config: which vendors there are, and where their pages.
        pace: how often the pages are asked.

    Attributes:
        pool: what is asked through; the vendors' checks ask through it as well.
    """

    def __init__(self, config: Config, *, pace: Pace | None = None) -> None:
        self.pool = VendorPool()
        self._feeds = {
            feed.name: feed for feed in _feeds(config, self.pool, pace or Pace())
        }

    def incident(self, name: str) -> Incident | None:
        """What touches this check's vendor by now; None: nothing, or nobody knows."""
        feed = self._feeds.get(name)
        return feed.incident if feed else None

    def blamed(self, name: str, result: CheckResult) -> CheckResult:
        """What a check has found, with whose fault it is; of no vendor's: as it is.

        Results come here rather than checks: one that the scheduler has given up, or
        that another replica has found, has somebody to blame as well.
        """
        return blamed(result, self.incident(name)) if name in _VENDORS else result

    def start(self, supervisor: Supervisor, checks: Container[str]) -> None:
        """Starts a loop for the page of each of these checks that has one.

        The loops end with their supervisor.
        """
        for name, feed in self._feeds.items():
            if name in checks:
                supervisor.spawn(f"incidents:{name}", feed.run)

    async def close(self) -> None:
        """Closes the pool."""
        await self.pool.close()


def _feeds(config: Config, pool: VendorPool, pace: Pace) -> Iterator[StatusFeed]:
    hosts: dict[str, str] = {}
    for vendor in VENDORS:
        read = read_of(vendor, config)
        if read is not None:
            hosts.setdefault(vendor.name, host_of(read.url) or "")
    for name, host in hosts.items():
        page = page_for(name, host, config)
        if page is not None:
            yield StatusFeed(name, page, pool, pace=pace)
