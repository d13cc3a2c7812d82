"""One trial from the first look to the last: looked at, agreed to, done, put back."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.backend.deploy.interrupt import Interrupt, InterruptedRunError
from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.connection import Connection
from app.backend.deploy.platforms.railway.releases import CommitReader
from app.backend.deploy.platforms.railway.tokens import TokenKind
from app.cli.failure import INTERRUPTED
from app.errors import OpsError
from tests.live.changes.announcing import MARKER, announced
from tests.live.changes.before import Before, look_before
from tests.live.changes.evidence import Evidence
from tests.live.changes.hands import Hands
from tests.live.changes.judging import Fact, judged
from tests.live.changes.restoring import Restoring
from tests.live.changes.trial import Trial
from tests.live.changes.watching import Watcher

__all__ = ["Outcome", "Session"]

_LEFT: Final = 1
_NO_END: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        left: what was not put back, in words.
        stopped: why the trial did not come to its end; empty: it did.
        interrupted: somebody has asked for that.
    """

    facts: Sequence[Fact]
    left: Sequence[str]
    stopped: str
    interrupted: bool

    @property
    def exit_code(self) -> int:
        """1: something was not put back; 3: it came to no end; 130: interrupted."""
        if self.left:
            return _LEFT
        if self.interrupted:
            return INTERRUPTED
        return _NO_END if self.stopped else 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "facts": [one.to_dict() for one in self.facts],
            "left": list(self.left),
            "stopped": self.stopped,
        }

    def text(self) -> str:
        """For a reader."""
        width = max(len(one.fact) for one in self.facts)
        lines = [
            f"{one.fact:<{width}}  {_WORDS[one.holds]:<4}  {one.seen}"
            for one in self.facts
        ]
        settled = sum(one.holds is not None for one in self.facts)
        lines.append(f"of {len(self.facts)} facts: {settled} settled")
        if self.stopped:
            lines.append(f"it did not come to its end: {self.stopped}")
        left = [f"not put back: {one}" for one in self.left]
        return "\n".join([*lines, *(left or ["everything was put back"])])


_WORDS: Final[Mapping[bool | None, str]] = {True: "yes", False: "no", None: "open"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Everything that a trial at one service is made of.

    Attributes:
        read: reads the commit's ``railway.toml``.
        say: is told what is done.
    """

    hands: Hands
    kind: TokenKind
    before: Before
    watcher: Watcher
    evidence: Evidence
    read: CommitReader
    say: Callable[[str], None]

    @classmethod
    async def open(
        cls,
        connection: Connection,
        *,
        clock: Clock,
        read: CommitReader,
        say: Callable[[str], None],
        insists: bool,
        scale: float = 1.0,
    ) -> "Session":
        """Looks, and changes nothing.

        Args:
            connection: to the service.
            clock: measures and waits.
            read: reads the commit's ``railway.toml``.
            say: is told what is done.
            insists: whether production may be changed, too.
            scale: seconds of Railway's times for each of the clock's.

        Raises:
            PreflightError: it is not to be changed.
            PlatformError, ConfigError, TargetError: it cannot be looked at.
        """
        api, target = connection.api, await connection.target()
        kind = (await api.credentials()).kind
        evidence = Evidence(kind=kind, scale=scale)
        watcher = Watcher(api, target, clock, evidence)
        hands = Hands.of(api, target, clock)
        before = await look_before(
            api, target, watcher, hands.variables, insists=insists
        )
        return cls(
            hands=hands,
            kind=kind,
            before=before,
            watcher=watcher,
            evidence=evidence,
            read=read,
            say=say,
        )

    def announcement(self) -> str:
        """What will be done."""
        return announced(self.hands.target, self.before, self.kind)

    async def go(self, interrupt: Interrupt) -> Outcome:
        """Does it, and puts everything back whatever comes.

        Raises:
            asyncio.CancelledError: it was left as it is; what is not put back was said.
        """
        evidence = self.evidence
        marker = f"{MARKER}{secrets.token_hex(4).upper()}"
        restoring = Restoring(
            self.hands,
            self.watcher,
            self.before,
            evidence,
            marker=marker,
            say=self.say,
        )
        trial = Trial(
            self.hands,
            self.watcher,
            self.before,
            evidence,
            marker=marker,
            read=self.read,
            say=self.say,
        )
        try:
            await interrupt.race(trial.run(left=restoring.left))
        except InterruptedRunError:
            evidence.stopped = "it was interrupted"
        except OpsError as error:
            evidence.stopped = str(error)
        finally:
            await self._put_back(restoring, marker)
        return Outcome(
            facts=judged(evidence),
            left=tuple(dict.fromkeys(restoring.left)),
            stopped=evidence.stopped,
            interrupted=interrupt.asked,
        )

    async def _put_back(self, restoring: Restoring, marker: str) -> None:
        try:
            await restoring.put_back()
        except asyncio.CancelledError:
            left = [*restoring.left, *restoring.open]
            self.say(f"left as it is ({marker}): {'; '.join(left)}")
            raise
