"""One request on its way to a vendor: let through, observed, accounted for."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.backend.clients.gate import Gate, Permit
from app.backend.clients.outcomes import FailedAnswer, Outcomes
from app.backend.clients.retry_after import hold_of
from app.backend.clients.tokens import HEAD, Glimpse, estimate, usage
from app.errors import VendorLimitedError

__all__ = ["Call", "Watch"]

_FAILED: Final = 400
_BODY: Final = 65_536
"""Bytes of a failed answer that are read; errors of vendors have far fewer."""
_KEPT: Final = ("content-type", "date", "retry-after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What stands between a client and its vendor.

    Attributes:
        gate: which lets calls through.
        outcomes: where is counted what comes of them.
        refuse: what is raised instead of a call; SDKs hand on errors of their own
            kind, and take others for a connection that failed.
        key: the configured one. A call with another, of a customer's say, tells of
            somebody else's account: it counts against the limit, and nothing more.
    """

    gate: Gate
    outcomes: Outcomes
    refuse: type[VendorLimitedError] = VendorLimitedError
    key: str = field(default="", repr=False)

    async def begin(
        self, method: str, headers: Mapping[str, str], body: bytes
    ) -> "Call":
        """Waits until the request may go.

        Raises:
            VendorLimitedError: it may not.
        """
        tokens = estimate(body) if self.gate.counts_tokens else 0
        permit = await self.gate.enter(tokens, self.refuse)
        ours = any(self.key in value for value in headers.values())
        return Call(self, permit, method, is_ours=ours)


class Call:
    """What comes of one request. ``lost`` or ``ended`` has to follow."""

    __slots__ = (
        "_ended",
        "_glimpse",
        "_headers",
        "_is_ours",
        "_method",
        "_permit",
        "_status",
        "_watch",
    )

    def __init__(
        self, watch: Watch, permit: Permit, method: str, *, is_ours: bool = True
    ) -> None:
        self._watch = watch
        self._permit = permit
        self._method = method
        self._is_ours = is_ours
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._glimpse: Glimpse | None = None
        self._ended = False

    def lost(self, error: BaseException) -> None:
        """There is no answer; a caller who gave up says nothing of the vendor."""
        if isinstance(error, Exception) and self._is_ours:
            self._watch.outcomes.unanswered(time.monotonic())
        self._leave(None)

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of an answer is there."""
        self._status = status
        self._headers = headers
        gate = self._watch.gate
        hold = hold_of(status, headers)
        if hold and self._is_ours:
            gate.hold(hold)
        if status >= _FAILED:
            self._glimpse = Glimpse(headers.get("content-encoding", ""), _BODY)
            return
        if self._is_ours:
            self._watch.outcomes.succeeded(self._method, time.monotonic())
        if gate.counts_tokens:
            self._glimpse = Glimpse(headers.get("content-encoding", ""), HEAD)

    def saw(self, piece: bytes) -> None:
        """A piece of the body passes by."""
        if self._glimpse is not None:
            self._glimpse.saw(piece)

    def ended(self) -> None:
        """The body is over, or nobody wants the rest; a second time it does nothing."""
        if self._ended:
            return
        glimpse = self._glimpse
        if self._status < _FAILED:
            self._leave(usage(glimpse.head, glimpse.tail) if glimpse else None)
            return
        # What was refused has cost nothing.
        self._leave(0)
        if not self._is_ours:
            return
        kept = {name: self._headers.get(name, "") for name in _KEPT}
        self._watch.outcomes.failed(
            FailedAnswer(
                at=time.monotonic(),
                method=self._method,
                status=self._status,
                headers={name: value for name, value in kept.items() if value},
                body=_json(glimpse.head) if glimpse else None,
            )
        )

    def _leave(self, used: int | None) -> None:
        self._ended = True
        self._watch.gate.leave(self._permit, used)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
