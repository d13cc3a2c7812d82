"""What a rotation has come to, as data and as text."""

from dataclasses import dataclass
from typing import Any

from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport

__all__ = ["RotationReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationReport:
    """How it has ended; no part of it shows a value.

    Attributes:
        ending: as a deploy's; ``ROLLED_BACK``: what served before serves again.
        is_open: whether it waits to be gone on with.
        put_back: whether the variable is as it was before.
        cause: why it has not gone as planned; empty when it has.
        deployed: what the deployment has come to; None: there was none.
        back: what the way back has come to; None: none was gone.
        advice: what to do with the old value, and when.
        notes: what the reader should know beside it.
    """

    run: str
    variable: str
    environment: str
    ending: Ending
    is_open: bool = False
    put_back: bool = False
    cause: str = ""
    deployed: RunReport | None = None
    back: RunReport | None = None
    advice: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """What the command line exits with."""
        return self.ending.exit_code

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "kind": "rotate",
            "run": self.run,
            "variable": self.variable,
            "environment": self.environment,
            "ending": self.ending,
            "exit_code": self.exit_code,
            "is_open": self.is_open,
            "put_back": self.put_back,
            "cause": self.cause,
            "deployed": self.deployed.to_dict() if self.deployed else None,
            "back": self.back.to_dict() if self.back else None,
            "advice": list(self.advice),
            "notes": list(self.notes),
        }

    def text(self) -> str:
        """For a terminal: the deployment, then what became of the variable."""
        runs = (self.deployed, self.back)
        return "\n".join(
            (
                *(run.text() for run in runs if run is not None),
                f"{self.run}: {self._meaning()}",
                *([f"cause: {self.cause}"] if self.cause else ()),
                *(f"note: {one}" for one in self.notes),
                *(f"next: {one}" for one in self.advice),
            )
        )

    def _meaning(self) -> str:
        if self.ending in {Ending.DONE, Ending.UNBAKED}:
            return f"{self.variable} is rotated; what serves was made with the new one"
        if self.put_back:
            return f"{self.variable} is not rotated; it is as it was"
        return f"{self.variable} has its new value; whether that stays is undecided"
