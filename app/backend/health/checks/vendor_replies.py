"""What came of a read, in the same words whoever has sent it.

httpx and httpx2, which the SDKs of Anthropic and OpenAI stand on, have no class in
common: their exceptions are told by their names, which are the same.
"""

import json
from collections.abc import AsyncIterable, Mapping

from app.backend.health.checks.network_failures import (
    REACH,
    causes,
    network_fault,
    no_connection,
)
from app.backend.health.checks.vendor import Answer, Fault
from app.backend.health.models import Failure

__all__ = [
    "answer_of",
    "bounded",
    "broken_off",
    "cannot_be_sent",
    "is_late",
    "is_silence",
    "late",
    "lowered",
    "silence",
    "unreadable",
    "unsendable",
]


async def bounded(pieces: AsyncIterable[bytes], most: int) -> bytes | None:
    """The body; None where it is longer than that, and then not read to its end."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > most:
            return None
    return bytes(body)


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers by their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def answer_of(status: int, headers: Mapping[str, str], body: bytes | None) -> Answer:
    """An answer that came to its end.

    Args:
        status: of HTTP.
        headers: names in lower case.
        body: as it came over the wire; None: too long to be read.
    """
    value, text, fault = None, "", None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body is None:
        fault = unreadable("its body is longer than any that the vendor sends")
    elif headers.get("content-encoding", "identity").lower() != "identity":
        fault = unreadable("its body is compressed, which was not asked for")
    elif kind == "application/json" or kind.endswith("+json"):
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            fault = unreadable("its body is no JSON")
    else:
        text = body.decode(errors="replace").strip() if kind == "text/plain" else ""
        fault = unreadable("its content type is not JSON")
    return Answer(status=status, headers=headers, body=value, text=text, fault=fault)


def broken_off() -> Fault:
    """The body did not come to its end."""
    return unreadable("its body broke off")


def unreadable(message: str) -> Fault:
    """Something answered, but nothing that could be the vendor's words."""
    remedy = "See whether a proxy or firewall answers in the vendor's place."
    return Fault(
        failure=Failure.INTERNAL, message=message, remedy=remedy, answered=True
    )


def unsendable() -> Fault:
    """Nothing was sent, since the values do not make a request."""
    return Fault(
        failure=Failure.CONFIG,
        message="the request cannot be written with these values",
        remedy="Look for blanks, line breaks or letters beyond ASCII in the key,"
        " and for a mistake in the address.",
    )


def late(host: str, seconds: float) -> Fault:
    """The time was over before the last byte came."""
    message = f"no whole answer from {host} within {seconds:.3g} s"
    return Fault(failure=Failure.TIMEOUT, message=message, remedy=REACH)


def silence(error: BaseException, host: str) -> Fault:
    """What kept an answer from coming, by the first cause that tells (httpx wraps)."""
    told = network_fault(error, host)
    if told is not None:
        return told
    if is_late(error):
        message = f"no answer from {host} in time"
        return Fault(failure=Failure.TIMEOUT, message=message, remedy=REACH)
    if _is_one_of(error, "RemoteProtocolError", "ReadError"):
        message = f"{host} closed the connection unanswered"
        return Fault(failure=Failure.REFUSED, message=message, remedy=REACH)
    return no_connection(error, host)


def is_silence(error: BaseException) -> bool:
    """Whether it was the network that failed, and not the one who asked."""
    told = (isinstance(cause, OSError) for cause in causes(error))
    return any(told) or _is_one_of(error, "TransportError")


def is_late(error: BaseException) -> bool:
    """Whether some deadline of the client's own has passed."""
    told = (isinstance(cause, TimeoutError) for cause in causes(error))
    return any(told) or _is_one_of(error, "TimeoutException")


def cannot_be_sent(error: BaseException) -> bool:
    """Whether nothing was sent. Its text may quote a header, and so the secret."""
    told = (isinstance(cause, UnicodeError) for cause in causes(error))
    return any(told) or _is_one_of(
        error, "InvalidURL", "UnsupportedProtocol", "LocalProtocolError"
    )


def _is_one_of(error: BaseException, *names: str) -> bool:
    """Whether it, or what caused it, is of a class of such a name."""
    return any(
        kind.__name__ in names
        for cause in causes(error)
        for kind in type(cause).__mro__
    )
