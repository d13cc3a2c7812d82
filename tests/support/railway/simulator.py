"""A Railway of one's own on loopback, with everything that a test tells it and sees."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.support.railway.authority import TokenKind, Tokens
from tests.support.railway.clock import Clock
from tests.support.railway.conductor import Conductor
from tests.support.railway.endpoint import Endpoint, Request
from tests.support.railway.faults import Faults
from tests.support.railway.ground import Ground
from tests.support.railway.lifecycle import Status
from tests.support.railway.lifetime import Pace
from tests.support.railway.limits import Limits
from tests.support.railway.plans import PLANS, Unknowns
from tests.support.railway.records import Record
from tests.support.railway.repository import InventedRepository, Repository
from tests.support.railway.schema import Api
from tests.support.railway.server import served
from tests.support.railway.waiting import until
from tests.support.railway.webhooks import Webhooks
from tests.support.railway.world import Named, Service, World

__all__ = ["Simulator", "running"]


class Simulator:
    """What a test sees of it, and what it does behind the client's back.

    Attributes:
        api_url: where the client asks.
        world: everything that there is.
        faults: what goes wrong.
        limits: how often it may be asked.
        conductor: what is done without the API.
        webhooks: whom it tells of changes.
    """

    def __init__(
        self, world: World, conductor: Conductor, endpoint: Endpoint, tokens: Tokens
    ) -> None:
        self.api_url = ""
        self.world = world
        self.conductor = conductor
        self.webhooks = Webhooks(world, conductor.tasks)
        self.limits = Limits(world.plan, world.clock)
        self._endpoint = endpoint
        self._tokens = tokens

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self.world.faults

    @property
    def project(self) -> Named:
        """The one project; id and name."""
        return self.world.project

    @property
    def environment(self) -> Named:
        """The simulated environment."""
        return self.world.environment

    @property
    def service(self) -> Service:
        """The service that is deployed; its settings and variables may be changed."""
        return self.world.service

    @property
    def requests(self) -> Sequence[Request]:
        """Every GraphQL request that was made, with its operation's name."""
        return self._endpoint.requests

    @property
    def deployments(self) -> Sequence[Record]:
        """All of them, the oldest first."""
        return tuple(self.world.records.values())

    @property
    def serving(self) -> Record | None:
        """Where requests go."""
        serving = self.world.roster.serving
        return None if serving is None else self.world.records[serving]

    def token(self, kind: TokenKind | str) -> str:
        """The one of this kind."""
        return self._tokens.known[TokenKind(kind)]

    def revokes(self, kind: TokenKind | str) -> None:
        """Somebody deletes the token of this kind, and makes another."""
        self._tokens.revoke(TokenKind(kind))

    def changes(self) -> list[str]:
        """Names of the mutations that were asked for, in order."""
        return [one.operation for one in self.requests if one.changes]

    def status(self, record: Record) -> Status:
        """Its status, as it truly is."""
        return self.world.status(record)

    def stores(self, **settings: Any) -> None:
        """Settings of the service from now on, by their names in the API."""
        self.service.stored |= settings

    def gives(self, *, sealed: bool = False, **variables: str) -> None:
        """Variables of the next deployment."""
        self.service.variables = {**self.service.variables, **variables}
        if sealed:
            self.service.sealed |= variables.keys()

    def asked(self) -> Mapping[str, int]:
        """How often each operation was asked for."""
        names = [one.operation for one in self.requests]
        return {name: names.count(name) for name in names}

    async def deploys(self, commit: str, *, wait: bool = True) -> Record:
        """Somebody deploys a commit; waits until that is over."""
        record = await self.conductor.deploy(commit)
        if wait:
            await self.settled(record)
        return record

    async def pushes(self, commit: str) -> Record | None:
        """Somebody pushes it: with autodeploy on, that deploys it."""
        if not self.service.autodeploys:
            return None
        return await self.conductor.deploy(commit)

    async def reaches(self, record: Record, *statuses: Status) -> Status:
        """Waits until it has had one of these; what it then is.

        Raises:
            TimeoutError: it never has.
        """
        await until(lambda: record.history, lambda had: not {*had}.isdisjoint(statuses))
        return self.status(record)

    async def settled(self, record: Record) -> Status:
        """Waits until it is active or over."""
        return await until(
            lambda: self.status(record), lambda status: not status.is_unfinished
        )


@asynccontextmanager
async def running(
    ground: Ground,
    *,
    scale: float = 0.01,
    plan: str = "PRO",
    unknowns: Unknowns | None = None,
    repository: Repository | None = None,
    pace: Pace | None = None,
    port: int = 0,
    tokens: Tokens | None = None,
    time: Clock | None = None,
) -> AsyncIterator[Simulator]:
    """Runs until the end, and ends everything it has begun; the ground as well.

    Args:
        ground: where releases run.
        scale: real seconds for each of Railway's.
        plan: FREE, TRIAL, HOBBY, PRO or ENTERPRISE.
        unknowns: the facts that nobody has established.
        repository: where commits come from; as it stands, any commit is there.
        pace: how long steps take.
        port: of the API; 0: any.
        tokens: to be accepted; as they stand, new ones.
        time: its own; as it stands, this machine's by the scale.
    """
    world = World(
        ground=ground,
        clock=time or Clock(scale=scale),
        plan=PLANS[plan],
        unknowns=unknowns or Unknowns(),
        repository=repository or InventedRepository(),
    )
    conductor = Conductor(world, pace or Pace())
    tokens = tokens or Tokens()
    limits = Limits(world.plan, world.clock)
    endpoint = Endpoint(world, Api(conductor), tokens, limits)
    simulator = Simulator(world, conductor, endpoint, tokens)
    simulator.limits = limits
    conductor.ledger.listeners.append(simulator.webhooks.changed)
    try:
        async with served(endpoint, port) as simulator.api_url:
            yield simulator
    finally:
        await conductor.tasks.close()
        await ground.close()
    if conductor.tasks.failures:
        raise ExceptionGroup(
            "the simulator has failed",
            [one for one in conductor.tasks.failures if isinstance(one, Exception)],
        )
