"""Holds a lease in a process of its own; run as a script.

The one argument is a JSON object: ``url`` of the database, ``name``, ``holder``,
``ttl``, and ``go``, a file. It takes the lease and prints ``{"epoch": ...}``; once the
file is there it checks the lease and writes to the journal, and prints what came of
both. Then it waits to be ended.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.lease import Lease, acquire
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.deploy.records.journal import Event, EventKind
from app.backend.deploy.records.journal_rows import RowsJournal
from app.errors import OpsError


def tell(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def write(target: DatabaseTarget, lease: Lease) -> None:
    journal = RowsJournal(target, "production", lease)
    now = datetime.now(UTC)
    try:
        await journal.append(
            Event("run-1", "deploy", 1, lease.epoch, EventKind.INTENT, now)
        )
    finally:
        await journal.close()


async def main(order: dict[str, Any]) -> None:
    target = parse_target(SecretStr(order["url"]), DatabaseSettings())
    lease = await acquire(
        target,
        order["name"],
        holder=order["holder"],
        reason="a test",
        ttl=order["ttl"],
    )
    tell(epoch=lease.epoch)
    go = Path(order["go"])
    while not go.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.02)
    try:
        lease.check()
        tell(checked="held")
    except OpsError as error:
        tell(checked=type(error).__name__)
    try:
        await write(target, lease)
        tell(wrote="yes")
    except OpsError as error:
        tell(wrote=type(error).__name__)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
