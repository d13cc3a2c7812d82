"""Railway's GraphQL API with one token: reads are tried again, changes never are."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app import __version__
from app.backend.config.urls import keeps_secrets
from app.backend.deploy.platforms.clock import Clock, SystemClock
from app.backend.deploy.platforms.leave import have_leave
from app.backend.deploy.platforms.railway.failures import (
    Call,
    Failure,
    Reply,
    outcome,
    unanswered,
)
from app.backend.deploy.platforms.railway.operations import changes, operation
from app.backend.deploy.platforms.railway.quota import Quota, date_of
from app.backend.deploy.platforms.railway.tokens import Credentials
from app.backend.deploy.platforms.railway.wire import Wire
from app.backend.monitoring.redaction import Redactor
from app.errors import (
    ConfigError,
    PlatformError,
    PlatformUnreachableError,
    RateLimitedError,
)

__all__ = ["PATIENCE", "TIMEOUT", "CredentialsSource", "RailwayApi", "silent"]

TIMEOUT: Final = 15.0
"""Seconds for one request: shorter than what is left of a lease when it is sent."""

PATIENCE: Final = 45.0
"""Seconds in which a read is answered or given up, however often it is tried."""

CredentialsSource = Callable[[], Awaitable[Credentials]]
"""Finds the credentials when the first request is made."""

_MOST: Final = 16 * 2**20
"""Bytes of an answer: 5000 lines of a log are one to two million."""
_LONGEST_PAUSE: Final = 16.0
_LONG: Final = 60.0
"""Seconds from one look to the next that a limit asks for, or a long build."""
_NOTABLE: Final = 3.0
"""Seconds of waiting that a reader is told of."""


def _now() -> datetime:
    return datetime.now(UTC)


def silent(_line: str) -> None:
    """Says nothing."""


class RailwayApi:
    """One token, one budget of requests, one address.

    Args:
        credentials: or what finds them, asked at the first request.
        url: the endpoint with its query string; https, or this machine.
        timeout: seconds for one request.
        patience: seconds for a read with all its tries.
        clock: measures and waits.
        say: is told at the end how many requests were made, and of waits meanwhile.
        quota: counts on, if something has been asked before.
        now: tells the time of day.

    Attributes:
        say: as given.
        quota: requests made, and what is left.
        wire: what requests travel on.
        ahead: by how much Railway's clock is ahead of ours, to a second; None: no
            answer has told the time yet.

    Raises:
        ConfigError: the address is none, or a token would travel there in the clear.
    """

    def __init__(
        self,
        credentials: Credentials | CredentialsSource,
        *,
        url: str,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        clock: Clock | None = None,
        say: Callable[[str], None] = silent,
        quota: Quota | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        if not keeps_secrets(url):
            raise ConfigError(
                "PM33_RAILWAY_API_URL is no https:// address, and the token would"
                " travel in the clear",
                remedy="take it away; Railway's own is the default",
            )
        self._url = url.strip()
        self._timeout = timeout
        self._patience = patience
        self._clock = clock or SystemClock()
        self.say = say
        self._now = now
        self.quota = quota or Quota(self._clock)
        self.ahead: timedelta | None = None
        self._source = credentials
        self._first = asyncio.Lock()
        self.wire = Wire()

    async def credentials(self) -> Credentials:
        """Whose token is used.

        Raises:
            ConfigError: there is none.
            PlatformError: it is of no kind, or Railway could not be asked.
        """
        async with self._first:
            if not isinstance(self._source, Credentials):
                self._source = await self._source()
            return self._source

    async def ask(
        self, name: str, /, *, partial: bool = False, **variables: Any
    ) -> Mapping[str, Any]:
        """A query's ``data``; tried again within the patience.

        Args:
            name: of a query in ``graphql/``.
            partial: take what data there are, beside errors.
            variables: of the operation.

        Raises:
            NotAuthorizedError: the token may not, or there is no such id.
            RateLimitedError: too many requests, and the wait would be too long.
            PlatformUnreachableError: no answer that could be read.
            PlatformError: refused.
            ConfigError: there is no token.
            ValueError: it is a mutation.
        """
        if changes(name):
            raise ValueError(f"{name} is a mutation, which is not asked twice")
        call = await self._call(name, variables, partial=partial)
        ends = self._clock.time() + self._patience
        made = 0
        while True:
            with self._telling_of_silence() if made == 0 else nullcontext():
                answer = await self._send(call, variables, ends - self._clock.time())
            if not isinstance(answer, Failure):
                return answer
            made += 1
            wait = _pause(answer.error, made)
            if made >= answer.tries or self._clock.time() + wait >= ends:
                raise answer.error
            if wait >= _NOTABLE:
                self.say(f"{answer.error}; waiting {wait:.0f} s")
            elif made == 1 and not isinstance(answer.error, RateLimitedError):
                left = ends - self._clock.time()
                self.say(f"{answer.error}; asking again for up to {left:.0f} s")
            await self._clock.sleep(wait)

    async def change(self, name: str, /, **variables: Any) -> Mapping[str, Any]:
        """A mutation's ``data``; sent once, and never again by itself.

        Raises:
            NotAuthorizedError, RateLimitedError, PlatformError: refused for certain:
                nothing was done.
            PlatformUnreachableError: it may have been done; look for what it created.
            LeaseLostError: the leave to change anything has ended; nothing was done.
            ConfigError: there is no token; nothing was done.
            ValueError: it is a query.
        """
        if not changes(name):
            raise ValueError(f"{name} is a query, and changes nothing")
        call = await self._call(name, variables)
        await self.wire.open()
        # The last thing before it is sent: reading certificates may take a while.
        answer = await self._send(call, variables, await have_leave())
        if isinstance(answer, Failure):
            raise answer.error
        return answer

    async def command(self, name: str, /, **variables: Any) -> None:
        """A mutation that is answered only whether it was done.

        Raises:
            PlatformError: it was not; or as :meth:`change`.
            PlatformUnreachableError: that is not told.
        """
        done = [*(await self.change(name, **variables)).values()]
        if done == [True]:
            return
        if done == [False]:
            raise PlatformError(
                f"Railway has not done {name}, and says no reason",
                remedy="see the service in Railway's dashboard, and try again",
            )
        raise PlatformUnreachableError(
            f"Railway does not say whether it has done {name}",
            remedy="look at what it shows before trying again",
        )

    def tell_of_wait(self, seconds: float) -> None:
        """Says so where a reader has to wait long for the next look."""
        if seconds >= _LONG:
            self.say(f"{self.quota.words()}: looked at again in {seconds:.0f} s")

    async def close(self, *, quietly: bool = False) -> None:
        """Lets go of connections, and says what was asked; harmless when repeated."""
        if await self.wire.close() and not quietly:
            self.say(self.quota.words())

    async def _call(
        self, name: str, variables: Mapping[str, Any], *, partial: bool = False
    ) -> Call:
        credentials = await self.credentials()
        secrets = (credentials.token.get_secret_value(), *_inner(variables))
        return Call(
            operation=name,
            changes=changes(name),
            credentials=credentials,
            # Made only where something has gone wrong.
            hide=lambda text: Redactor(secrets).redact(text),
            partial=partial,
        )

    async def _send(
        self, call: Call, variables: Mapping[str, Any], within: float
    ) -> Mapping[str, Any] | Failure:
        """One request, and what came of it; raises nothing that the network does."""
        from app.backend.health.checks.vendor import Read  # noqa: PLC0415 - httpx

        await self.wire.open()
        content = {
            "query": operation(call.operation),
            "variables": variables,
            "operationName": call.operation,
        }
        read = Read(
            method="POST",
            url=self._url,
            headers={
                "user-agent": f"pm33-ops/{__version__}",
                "content-type": "application/json",
                **call.credentials.header(),
            },
            content=json.dumps(content).encode(),
            most=_MOST,
        )
        self.quota.sent()
        seconds = min(self._timeout, within)
        came = await self.wire.send(read, seconds=seconds)
        self.quota.saw(came.headers)
        if (told := date_of(came.headers)) is not None:
            self.ahead = told - self._now()
        if came.fault is not None:
            return unanswered(came.fault.message, came.fault.remedy, call)
        reply = Reply(status=came.status, headers=came.headers, body=came.body)
        return outcome(reply, call, now=self._now())

    @contextmanager
    def _telling_of_silence(self) -> Iterator[None]:
        """Somebody looks at an empty screen meanwhile."""
        told = f"Railway's API has not answered for {_NOTABLE:g} s"
        loop = asyncio.get_running_loop()
        slow = loop.call_later(_NOTABLE, self.say, told)
        try:
            yield
        finally:
            slow.cancel()


def _pause(error: PlatformError, made: int) -> float:
    """Seconds until the next try: what the answer asks for, but ever longer ones."""
    asked = error.retry_after if isinstance(error, RateLimitedError) else 0.0
    return max(asked, min(2.0 ** (made - 1), _LONGEST_PAUSE))


def _inner(value: Any, depth: int = 0) -> Iterator[str]:
    """Texts within what an input holds: variables' values, addresses of channels.

    Ids and names stand above them.
    """
    match value:
        case str() if depth > 2:  # noqa: PLR2004 - variables, input, its field
            yield value
        case Mapping():
            for one in value.values():
                yield from _inner(one, depth + 1)
        case list() | tuple():
            for one in value:
                yield from _inner(one, depth + 1)
        case _:
            pass
