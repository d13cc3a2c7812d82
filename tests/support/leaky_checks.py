"""Checks, and an application, that give away every secret which the service knows.

``tests.support.leaky_checks:<vehicle>_as_<form>`` is a check for each vehicle and each
form below. It says each secret, and each password inside a URL, written in that form.
"""

import base64
import html
import json
import logging
import threading
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

import structlog
from fastapi import FastAPI

from app.backend.config.environment import get_config
from app.backend.health.models import CheckResult, Failure
from app.errors import CheckFailedError

__all__ = ["FORMS", "LOGGED", "SHOWN", "Leak", "app", "failing", "leaks_of"]

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "percent": lambda s: quote(s, safe=""),
    "query": quote_plus,
    "percent_twice": lambda s: quote(quote(s, safe=""), safe=""),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64_url": lambda s: base64.urlsafe_b64encode(f":{s}".encode()).decode(),
    "base64_login": lambda s: base64.b64encode(f"me:{s}:you".encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "json": json.dumps,
    "json_unicode": lambda s: json.dumps(s, ensure_ascii=False),
    "json_in_query": lambda s: quote_plus(json.dumps({"key": s})),
    "repr": repr,
    "repr_of_bytes": lambda s: repr(s.encode()),
    "markup": html.escape,
}
"""How a secret may be written."""


@dataclass(frozen=True, slots=True)
class _Client:
    """Somebody's client, whose ``repr`` tells its key."""

    key: str


def _in_exception(said: list[str]) -> CheckResult:
    raise RuntimeError(f"login with {said} failed")


def _in_timeout(said: list[str]) -> CheckResult:
    raise TimeoutError(" ".join(said))


def _in_verdict(said: list[str]) -> CheckResult:
    raise CheckFailedError(" ".join(said), failure="auth", remedy=f"not {said[0]}")


def _in_message(said: list[str]) -> CheckResult:
    text = "\n".join(said)
    return CheckResult.unhealthy(Failure.AUTH, text, remedy=text)


def _in_headers(said: list[str]) -> CheckResult:
    headers = [(b"x-login", f"me {one}".encode()) for one in said]
    raise RuntimeError(f"the vendor refused {headers!r}")


def _in_data(said: list[str]) -> CheckResult:
    nested = [{"used": {"value": one, "parts": (one, one.encode())}} for one in said]
    return CheckResult.healthy(attempts=nested)


def _in_keys(said: list[str]) -> CheckResult:
    return CheckResult.healthy(seen={one: {one: True} for one in said})


def _in_object(said: list[str]) -> CheckResult:
    clients = [_Client(one) for one in said]
    return CheckResult.healthy(clients=clients, error=ValueError(said))


def _in_log(said: list[str]) -> None:
    logger = logging.getLogger("leaky")
    logger.error("leaked %s and %r", said[0], said[1:], extra={"said": said})
    try:
        _in_exception(said)
    except RuntimeError:
        logger.exception("leaked by its cause")


def _in_structlog(said: list[str]) -> None:
    logger = structlog.get_logger("leaky").bind(bound=said[0])
    logger.error("leaked", said=said, nested={one: [one] for one in said})
    try:
        _in_exception(said)
    except RuntimeError:
        logger.exception("leaked by its cause")


def _in_locals(said: list[str]) -> None:
    try:
        _in_exception(said)
    except RuntimeError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        text = "".join(shown.format())
        logging.getLogger("leaky").error("leaked %s", text)  # noqa: TRY400 - own text
        structlog.get_logger("leaky").error("leaked", shown=text)


def _in_warning(said: list[str]) -> None:
    warnings.warn(f"leaked {said}", RuntimeWarning, stacklevel=1)


def _in_thread(said: list[str]) -> None:
    thread = threading.Thread(target=_in_exception, args=(said,), name=said[0])
    thread.start()
    thread.join()


def _in_finalizer(said: list[str]) -> None:
    class Leaky:
        def __del__(self) -> None:
            _in_exception(said)

    Leaky()


SHOWN: dict[str, Callable[[list[str]], CheckResult]] = {
    "exception": _in_exception,
    "timeout": _in_timeout,
    "verdict": _in_verdict,
    "message": _in_message,
    "headers": _in_headers,
    "data": _in_data,
    "keys": _in_keys,
    "object": _in_object,
}
"""Ways into the answers."""

LOGGED: dict[str, Callable[[list[str]], None]] = {
    "log": _in_log,
    "structlog": _in_structlog,
    "locals": _in_locals,
    "warning": _in_warning,
    "thread": _in_thread,
    "finalizer": _in_finalizer,
}
"""Ways into the log."""

REFUSED = "refused"
"""The vehicle that raises when the check is imported, so that the gate tells."""


class Leak:
    """One vehicle, one form; every secret."""

    period = 3600.0

    def __init__(self, vehicle: str, form: str) -> None:
        self.name = f"{vehicle}_as_{form}"
        self._vehicle = vehicle
        self._form = form

    async def probe(self) -> CheckResult | None:
        """Tells everything."""
        said = leaks_of(self._form)
        if self._vehicle in LOGGED:
            LOGGED[self._vehicle](said)
            return None
        return SHOWN[self._vehicle](said)


def leaks_of(form: str) -> list[str]:
    """Every secret in that form."""
    return [FORMS[form](secret) for secret in _secrets()]


def _secrets() -> Iterator[str]:
    for secret in get_config().secrets():
        yield secret
        if "://" in secret:
            password = urlsplit(secret).password
            yield from (unquote(secret), unquote(password or ""))


@asynccontextmanager
async def _does_not_start(_app: FastAPI) -> AsyncIterator[None]:
    raise RuntimeError(f"cannot start with {leaks_of('raw')}")
    yield


async def _raise(form: str) -> None:
    key = leaks_of(form)
    raise RuntimeError(f"used {key}")


async def _group(form: str) -> None:
    errors = [ValueError(one) for one in leaks_of(form)]
    raise ExceptionGroup("many", errors) from KeyError(*leaks_of(form))


app, failing = FastAPI(), FastAPI(lifespan=_does_not_start)
app.add_api_route("/raise/{form}", _raise)
app.add_api_route("/group/{form}", _group)


def __getattr__(name: str) -> Any:
    vehicle, _, form = name.partition("_as_")
    if form not in FORMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if vehicle == REFUSED:
        raise RuntimeError(f"no check without {leaks_of(form)}")
    return Leak(vehicle, form)
