"""The application's own clients, led to the fake of all vendors."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from app.backend.clients import Clients
from app.backend.config.environment import read_config
from app.backend.resources import open_resources
from tests.support.fake_vendors import FakeVendors, fake_vendors
from tests.support.vendor_traffic import (
    CHAT,
    INDEX,
    INDEXES,
    MESSAGES,
    TOGETHER,
    chat,
    message,
    saying,
)
from tests.support.vendor_voices import Reply

__all__ = [
    "FOR_OPENAI",
    "HELLO",
    "ask_claude",
    "ask_openai",
    "clients_of",
    "fakes_for_calls",
    "sdk",
]

FOR_OPENAI: Final = {
    "OPENAI_ORG_ID": "canary",
    "OPENAI_PROJECT_ID": "canary",
    "OPENAI_ADMIN_KEY": "canary",
    "OPENAI_CUSTOM_HEADERS": "X-Gateway: canary\nAuthorization: Bearer canary",
}
"""What OpenAI's SDK reads, and nobody else should see."""

HELLO: Any = [{"role": "user", "content": "Hello."}]


def sdk(name: str) -> Any:
    """A vendor's package; imported here, since every worker reads every test's head."""
    return importlib.import_module(name)


@asynccontextmanager
async def fakes_for_calls() -> AsyncIterator[FakeVendors]:
    """Vendors who answer to calls of the application, too."""
    async with fake_vendors() as served:
        served.routes[MESSAGES] = saying(message())
        served.routes[CHAT] = saying(chat())
        served.routes[TOGETHER] = saying(chat())
        served.routes[INDEXES] = saying(Reply(200, {"indexes": []}))
        served.routes[INDEX] = saying(Reply(200, {"matches": [], "namespace": ""}))
        yield served


@asynccontextmanager
async def clients_of(fakes: FakeVendors, **limits: object) -> AsyncIterator[Clients]:
    """Clients with these ``PM33_LIMIT_*``, closed at the end."""
    variables = fakes.variables() | {
        f"PM33_LIMIT_{name}": str(value) for name, value in limits.items()
    }
    async with open_resources(read_config(variables)) as resources:
        yield resources.clients


async def ask_claude(clients: Clients, **options: Any) -> Any:
    """One message, which may answer with 100 tokens."""
    client = await clients.anthropic()
    return await client.messages.create(
        model="claude", max_tokens=100, messages=HELLO, **options
    )


async def ask_openai(clients: Clients, **options: Any) -> Any:
    """One completion."""
    client = await clients.openai()
    return await client.chat.completions.create(model="gpt", messages=HELLO, **options)
