"""One run: its connections, its turn, its way up, and what is written down of it."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.backend.database.connection import ReservedConnection
from app.backend.database.revision_history import OURS, RevisionHistory
from app.backend.database.schema_state import SchemaState, read_schema_state
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.operations.naming import quoted
from app.backend.migrations.planning.fingerprint import schema_fingerprint
from app.backend.migrations.revisions import source_of
from app.backend.migrations.running.account import Account
from app.backend.migrations.running.applying import Applying
from app.backend.migrations.running.begun import Begun, beginning_of, read_begun
from app.backend.migrations.running.connecting import (
    APPLICATION,
    CONNECT_TIMEOUT,
    SIDE_ERRORS,
    close,
    connect,
    prepare,
    refuse_pooler,
)
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.executor import RetryingExecutor
from app.backend.migrations.running.failures import is_lost, told
from app.backend.migrations.running.gate import Gate
from app.backend.migrations.running.heartbeat import Heartbeat
from app.backend.migrations.running.history import History, RunState
from app.backend.migrations.running.lookout import Lookout
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.remedies import origin, way_out
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.trial import Trials
from app.backend.migrations.running.turn import take_lock
from app.backend.migrations.running.way import Up, Way
from app.errors import (
    InterruptedRunError,
    JournalError,
    MigrationError,
    OpsError,
)

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

__all__ = ["Decide", "Runner"]

Decide = Callable[[SchemaState, str, Begun | None], bool]
"""Asked under the lock, with the schema's fingerprint and the plan of the newest run,
whether to go on; raises to refuse."""

_NO_SCHEMA: Final = "select not exists (select from pg_namespace where nspname = $1)"
_CREATE_SCHEMA: Final = "create schema if not exists {}"
_HAS_LEASES: Final = "select to_regclass('ops.lease') is not null"


class Runner:
    """Brings a database to a goal once; to be run in an event loop of its own.

    Args:
        config: says where the revisions are.
        target: the database; a direct connection.
        goal: where to, as Alembic names it.
        decide: asked once nobody else can change the schema.
        options: what is allowed.
        stop: ends it between two statements.
        tell: is told, in the thread that this runs in.
        histories: of every source; ``decide`` is told how each one stands.
        way: which one; None: up.
    """

    def __init__(
        self,
        config: "AlembicConfig",
        target: DatabaseTarget,
        goal: str,
        *,
        decide: Decide,
        options: RunOptions,
        stop: StopSign,
        tell: Tell,
        histories: Sequence[RevisionHistory] = (OURS,),
        way: Way | None = None,
    ) -> None:
        self.id = secrets.token_hex(6)
        self._config = config
        self._source = source_of(config)
        self._histories = histories
        self._target = target
        self._goal = goal
        self._decide = decide
        self._options = options
        self._stop = stop
        self._tell = tell
        self._way = way or Up(goal)
        self._name = f"{APPLICATION}:{self.id}"
        self._side = ReservedConnection(
            target,
            name=f"{APPLICATION}-side:{self.id}",
            connect_timeout=CONNECT_TIMEOUT,
        )
        self._history = History(
            self._side,
            self.id,
            goal=goal,
            actor=options.actor or "unknown",
            kind=self._way.kind,
            source=self._source.name,
        )
        self._heartbeat: Heartbeat | None = None
        self._gate: Gate | None = None

    async def run(self) -> None:
        """Waits for its turn, and does what is missing.

        Raises:
            PreflightError: the connection is a pooler's, or ``decide`` refuses.
            LocksDeniedError: a lock was not to be had within the budget; retryable.
            InterruptedRunError: a stop was asked for.
            LeaseLostError: another runner has taken over.
            MigrationError: it failed; the cause is chained.
        """
        async with AsyncExitStack() as stack:
            main = await connect(self._target, self._name)
            stack.push_async_callback(close, main)
            stack.push_async_callback(self._side.close)
            try:
                async with self._side.use() as side:
                    await refuse_pooler(main, side)
                lookout = self._lookout(main)
                async with lookout.on_duty():
                    await self._run(main, lookout)
            except InterruptedRunError as error:
                raise InterruptedRunError(
                    str(error), remedy=self._way.goes_on
                ) from error
            except OpsError:
                raise
            except Exception as error:  # a revision may raise whatever it likes
                first = origin(error)
                if isinstance(first, OpsError):
                    raise first from first.__cause__
                raise MigrationError(
                    f"{self._revision()} failed: {told(first)}",
                    remedy=await self._remedy(first),
                ) from error

    def _lookout(self, main: "asyncpg.Connection[asyncpg.Record]") -> Lookout:
        return Lookout(
            self._side,
            main.get_server_pid(),
            options=self._options,
            stop=self._stop,
            lost=main.terminate,
            say=self._ended_blocker,
        )

    async def _run(
        self, main: "asyncpg.Connection[asyncpg.Record]", lookout: Lookout
    ) -> None:
        """Takes its turn, and does what is decided then."""
        await prepare(main)
        await take_lock(
            main,
            self.id,
            options=self._options,
            stop=self._stop,
            tell=self._tell,
        )
        schema, begun = await schema_fingerprint(main), await read_begun(main)
        state = await self._state(main)
        if self._decide(state, schema, begun):
            plan = beginning_of(self._way.plan, state, schema, begun)
            await self._apply(main, lookout, plan)

    async def _apply(
        self,
        main: "asyncpg.Connection[asyncpg.Record]",
        lookout: Lookout,
        plan: Begun | None,
    ) -> None:
        state = (await self._state(main)).of(self._source.name)
        for schema in dict.fromkeys((OURS.schema, self._source.history.schema)):
            # Asked first: to be refused, IF NOT EXISTS needs no schema to create.
            if await main.fetchval(_NO_SCHEMA, schema):
                await main.execute(_CREATE_SCHEMA.format(quoted(schema)))
        await self._history.begin(state.applied, plan)
        try:
            await self._show_life()
            await self._climb(main, lookout)
        except BaseException as error:
            await self._ended(origin(error))
            raise
        else:
            await self._ended(None)
        finally:
            if self._heartbeat is not None:
                await self._heartbeat.end()

    async def _climb(
        self, main: "asyncpg.Connection[asyncpg.Record]", lookout: Lookout
    ) -> None:
        async def handed() -> Any:
            return main

        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=handed,
            poolclass=NullPool,
            hide_parameters=True,  # errors are written down; what rows hold is not
        )
        trials = Trials(
            self.id,
            self._options.patience,
            history=self._history,
            stop=self._stop,
            tell=self._tell,
            still=lookout.still,
        )
        account = Account(self.id, self._history, self._tell)
        gate = Gate(trials=trials, lookout=lookout, account=account, stop=self._stop)
        self._gate = gate
        gate.attach(engine.sync_engine)
        executor = RetryingExecutor(
            self.id, gate=gate, trials=trials, stop=self._stop, tell=self._tell
        )
        applying = Applying(
            self._config,
            run=self.id,
            gate=gate,
            executor=self._way.begin(self.id, gate, executor),
            way=self._way,
            trials=trials,
            history=self._history,
            applied=self._applied,
            tell=self._tell,
        )
        async with engine.connect() as connection:
            await applying.finish(connection)

    def _ended_blocker(self, words: str) -> None:
        self._tell(
            MigrationEvent(
                kind=Happening.ENDED,
                run=self.id,
                revision=self._revision(),
                message=words,
            )
        )

    async def _applied(self) -> None:
        """After a revision, which may have made the tables that were missing."""
        await self._history.begin()
        await self._show_life()

    async def _show_life(self) -> None:
        """By a lease, whose table comes with a revision on a new database."""
        if self._heartbeat is not None:
            return
        async with self._side.use() as side:
            if not await side.fetchval(_HAS_LEASES):
                return
        heartbeat = Heartbeat(
            self._target,
            self._name,
            ttl=self._options.lease_ttl,
            lost=self._stop.ask,
        )
        try:
            await heartbeat.begin()
        except JournalError as error:
            remedy = way_out(error.__cause__)
            if not remedy:
                raise
            raise MigrationError(
                f"this role may not migrate: {error.__cause__}", remedy=remedy
            ) from error
        self._heartbeat = heartbeat

    async def _ended(self, error: BaseException | None) -> None:
        after: tuple[str, ...] = ()
        with suppress(*SIDE_ERRORS):
            async with self._side.use() as side:
                after = (await self._state(side)).of(self._source.name).applied
        if error is None:
            await self._history.end(RunState.DONE, after, None)
            return
        stopped = isinstance(error, InterruptedRunError)
        words = str(error) if isinstance(error, OpsError) else told(error)
        written = {"type": type(error).__name__, "message": words}
        state = RunState.INTERRUPTED if stopped else RunState.FAILED
        await self._history.end(state, after, written)

    async def _state(
        self, connection: "asyncpg.Connection[asyncpg.Record]"
    ) -> SchemaState:
        return await read_schema_state(connection, self._histories)

    def _revision(self) -> str:
        return (self._gate.revision if self._gate else "") or "the migration"

    async def _remedy(self, error: BaseException) -> str:
        if is_lost(error):
            return (
                "the database has ended the connection: see whether it was restarted,"
                f" or who ended it; {self._way.goes_on}"
            )
        half = await self._history.half_applied()
        first = way_out(error)
        if not half:
            first = first or "mend it"
            return f"{first}, and run again; nothing of the failed revision was kept"
        first = first or "mend what failed, leave what is before it"
        return (
            f"{first}, and run again; what {', '.join(half)} did before stays done, and"
            " is not done again"
        )
