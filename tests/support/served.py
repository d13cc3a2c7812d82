"""Starts :mod:`tests.support.served_app` in a process of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import Child, start

__all__ = ["Served", "served"]


class Served:
    """The process, and the ledger of what its application did."""

    def __init__(self, child: Child, ledger: Path) -> None:
        self.child = child
        self._ledger = ledger

    def ledger(self) -> list[str]:
        """What was executed until now, in order."""
        if not self._ledger.exists():
            return []
        return self._ledger.read_text(encoding="utf-8").splitlines()

    def phases(self) -> list[str]:
        """The phases of the drain that were logged until now, in order."""
        return [event["phase"] for event in self.child.events() if "phase" in event]


@contextmanager
def served(
    directory: Path, *, lifespan: str = "normal", **variables: object
) -> Iterator[Served]:
    """Serves the application on a free port of 127.0.0.1, without a lame duck.

    Args:
        directory: where its output and its ledger are kept.
        lifespan: how the application starts and stops; see ``Application``.
        variables: the environment that configures the server.
    """
    env = {"HOST": "127.0.0.1", "PORT": 0, "PM33_LAME_DUCK": 0, **variables}
    ledger = directory / "ledger"
    with start(
        ["-m", "tests.support.served_app", str(ledger), lifespan],
        output=directory / "output",
        env={name: str(value) for name, value in env.items()},
    ) as child:
        yield Served(child, ledger)
