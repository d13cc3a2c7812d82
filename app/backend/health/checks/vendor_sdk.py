"""Asks a vendor through the SDK that the application itself uses.

What that adds to plain HTTP: the SDK's own address, headers, proxies and certificates,
as its environment variables set them for the application as well.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from app.backend.clients.opening import Opened
from app.backend.health.checks.vendor import Answer, Fault, Read
from app.backend.health.checks.vendor_replies import (
    cannot_be_sent,
    is_silence,
    late,
    silence,
    unreadable,
    unsendable,
)
from app.backend.health.checks.vendor_witness import Witness

__all__ = ["SdkAsking", "SdkClient"]


@dataclass(frozen=True, slots=True)
class SdkClient:
    """An SDK's client, made for one read that is repeated.

    Attributes:
        host: where it asks.
        witness: sees its answers.
        read: asks once within so many seconds; returns and raises as the SDK does.
        close: as the SDK does.
    """

    host: str
    witness: Witness
    read: Callable[[float], Awaitable[object]]
    close: Callable[[], Awaitable[None]]


class SdkAsking:
    """Asks by an SDK, imported and built in a thread when it is first wanted.

    Args:
        open_: imports and builds.
    """

    def __init__(self, open_: Callable[[], SdkClient]) -> None:
        self._once = Opened(open_, _close)

    async def open(self) -> None:
        """Imports and builds; that the SDK refuses its values is left to the answer.

        Raises:
            OSError: certificates cannot be read.
            ImportError: the SDK, or what its proxy needs, is not installed.
        """
        try:
            await self._once.get()
        except (OSError, ImportError):
            raise
        except Exception:  # noqa: BLE001 - an SDK has errors of its own for a bad key
            return

    async def ask(self, read: Read, *, timeout: float) -> Answer:  # noqa: ASYNC109 - a deadline for several awaits
        """Asks once; of ``read`` only ``most`` counts, the SDK writes its own request.

        Where the SDK gave another answer than what came over the wire, the wire counts,
        save that the SDK has to be able to make sense of it.
        """
        try:
            client = await self._once.get()
        except Exception as error:  # noqa: BLE001 - as above
            return Answer(fault=_unmade(error))
        client.witness.expect(read.most)
        try:
            async with asyncio.timeout(timeout):
                await client.read(timeout)
        except TimeoutError:
            return Answer(fault=late(client.host, timeout))
        except Exception as error:  # noqa: BLE001 - SDKs wrap what they like in what they like
            return _after(error, client)
        return client.witness.answer or Answer(fault=unsendable())

    async def close(self) -> None:
        """Closes the SDK's client."""
        await self._once.close()


def _after(error: Exception, client: SdkClient) -> Answer:
    """What came, or why nothing did, once the SDK has raised."""
    seen = client.witness.answer
    if seen is None:
        return Answer(fault=_unsent(error, client.host))
    if seen.fault is None and seen.status in range(200, 300):
        fault = unreadable("its SDK can make no sense of the body")
        return replace(seen, fault=fault)
    return seen


def _unsent(error: Exception, host: str) -> Fault:
    if cannot_be_sent(error):
        return unsendable()
    return silence(error, host) if is_silence(error) else _unmade(error)


def _unmade(error: Exception) -> Fault:
    """Of the error no more than its kind: its text may quote the key."""
    usual = unsendable()
    return replace(
        usual,
        message=f"its SDK makes no request of these values ({type(error).__name__})",
        remedy=f"{usual.remedy} HEALTH_<CHECK>_PROBE=http asks without the SDK, whose"
        " release may not be one that this check knows.",
    )


async def _close(client: SdkClient) -> None:
    await client.close()
