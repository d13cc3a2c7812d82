"""What really came of the application's calls, for whoever judges a vendor's health."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FailedAnswer", "Outcomes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAnswer:
    """An answer of 400 or more; its ``repr`` shows nothing that the vendor wrote.

    Attributes:
        at: seconds, by the monotonic clock.
        method: of the request.
        status: of HTTP.
        headers: what is said of waiting and of the body; names in lower case.
        body: the JSON value; None: it was none, or too long.
    """

    at: float
    method: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = field(default=None, repr=False)


class Outcomes:
    """One vendor's.

    Attributes:
        successes: answers below 400.
        failures: all other answers.
        silences: requests that got none.
        last_success: seconds, by the monotonic clock; None: there was none.
        last_trouble: the same, of the last failure or silence.
    """

    __slots__ = (
        "_failed",
        "failures",
        "last_success",
        "last_trouble",
        "silences",
        "successes",
    )

    def __init__(self) -> None:
        self.successes = 0
        self.failures = 0
        self.silences = 0
        self.last_success: float | None = None
        self.last_trouble: float | None = None
        self._failed: dict[tuple[str, int], FailedAnswer] = {}

    def succeeded(self, method: str, now: float) -> None:
        """An answer as it should be.

        It is newer than the failures of its method alone: a list of models (GET) is
        answered with exhausted credit, too, a message (POST) is not.
        """
        self.successes += 1
        self.last_success = now
        if self._failed:
            kept = {key: one for key, one in self._failed.items() if key[0] != method}
            self._failed = kept

    def failed(self, answer: FailedAnswer) -> None:
        """An answer that is none; the newest of each status is kept."""
        self.failures += 1
        self.last_trouble = answer.at
        key = (answer.method, answer.status)
        self._failed.pop(key, None)
        self._failed[key] = answer

    def unanswered(self, now: float) -> None:
        """No answer at all."""
        self.silences += 1
        self.last_trouble = now

    def unrefuted(self) -> Iterator[FailedAnswer]:
        """Failures to which no success has followed, the newest one first."""
        return reversed([*self._failed.values()])
