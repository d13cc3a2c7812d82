"""Asks the simulator with the product's operations, but without its client."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.railway.authority import TokenKind
from tests.support.railway.operations import operation
from tests.support.railway.records import Record
from tests.support.railway.simulator import Simulator

__all__ = ["Caller", "Told", "calling"]


@dataclass(frozen=True, slots=True)
class Told:
    """One answer, whatever it was."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any

    @property
    def data(self) -> Any:
        """Of an answer without errors."""
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def message(self) -> str:
        """Of the first error."""
        return str(self.body["errors"][0]["message"])

    @property
    def code(self) -> str:
        """Of the first error."""
        return str(self.body["errors"][0]["extensions"]["code"])


@dataclass(slots=True)
class Caller:
    """One client with one token.

    Attributes:
        client: sends everything.
        simulator: asked.
    """

    client: httpx.AsyncClient
    simulator: Simulator
    headers: dict[str, str] = field(repr=False)

    async def send(self, text: str, **variables: Any) -> Told:
        """Any document."""
        body = {"query": text, "variables": variables}
        answer = await self.client.post(
            self.simulator.api_url, json=body, headers=self.headers
        )
        is_json = "json" in answer.headers.get("content-type", "")
        told = answer.json() if is_json else None
        return Told(answer.status_code, answer.headers, answer.text, told)

    async def ask(self, name: str, **variables: Any) -> Told:
        """One of the product's operations."""
        return await self.send(operation(name), **variables)

    @property
    def place(self) -> dict[str, str]:
        """The ids of service and environment."""
        simulator = self.simulator
        return {
            "serviceId": simulator.service.id,
            "environmentId": simulator.environment.id,
        }

    async def deploy(self, commit: str) -> str:
        """The id of a new deployment."""
        told = await self.ask("Deploy", **self.place, commitSha=commit)
        return str(told.data["serviceInstanceDeployV2"])

    async def deployment(self, record: Record) -> dict[str, Any]:
        """One deployment, as the API tells it."""
        told = await self.ask("Deployment", id=record.id)
        return dict(told.data["deployment"])

    async def deployments(self) -> list[dict[str, Any]]:
        """All, the newest first."""
        told = await self.ask("Deployments", input=self.place)
        return [edge["node"] for edge in told.data["deployments"]["edges"]]

    async def instance(self) -> dict[str, Any]:
        """The service in its environment."""
        told = await self.ask("ServiceInstance", **self.place)
        return dict(told.data["serviceInstance"])

    async def lines(self, record: Record, log: str = "BuildLogs") -> list[str]:
        """One of its logs, the oldest line first."""
        told = await self.ask(log, deploymentId=record.id, limit=1000)
        (found,) = told.data.values()
        return [line["message"] for line in found]


@asynccontextmanager
async def calling(
    simulator: Simulator, kind: TokenKind = TokenKind.PROJECT, patience: float = 5.0
) -> AsyncIterator[Caller]:
    """A client with the token of this kind, in its right header."""
    token = simulator.token(kind)
    headers = (
        {"project-access-token": token}
        if kind is TokenKind.PROJECT
        else {"authorization": f"Bearer {token}"}
    )
    # Nothing here is encrypted, and the system's certificates take long to be read.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(
        timeout=patience, trust_env=False, verify=context
    ) as client:
        yield Caller(client, simulator, {"user-agent": "pm33-ops/test", **headers})
