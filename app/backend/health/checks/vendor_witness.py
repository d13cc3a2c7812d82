"""Sees what answers an SDK's request, before the SDK makes of it what it does."""

from collections.abc import Callable
from typing import Any

from app.backend.health.checks.vendor import Answer
from app.backend.health.checks.vendor_replies import (
    answer_of,
    bounded,
    broken_off,
    is_late,
    lowered,
)

__all__ = ["WithheldError", "Witness"]


class WithheldError(Exception):
    """Ends a request whose answer is not for the SDK: too long, or compressed."""


class Witness:
    """The newest answer beneath an SDK: bounded, and complete where the SDK's is not.

    What an SDK raises has lost the status of an answer whose body broke off, and holds
    the whole of one without end. One request is under way at a time.

    Args:
        stream: makes a body out of bytes, for the HTTP library that the SDK stands on.
    """

    def __init__(self, stream: Callable[[bytes], Any]) -> None:
        self._stream = stream
        self._most = 0
        self.answer: Answer | None = None

    def expect(self, most: int) -> None:
        """Forgets the last answer; of the next no more than ``most`` bytes are read."""
        self.answer, self._most = None, most

    async def observe(self, response: Any) -> None:
        """The hook: reads the body and hands it on.

        Args:
            response: of httpx or httpx2, its head read, its body not.

        Raises:
            WithheldError: the body is too long, or could become so.
            Exception: as the HTTP library does where the body breaks off.
        """
        status, headers = response.status_code, lowered(response.headers)
        try:
            body = await bounded(response.stream, self._most)
        except Exception as error:
            if not is_late(error):
                self.answer = Answer(status=status, headers=headers, fault=broken_off())
            raise
        finally:
            await response.stream.aclose()
        self.answer = answer_of(status, headers, body)
        if body is None or headers.get("content-encoding", "identity") != "identity":
            raise WithheldError
        response.stream = self._stream(body)
