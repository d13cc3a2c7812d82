"""``python -m tests.support.railway``: a Railway on this machine, without an account.

It runs commits of a repository as real processes behind a real edge, and gives them a
PostgreSQL that, as on Railway, only releases can reach by the name in their variables.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from app.backend.database.embedded import Places, start
from tests.support.postgres import open_home
from tests.support.railway.authority import TokenKind
from tests.support.railway.faults import Fault
from tests.support.railway.ground import Ground
from tests.support.railway.instant import InstantGround
from tests.support.railway.lifecycle import Status
from tests.support.railway.plans import PLANS, Unknowns
from tests.support.railway.private_network import PrivateNetwork
from tests.support.railway.real_ground import real_ground
from tests.support.railway.records import Record
from tests.support.railway.repository import GitRepository
from tests.support.railway.simulator import Simulator, running

__all__ = ["main"]

_ENDS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class _Below:
    """What the API stands on.

    Attributes:
        variables: of releases.
        journals: the pipeline's home. What an earlier simulator left unfinished is at
            no deployment of this one's, and would keep new deploys out.
        database_url: where others than they reach their database, as by the proxy
            that Railway puts in front of one; empty: there is none.
    """

    ground: Ground
    variables: Mapping[str, str]
    journals: str
    database_url: str = ""


def main() -> int:
    """Runs until Ctrl-C."""
    options = _options()
    # What must not be left behind is taken down by the context managers.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_simulate(options))
    return 0


async def _simulate(options: argparse.Namespace) -> None:
    ends = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in _ENDS:
        loop.add_signal_handler(one, ends.set)
    repository = GitRepository(options.repository)
    async with (
        _below(options) as below,
        running(
            below.ground,
            scale=options.scale,
            plan=options.plan,
            unknowns=Unknowns(**dict.fromkeys(options.unknown, True)),
            repository=repository,
            port=options.port,
        ) as simulator,
    ):
        simulator.service.variables = {**below.variables}
        for fault in options.fault:
            simulator.faults.add(fault)
        simulator.conductor.ledger.listeners.append(_tell)
        print(_exports(simulator, below), flush=True)  # noqa: T201 - to be pasted
        await ends.wait()


@asynccontextmanager
async def _below(options: argparse.Namespace) -> AsyncIterator[_Below]:
    if options.instant:
        with TemporaryDirectory(prefix="pm33-home-") as journals:
            yield _Below(InstantGround(), {}, journals)
        return
    network = PrivateNetwork()
    async with AsyncExitStack() as stack:
        home = stack.enter_context(open_home())
        server = await start(home, durable=False, places=Places(scratch=home))
        stack.push_async_callback(server.stop)
        ground = await stack.enter_async_context(
            real_ground(options.repository, network=network, scale=options.scale)
        )
        journals = stack.enter_context(TemporaryDirectory(prefix="pm33-home-"))
        variables = {
            "ENVIRONMENT": "development",
            "DATABASE_URL": network.hide(server.url),
        }
        yield _Below(ground, variables, journals, server.url)


def _exports(simulator: Simulator, below: _Below) -> str:
    """What a shell needs, and what a person wants to know."""
    exports = {
        "PM33_PLATFORM": "railway",
        "PM33_HOME": below.journals,
        "PM33_RAILWAY_API_URL": simulator.api_url,
        "PM33_RAILWAY_PROJECT": simulator.project.name,
        "PM33_RAILWAY_ENVIRONMENT": simulator.environment.name,
        "PM33_RAILWAY_SERVICE": simulator.service.name,
        "PM33_PUBLIC_URL": below.ground.url(),
        "DATABASE_URL": below.database_url,
        "ENVIRONMENT": "development",
        "RAILWAY_TOKEN": simulator.token(TokenKind.PROJECT),
    }
    account = simulator.token(TokenKind.ACCOUNT)
    there = simulator.environment.name
    lines = [
        f"# A simulated Railway, plan {simulator.world.plan.name}. Ctrl-C ends it.",
        "# In another terminal. The service takes itself for development, which asks",
        f"# it for no secrets; Railway calls its environment {there}:",
        *(f'export {name}="{value}"' for name, value in exports.items() if value),
        "# An account's token, for what a project's may not:",
        f'# export RAILWAY_TOKEN="{account}"',
        "# Then: pm33 deploy --migrate --commit $(git rev-parse HEAD)",
    ]
    return "\n".join(lines)


def _tell(record: Record, status: Status) -> None:
    commit = (record.commit or "image")[:7]
    line = f"{record.status_at:%H:%M:%S} {record.id[:8]} {commit} {status}"
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - of a command


def _options() -> argparse.Namespace:
    switches = sorted(Unknowns.__dataclass_fields__)
    parser = argparse.ArgumentParser(
        prog="make simulate-railway", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--repository",
        type=Path,
        default=Path.cwd(),
        help="whose commits can be deployed, from there; by default this one",
    )
    parser.add_argument("--port", type=int, default=0, help="of the API; 0: any")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="seconds for each of Railway's"
    )
    parser.add_argument("--plan", choices=sorted(PLANS), default="PRO")
    parser.add_argument(
        "--instant", action="store_true", help="no processes: releases are made up"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        choices=sorted(Fault),
        metavar="NAME",
        help="goes wrong once: " + ", ".join(sorted(Fault)),
    )
    parser.add_argument(
        "--unknown",
        action="append",
        default=[],
        choices=switches,
        metavar="NAME",
        help="an unestablished fact that is so: " + ", ".join(switches),
    )
    return parser.parse_args()


if __name__ == "__main__":
    # Nobody's shell is to give releases or git another project.
    os.environ.pop("GIT_DIR", None)
    sys.exit(main())
