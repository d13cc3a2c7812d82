"""Webhooks that were taken, in ``ops.hook_event``: each of them once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from app.backend.database.connection import ReservedConnection
from app.backend.database.state_call import state_call
from app.backend.database.storable import storable

__all__ = ["HookEvent", "HookEventStore", "HookState"]

FORMAT: Final = 1
KEPT: Final = timedelta(days=30)
"""Older ones are removed; nobody delivers so late again."""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """What a webhook is known by; nothing else of its body is believed.

    Attributes:
        type: the platform's word, such as ``Deployment.crashed``.
        deployment: the platform's id; empty: it is about none.
        sent_at: with its time zone.
    """

    type: str
    deployment: str
    sent_at: datetime


class HookState(StrEnum):
    """What has come of an event.

    ``TAKEN``: the platform is about to be asked; it stays so when the process ends
    meanwhile. ``READ``: it was asked. ``ASIDE``: there was nothing to ask. ``FAILED``:
    it did not say.
    """

    TAKEN = "taken"
    READ = "read"
    ASIDE = "aside"
    FAILED = "failed"


class HookEventStore:
    """Plain SQL over one reserved connection.

    Raises (every method):
        JournalError: the database cannot be asked within 5 s, or lacks the table.
    """

    def __init__(self, connection: ReservedConnection) -> None:
        self._connection = connection

    async def take(self, event: HookEvent) -> bool:
        """Stores an event; False: somebody has taken it before."""
        async with state_call(self._connection) as connection:
            taken = await connection.fetchval(
                """
                with old as (
                    delete from ops.hook_event where received_at < now() - $6::interval
                )
                insert into ops.hook_event (type, deployment, sent_at, state, format)
                values ($1, $2, $3, $4, $5) on conflict do nothing returning true
                """,
                *(event.type, event.deployment, event.sent_at),
                *(HookState.TAKEN.value, FORMAT, KEPT),
            )
        return taken is True

    async def settle(
        self, event: HookEvent, state: HookState, found: Mapping[str, Any] | None
    ) -> None:
        """Stores what has come of it."""
        dumped = None if found is None else json.dumps(storable(found))
        async with state_call(self._connection) as connection:
            await connection.execute(
                """
                update ops.hook_event set state = $4, found = $5::jsonb
                where (type, deployment, sent_at) = ($1, $2, $3)
                """,
                *(event.type, event.deployment, event.sent_at, state.value, dumped),
            )
