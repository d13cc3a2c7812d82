"""The supervisor's process: everything is built, run and ended here.

::

    python -m app.backend.deploy.platforms.local.daemon HOME [WHY]

WHY: what has become of the supervisor before this one.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import app
from app.backend.deploy.platforms.local.attendants import Database, Proxy
from app.backend.deploy.platforms.local.caddy import ProxyPlaces
from app.backend.deploy.platforms.local.control import ControlServer
from app.backend.deploy.platforms.local.desk import Desk
from app.backend.deploy.platforms.local.ground import Ground
from app.backend.deploy.platforms.local.keeper import ensure_keeper
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.reconciling import reconciled
from app.backend.deploy.platforms.local.releases import Releases
from app.backend.deploy.platforms.local.removing import remove
from app.backend.deploy.platforms.local.restarts import Beginning
from app.backend.deploy.platforms.local.roster import Roster
from app.backend.deploy.platforms.local.sockets import make_run_dir, pointed_at
from app.backend.deploy.platforms.local.state import StateStore, load_state
from app.backend.deploy.platforms.local.supervisor import Supervisor
from app.backend.deploy.platforms.local.traffic import TrafficLog
from app.backend.deploy.platforms.local.variables import load_variables
from app.backend.deploy.platforms.local.venvs import Venvs
from app.backend.processes import ProcessMark, end, session_of
from app.backend.processes.files import FileLock
from app.errors import ConfigError, OpsError

__all__ = ["main"]

logger = logging.getLogger("pm33.platform")

_TRAFFIC_EVERY: Final = 1.0
_KEEPER_EVERY: Final = 1.0
_LEFTOVER_WAIT: Final = 5.0
_SUPERVISOR: Final = "supervisor"


def main(home: Path, why: str = "") -> int:
    """Runs until it is asked to stop.

    Args:
        home: whose platform.
        why: how the supervisor before this one has ended; empty: as it was asked to.

    Returns:
        0, also when another supervisor runs in this home already.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    places = Places(home)
    places.make()
    lock = FileLock(places.supervisor_lock)
    if not lock.acquire():
        logger.info("another supervisor runs in %s", home)
        return 0
    # The lock is never released: it is free when this process is really gone.
    try:
        asyncio.run(_Daemon(places, why).run())
    except OpsError as error:
        logger.exception("cannot run: %s", error.remedy)
        return 1
    return 0


class _Daemon:
    def __init__(self, places: Places, why: str) -> None:
        self._places = places
        self._why = why
        self._store = StateStore.load(places.state)
        self._run_dir = make_run_dir(places.home)
        self._asked = asyncio.Event()
        self._database = Database(places.home)
        self._proxy = Proxy(
            ProxyPlaces(
                config=places.root / "caddy.json",
                log=places.root / "caddy.log",
                access_log=places.root / "access.log",
                admin=self._run_dir / "admin.sock",
                active=self._active,
            ),
            self._note,
        )
        self._ground = Ground(
            places=places,
            run=self._run_dir,
            store=self._store,
            releases=Releases(Path(self._store.state.repository), places.releases),
            venvs=Venvs(places.venvs, _own_locks()),
            database_url=self._database_url,
            note=self._note,
        )
        self._roster = Roster(self._ground)
        self._supervisor = Supervisor(self._ground, self._roster, self._active)
        self._traffic = TrafficLog(
            places.root / "access.log", places.root / "counters.json"
        )

    @property
    def _active(self) -> Path:
        return self._run_dir / "active"

    async def run(self) -> None:
        """Takes over, works until asked to stop, and ends everything."""
        await self._take_over()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked.set)
        control = ControlServer(self._run_dir / "control.sock", self._desk().answers)
        work: list[asyncio.Task[None]] = []
        try:
            await control.open()
            self._begin(work)
            logger.info("the platform of %s runs", self._places.home)
            await self._asked.wait()
            self._store.keep_up(replace(self._store.state, stopped=True))
        finally:
            await self._finish(control, work)

    def _desk(self) -> Desk:
        return Desk(
            self._ground,
            self._roster,
            self._supervisor,
            proxy=self._proxy,
            database=self._database,
            traffic=self._traffic,
            stop=self._asked.set,
            beginning=Beginning(why=self._why),
        )

    def _begin(self, work: list[asyncio.Task[None]]) -> None:
        state = self._store.state
        tasks = (
            self._proxy.keep(state.host, state.port),
            _every(_TRAFFIC_EVERY, self._traffic.poll),
            _every(_KEEPER_EVERY, self._watch_keeper),
        )
        work.extend(map(asyncio.create_task, tasks))
        if self._wants_database():
            self._database.ensure()
        self._supervisor.resume()

    async def _take_over(self) -> None:
        """Ends what a killed supervisor has left; the leash has ended most of it."""
        state = self._store.state
        # Who has ended in order has taken itself off this list.
        if not self._why and _SUPERVISOR in (state.children or {}):
            self._why = "the one before had ended; nobody has seen how"
        if self._why:
            logger.warning("started again: %s", self._why)
        marks = (state.children or {}).values()
        left = [one for mark in marks for one in session_of(mark)]
        if left:
            logger.info("ending what is left: %s", [mark.pid for mark in left])
            await end(left, ((signal.SIGKILL, _LEFTOVER_WAIT),))
        folder = pointed_at(self._active)
        pointed = None if folder is None else folder.name
        # On a full disk, too: what served has to serve again.
        self._store.keep_up(reconciled(state, pointed))
        self._note(_SUPERVISOR, ProcessMark.own())

    async def _finish(
        self, control: ControlServer, work: list[asyncio.Task[None]]
    ) -> None:
        """Ends everything in order: nobody asks, nobody is served, nobody is left."""
        self._supervisor.refuse()
        for what, ended in (
            # With it, the commands that callers wait for; they may use the database.
            ("the control socket", control.close),
            ("its own tasks", partial(_cancelled, work)),
            ("the proxy", self._proxy.end),
            ("the deployments", self._supervisor.stop),
            ("the database", self._database.end),
            ("the counters", self._traffic.poll),
        ):
            try:
                await ended()
            except Exception:  # what comes after it has to be ended, too
                logger.exception("could not end %s", what)
        self._note(_SUPERVISOR, None)
        # Who serves is written down, unless the disk is full.
        if load_state(self._places.state) == self._store.state:
            await remove(self._run_dir)
        logger.info("stopped")

    def _note(self, name: str, mark: ProcessMark | None) -> None:
        state = self._store.state
        others = {n: m for n, m in (state.children or {}).items() if n != name}
        children = others if mark is None else {**others, name: mark}
        self._store.keep_up(replace(state, children=children))

    async def _database_url(self) -> str | None:
        return await self._database.url() if self._store.state.database else None

    def _wants_database(self) -> bool:
        try:
            named = "DATABASE_URL" in load_variables(self._places.variables)
        except ConfigError as error:
            logger.warning("%s", error)
            named = True
        return self._store.state.database and not named

    async def _watch_keeper(self) -> None:
        if await asyncio.to_thread(ensure_keeper, self._places):
            logger.warning("the keeper had ended; it is started again")


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception:  # the boundary of a loop that must not die
            logger.exception("it is tried again")
        await asyncio.sleep(seconds)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _own_locks() -> Path:
    return Path(app.__file__).resolve().parents[1] / "requirements.txt"


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), *sys.argv[2:3]))
