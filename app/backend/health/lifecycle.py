"""In which stage of its life the process is; everything else asks here."""

from collections.abc import Callable
from enum import StrEnum

__all__ = ["Lifecycle", "Stage"]


class Stage(StrEnum):
    """Starting, then serving, then draining; the way back is a new start."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


class Lifecycle:
    """The stage, and who wants to know when it changes."""

    def __init__(self) -> None:
        self.stage = Stage.STARTING
        self._listeners: list[Callable[[], object]] = []

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """``listener`` is called after every change, on the thread that changed it.

        Returns:
            What ends the subscription.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def begin(self) -> None:
        """A life begins; a server may run the same application's lifespan again."""
        self.stage = Stage.STARTING

    def serve(self) -> None:
        """Start-up is over; it does nothing once the process drains."""
        if self.stage is Stage.STARTING:
            self._enter(Stage.SERVING)

    def drain(self) -> None:
        """The process was asked to stop: no new work, please."""
        if self.stage is not Stage.DRAINING:
            self._enter(Stage.DRAINING)

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        for listener in tuple(self._listeners):
            listener()
