"""``POST /graphql/v2`` from the content network in front to the answer's faults."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Final

from graphql import GraphQLError

from tests.support.railway.authority import (
    Asker,
    RefusedError,
    Tokens,
    internal,
    unauthorized,
)
from tests.support.railway.exchange import Answer, Asked, of_json, of_text
from tests.support.railway.faults import Fault, Scripted
from tests.support.railway.limits import Limits
from tests.support.railway.schema import Api, Question, RejectedError
from tests.support.railway.world import World

__all__ = ["PATH", "Endpoint", "Request", "Silence"]

PATH: Final = "/graphql/v2"


@dataclass(frozen=True, slots=True)
class Silence:
    """Instead of an answer: none.

    Attributes:
        closes: the connection ends at once; otherwise it hangs.
    """

    closes: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request for the API, as the simulator remembers it.

    Attributes:
        operation: the operation's name.
        changes: whether it is a mutation.
        status: of the HTTP answer; 0: there was none.
    """

    operation: str
    changes: bool
    status: int


class Endpoint:
    """Answers requests.

    Attributes:
        requests: each that was made for an operation, refused ones too.
    """

    def __init__(self, world: World, api: Api, tokens: Tokens, limits: Limits) -> None:
        self._world = world
        self._api = api
        self._tokens = tokens
        self._limits = limits
        self.requests: list[Request] = []

    async def answer(self, asked: Asked) -> Answer | Silence:
        """What a request is answered with."""
        skew = self._world.faults.look(Fault.CLOCK_SKEW)
        self._world.clock.skew = skew.lasting(120.0) if skew else 0.0
        payload = _payload(asked.body)
        name, question = self._question(payload)
        answer = await self._answer(asked, payload, name, question)
        status = answer.status if isinstance(answer, Answer) else 0
        changes = isinstance(question, Question) and question.changes
        self.requests.append(Request(name, changes, status))
        if not isinstance(answer, Answer):
            return answer
        date = format_datetime(self._world.clock.told_now(), usegmt=True)
        return replace(answer, headers={"date": date, **answer.headers})

    def _question(
        self, payload: Mapping[str, Any]
    ) -> tuple[str, Question | RejectedError]:
        name = payload.get("operationName")
        try:
            question = self._api.read(str(payload.get("query", "")), name)
        except RejectedError as error:
            return name or "", error
        return question.operation, question

    async def _answer(
        self,
        asked: Asked,
        payload: Mapping[str, Any],
        name: str,
        question: Question | RejectedError,
    ) -> Answer | Silence:
        before = self._scripted(name) or self._refused_in_front(asked)
        if before is not None:
            return before
        verdict = self._limits.judge(self._tokens.key(asked.headers))
        fault = self._world.faults.take(Fault.RATE_LIMITED, operation=name)
        wait = fault.number(1) if fault else verdict.retry_after
        if wait is not None:
            headers = {**verdict.headers, "retry-after": str(wait)}
            told = {"errors": [{"message": "Too many requests"}]}
            return of_json(told, HTTPStatus.TOO_MANY_REQUESTS, headers)
        if fault := self._world.faults.take(Fault.LATE, operation=name):
            await self._held_back(fault, 20.0)
        try:
            if isinstance(question, RejectedError):
                raise question
            body = await self._executed(asked, payload, question)
        except RejectedError as error:
            told = {"errors": error.errors}
            return of_json(told, HTTPStatus.BAD_REQUEST, verdict.headers)
        return await self._behind(name, question, body, verdict.headers)

    def _scripted(self, name: str) -> Answer | Silence | None:
        """What is told to happen before the API is reached."""
        for fault, answer in _BEFORE.items():
            scripted = self._world.faults.take(fault, operation=name)
            if scripted is not None:
                return answer(scripted)
        return None

    async def _held_back(self, fault: Scripted, usual: float) -> None:
        """Returns when its time is over, or when it is told to land."""
        waits = {
            asyncio.ensure_future(self._world.clock.sleep(fault.lasting(usual))),
            asyncio.ensure_future(fault.lands.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _refused_in_front(self, asked: Asked) -> Answer | None:
        """What the content network, or the server, does not take at all."""
        if not asked.headers.get("user-agent"):
            return of_text("error code: 1010", HTTPStatus.FORBIDDEN)
        if not asked.query and self._limits.bursts():
            return of_text("error code: 1015", HTTPStatus.TOO_MANY_REQUESTS)
        if asked.path != PATH:
            return of_text("Not Found", HTTPStatus.NOT_FOUND)
        if asked.method != "POST":
            return of_text("GET query missing.", HTTPStatus.BAD_REQUEST)
        return None

    async def _executed(
        self, asked: Asked, payload: Mapping[str, Any], question: Question
    ) -> dict[str, Any]:
        """``data`` and ``errors`` of an operation that fits the schema."""
        refusal = self._refusal(question.operation)
        kind = refusal or self._tokens.kind_of(asked.headers)
        if isinstance(kind, RefusedError):
            return _refused(kind, question)
        name, faults = question.operation, self._world.faults
        if question.changes and faults.take(Fault.SAYS_FALSE, operation=name):
            return {"data": {question.fields[0]: False}}
        asker = Asker(self._world, kind)
        variables = payload.get("variables") or {}
        return await self._api.answer(asker, question, variables)

    def _refusal(self, name: str) -> RefusedError | None:
        """A scripted error in an HTTP 200, before anything is done."""
        for fault, error in _REFUSALS.items():
            if self._world.faults.take(fault, operation=name):
                return error
        return None

    async def _behind(
        self,
        name: str,
        question: Question,
        body: dict[str, Any],
        headers: Mapping[str, str],
    ) -> Answer | Silence:
        """What becomes of an answer on its way back."""
        faults = self._world.faults
        if question.changes:
            if faults.take(Fault.AFTER_MUTATION_TIMEOUT, operation=name):
                return Silence()
            if fault := faults.take(Fault.AFTER_MUTATION_ERROR, operation=name):
                if isinstance(fault.value, str):
                    told = _refused(RefusedError(fault.value), question)
                    return of_json(told, headers=headers)
                return _page(fault.number(HTTPStatus.GATEWAY_TIMEOUT))
        if fault := faults.take(Fault.SLOW, operation=name):
            await self._held_back(fault, 5.0)
        if faults.take(Fault.DATA_NULL, operation=name):
            body = {"data": None}
        if faults.take(Fault.PARTIAL_DATA, operation=name):
            body = _without_first(body, question)
        answer = of_json(body, headers=headers)
        if faults.take(Fault.CUT, operation=name) or (
            question.changes and faults.take(Fault.AFTER_MUTATION_CUT, operation=name)
        ):
            return Answer(answer.status, answer.body, answer.media, headers, cut=True)
        return answer


_BEFORE: Final[Mapping[Fault, Callable[[Scripted], Answer | Silence]]] = {
    Fault.DOWN: lambda _: Silence(closes=True),
    Fault.TIMEOUT: lambda _: Silence(),
    Fault.SERVER_ERROR: lambda fault: _page(fault.number(HTTPStatus.BAD_GATEWAY)),
    Fault.EDGE_REFUSED: lambda _: of_text("error code: 1010", HTTPStatus.FORBIDDEN),
    Fault.EDGE_LIMITED: lambda _: of_text(
        "error code: 1015", HTTPStatus.TOO_MANY_REQUESTS
    ),
}

_REFUSALS: Final[Mapping[Fault, RefusedError]] = {
    Fault.PROBLEM: internal(),
    Fault.NOT_AUTHORIZED: unauthorized(),
    Fault.TWO_FACTOR: RefusedError("Two Factor Authentication Required"),
    Fault.TOO_QUICKLY: RefusedError("You are doing this too quickly"),
    Fault.DEPLOY_LIMIT: RefusedError("Service deployment rate limit exceeded"),
}


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body or b"{}")
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}


def _page(status: int) -> Answer:
    """What a proxy says for a server that does not."""
    return of_text(f"<html><h1>{status}</h1></html>", status, media="text/html")


def _refused(error: GraphQLError, question: Question) -> dict[str, Any]:
    told = {
        "message": error.message,
        "path": list(question.fields[:1]),
        "extensions": error.extensions,
        "traceId": "0" * 19,
    }
    return {"errors": [told], "data": None}


def _without_first(body: dict[str, Any], question: Question) -> dict[str, Any]:
    first = question.fields[0]
    data = {**(body.get("data") or {}), first: None}
    return {**_refused(internal(), question), "data": data}
