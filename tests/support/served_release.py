"""A good release of the service, and one that does what it is told."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from app.backend.deploy.records.run_state import runs_of
from app.backend.deploy.report import Ending, RunReport
from tests.support import obedient_app
from tests.support.local_delivery import ENVIRONMENT, LocalDelivery, local_delivery
from tests.support.service import until
from tests.support.turning_bad import LASTING, SERVED, served, served_repository

__all__ = ["LEASE", "Served", "released"]

LEASE: Final = 3.0
"""Seconds that a lease lasts; services that start take the machine for a second."""

_COMMAND_DEADLINE: Final = 60.0


class Served:
    """A good release of the service, and one that does what it is told.

    Attributes:
        good: the commit that serves.
        bad: the commit that obeys.
    """

    def __init__(self, delivery: LocalDelivery, folder: Path) -> None:
        self._order = folder / "order"
        self.delivery = delivery
        self.good = self._commit("good", None)
        self.bad = self._commit("bad", self._order)

    def obeys(self, order: str) -> None:
        """From now on; see :mod:`.obedient_app`."""
        self._order.write_text(order, encoding="utf-8")

    async def turns_bad(self, order: str, bake: float) -> RunReport:
        """Deploys it, and gives it the order once it serves."""
        async with self.deploying(bake) as deploying:
            self.obeys(order)
            return await deploying

    @asynccontextmanager
    async def deploying(
        self, bake: float, interval: float = 0.3
    ) -> AsyncIterator[asyncio.Task[RunReport]]:
        """Deploys the one that obeys; enters once it has served for a moment."""
        work = self.delivery.deploy(self.bad, bake=bake, monitor_interval=interval)
        deploying = asyncio.create_task(work)
        try:
            await self.delivery.serving(self.bad)
            await asyncio.sleep(1.0)
            yield deploying
        finally:
            deploying.cancel()
            await asyncio.gather(deploying, return_exceptions=True)

    def is_undecided(self, report: RunReport) -> None:
        """Asserts that nothing was rolled back, and that somebody is to decide."""
        told = "\n".join((*self.delivery.said, report.text()))
        assert (report.ending, report.exit_code) == (Ending.PAUSED, 6), told
        assert report.verdict == "inconclusive", told
        assert report.serves, told
        assert report.serves.commit == self.bad, told
        assert "resume" in report.next_command, told

    async def goes_on(self) -> None:
        """Asserts that `pm33 deploy resume` ends well, now that the outage is over."""
        await self._checked_again()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "deploy", "resume"),
            *("--environment", ENVIRONMENT, "--json"),
            env={"PATH": os.environ["PATH"], **self.delivery.environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(_COMMAND_DEADLINE):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        report: dict[str, Any] = json.loads(out)
        assert (report["ending"], report["verdict"]) == ("done", "ok")
        (active,) = await self.delivery.active()
        assert (active.commit, active.id) == (self.bad, report["serves"]["id"])
        assert await self.delivery.orphans() == []
        assert await self.delivery.lease_holder() is None
        file, rows = await self.delivery.events()
        assert file == rows
        newest = runs_of(file)[0]
        assert (newest.commit, newest.outcome) == (self.bad, "done")

    async def _checked_again(self) -> None:
        """Waits until the release itself has found that all is well again."""
        url = f"{await self.delivery.platform.url()}/api/health/detailed"
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:

            async def well() -> bool:
                checks = (await http.get(url)).json()["checks"].values()
                return all(one["status"] in {"healthy", "skipped"} for one in checks)

            await until(well)

    def _commit(self, name: str, order: Path | None) -> str:
        return self.delivery.repository.commit(
            name, ordered__py=served(name, order), railway__toml=SERVED
        )


@asynccontextmanager
async def released(
    folder: Path, state: str, database_url: str | None = None, **variables: str
) -> AsyncIterator[Served]:
    """A good release of the service, which serves.

    Args:
        folder: takes the repository.
        state: the state database of whoever deploys.
        database_url: of the releases.
        variables: of the releases, beside those that they need.
    """
    known = {
        "PM33_STATE_DATABASE_URL": state,
        "PM33_PROBE_PATHS": obedient_app.ROUTE,
    }
    async with local_delivery(
        folder,
        database_url,
        repository=served_repository(folder),
        variables={**LASTING, **variables},
        known=known,
    ) as delivery:
        delivery.ttl = LEASE
        release = Served(delivery, folder)
        report = await delivery.deploy(release.good, bake=0.3)
        told = "\n".join((*delivery.said, report.text()))
        assert report.ending is Ending.DONE, told
        yield release
