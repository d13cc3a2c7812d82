"""Requests per second of the server's CPU, of everybody, in interleaved rounds."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench._load import CONNECTIONS, Window, generator, load
from bench._machine import Cores
from bench._progress import say
from bench._servers import Server, ask
from bench._subjects import BARE, PEERS, SERVICE, serve

__all__ = ["measure"]

WARM_UP = 1.0
CLOSE = 3
"""Windows a round of those whose ratio is held against a limit nearby."""
CORE, DETAILED = "/api/health", "/api/health/detailed"


@dataclass(frozen=True, slots=True)
class _Target:
    """One path of one running server, and the bare application that bounds it.

    ``weight`` is how many windows it gets in a round.
    """

    name: str
    server: Server
    path: str
    bound: Server
    size: int
    weight: int = 1
    own: list[Window] = field(default_factory=list)
    bare: list[Window] = field(default_factory=list)

    def measure(self, *, seconds: float, cores: Cores, bound_first: bool) -> None:
        """One window of each, one directly after the other."""
        pair = [(self.server, self.path, self.own), (self.bound, BARE.path, self.bare)]
        for server, path, windows in reversed(pair) if bound_first else pair:
            windows.append(load(server, path, seconds=seconds, cores=cores))

    def summary(self) -> dict[str, Any]:
        """Medians over the rounds, and how far the ratio went."""
        ratios = [
            mine.per_cpu_second / other.per_cpu_second
            for mine, other in zip(self.own, self.bare, strict=True)
        ]
        return {
            "size": self.size,
            "per_cpu_second": round(median(w.per_cpu_second for w in self.own)),
            "bare_per_cpu_second": round(median(w.per_cpu_second for w in self.bare)),
            "per_second": round(median(w.requests / w.seconds for w in self.own)),
            "ratio": round(median(ratios), 3),
            "ratio_low": round(min(ratios), 3),
            "ratio_high": round(max(ratios), 3),
            "failures": sum(window.failures for window in self.own),
        }


def measure(
    *, rounds: int, seconds: float, cores: Cores, order: random.Random
) -> dict[str, Any]:
    """Loads every target in every round, in an order that changes from round to round.

    Each window of a target stands beside one of the bare application: whatever else
    happens on the machine then happens to both, and their ratio keeps its meaning.

    Returns:
        Every window, and each target's medians.
    """
    with _targets(cores) as targets:
        for target in targets:
            load(target.server, target.path, seconds=WARM_UP, cores=cores)
        for number in range(rounds):
            say(f"throughput: round {number + 1} of {rounds}")
            turns = [target for target in targets for _ in range(target.weight)]
            for target in order.sample(turns, len(turns)):
                first = order.random() < 0.5
                target.measure(seconds=seconds, cores=cores, bound_first=first)
    return {
        "generator": generator(),
        "connections": CONNECTIONS,
        "summary": {target.name: target.summary() for target in targets},
        "windows": {
            target.name: {
                "own": [asdict(window) for window in target.own],
                "bare": [asdict(window) for window in target.bare],
            }
            for target in targets
        },
    }


@contextmanager
def _targets(cores: Cores) -> Iterator[list[_Target]]:
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="pm33-bench-"))
        service = stack.enter_context(serve(SERVICE, core=cores.server))

        def bare(path: str) -> tuple[Server, int]:
            """A bare application whose body is what the service answers there."""
            body = Path(folder) / path.replace("/", "-")
            body.write_text(ask(service.port, path).body)
            env = {"BENCH_BODY": str(body)}
            server = stack.enter_context(serve(BARE, core=cores.server, env=env))
            return server, body.stat().st_size

        small, large, again = bare(CORE), bare(DETAILED), bare(CORE)
        targets = [
            _Target("bare ASGI, against itself", again[0], BARE.path, *small, CLOSE),
            _Target(f"pm33-ops {CORE}", service, CORE, *small, CLOSE),
            _Target(f"pm33-ops {DETAILED}", service, DETAILED, *large, CLOSE),
        ]
        for peer in PEERS:
            server = stack.enter_context(serve(peer, core=cores.server))
            targets.append(_Target(peer.name, server, peer.path, *small))
        yield targets
