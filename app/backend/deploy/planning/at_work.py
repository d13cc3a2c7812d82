"""Who is at work in an environment, since when, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.backend.deploy.leasing import lease_name
from app.backend.deploy.records.run_state import RunState
from app.backend.deploy.tools import Tools
from app.errors import JournalError, LeaseHeldError

__all__ = ["AtWork", "lease_now", "who_is_at_work"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """Somebody who holds the environment's lease.

    Attributes:
        holder: a person and a run.
        task: what for, as the lease has it.
        why: the reason that the run was given; empty where there is none.
    """

    holder: str
    since: datetime
    task: str
    why: str = ""

    @property
    def task_and_why(self) -> str:
        """What for, and why."""
        told = self.why and self.why not in self.task
        return f"{self.task}: {self.why}" if told else self.task

    @property
    def text(self) -> str:
        """For the reader."""
        since = f"{self.since:%H:%M:%S %Z}"
        return f"{self.holder} is at work since {since} ({self.task_and_why})"

    def error(self, remedy: str) -> LeaseHeldError:
        """As whoever needs the lease as well is told."""
        return LeaseHeldError(self.text, remedy=remedy)


async def who_is_at_work(tools: Tools, runs: Iterable[RunState] = ()) -> AtWork | None:
    """Who holds the lease; None: nobody, or that cannot be told.

    Args:
        tools: what to ask with.
        runs: the newest ones, where the holder's reason is looked up.
    """
    found = await lease_now(tools, runs)
    return found if isinstance(found, AtWork) else None


async def lease_now(
    tools: Tools, runs: Iterable[RunState] = ()
) -> AtWork | JournalError | None:
    """The same, with the reason for which it cannot be told."""
    try:
        state = await tools.leases.held(lease_name(tools.environment))
    except JournalError as error:
        return error
    if state is None:
        return None
    by = next((one for one in runs if one.run in state.holder), None)
    return AtWork(
        holder=state.holder,
        since=state.acquired_at,
        task=state.reason,
        why=by.reason if by else "",
    )
