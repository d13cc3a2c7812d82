"""What the endpoints do when checks are slow, hung, raising or asked for at once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench._progress import say
from bench._servers import Answer, Server, ask
from bench._subjects import PEERS, SERVICE, Subject, serve
from bench.peers.scenarios import BROKEN, SCENARIOS, SECRET

__all__ = ["measure"]

PROBES = 50
PATIENCE = 8.0
"""Seconds that a request to a hung check may take."""
NOTICE = 60.0
"""Seconds within which a broken component should show."""
SETTLE = 10.0
POLL = 0.05


@dataclass(frozen=True, slots=True)
class _Staged:
    """A subject that runs one scenario."""

    subject: Subject
    server: Server
    runs: Path

    def ask(self, *, method: str = "GET", timeout: float = PATIENCE) -> Answer:
        """One request to its health."""
        path, port = self.subject.path, self.server.port
        return ask(port, path, method=method, timeout=timeout)

    def attempts(self, event: str = "start") -> dict[str, list[float]]:
        """When each check's attempts started, or ended."""
        found: dict[str, list[float]] = {}
        for line in self.runs.read_text().splitlines():
            kind, name, moment = line.split()
            if kind == event:
                found.setdefault(name, []).append(float(moment))
        return found

    def settle(self) -> None:
        """Lets checks that nobody asked for come to their first result."""
        deadline = time.monotonic() + SETTLE
        while time.monotonic() < deadline:
            if '"status":"unknown"' not in self.ask().body:
                return
            time.sleep(POLL)


def measure() -> dict[str, Any]:
    """Puts every subject through every scenario, and notes what it answered."""
    rows = {}
    for subject in (SERVICE, *PEERS):
        say(f"behaviour: {subject.name}")
        rows[subject.name] = {
            **_slow(subject),
            **_hung(subject),
            **_raising(subject),
            **_crowd(subject),
            **_notice(subject),
        }
    return {"probes": PROBES, "rows": rows}


@contextmanager
def _staged(subject: Subject, scenario: str) -> Iterator[_Staged]:
    with TemporaryDirectory(prefix="pm33-bench-") as folder:
        runs = Path(folder) / "runs"
        runs.touch()
        env = {"BENCH_SCENARIO": scenario, "BENCH_RUNS": str(runs)}
        own = _service_env(scenario) if subject is SERVICE else {}
        # Its health is not asked for until the test does, so nobody's checks have run.
        path = "/api/health/live" if subject is SERVICE else "/favicon.ico"
        with serve(subject, path=path, settled=False, env=env | own) as server:
            yield _Staged(subject, server, runs)


def _service_env(scenario: str) -> dict[str, str]:
    """The same checks for the service, as critical as they are for the peers."""
    names = [probe.__name__ for probe in SCENARIOS[scenario]]
    return {
        "HEALTH_EXTRA_CHECKS": ",".join(f"bench.peers.scenarios:{n}" for n in names),
        **{f"HEALTH_{name.upper()}_CRITICAL": "true" for name in names},
    }


def _slow(subject: Subject) -> dict[str, Any]:
    """Three checks of half a second: how long the answer takes, and how long they."""
    with _staged(subject, "slow") as staged:
        answer = staged.ask()
        staged.settle()
        starts, ends = staged.attempts(), staged.attempts("end")
        span = max(times[0] for times in ends.values()) - min(
            times[0] for times in starts.values()
        )
    return {
        "slow_status": answer.status,
        "slow_answer_s": round(answer.seconds, 3),
        "slow_checks_s": round(span, 3),
    }


def _hung(subject: Subject) -> dict[str, Any]:
    """A check that never ends: the first answer, and what a later one calls it."""
    with _staged(subject, "hung") as staged:
        first = later = staged.ask()
        if first.status:
            time.sleep(max(0.0, PATIENCE - first.seconds))
            later = staged.ask()
    return {
        "hung_status": first.status,
        "hung_answer_s": round(first.seconds, 3),
        "hung_unknown_first": '"status":"unknown"' in first.body,
        "hung_later_status": later.status,
        "hung_later_says_timeout": "timeout" in later.body or "Timed out" in later.body,
    }


def _raising(subject: Subject) -> dict[str, Any]:
    """A check that raises, with a password in its words."""
    with _staged(subject, "raising") as staged:
        staged.ask()
        staged.settle()
        answer = staged.ask()
        printed = staged.server.log.read_text(errors="replace")
    return {
        "raising_status": answer.status,
        "raising_names_check": "raising" in answer.body,
        "raising_body": answer.body[:300] if len(answer.body) < 300 else "",
        "secret_in_body": SECRET in answer.body,
        "secret_in_log": SECRET in printed,
    }


def _crowd(subject: Subject) -> dict[str, Any]:
    """Fifty requests at once, then the headers of one answer, and a HEAD."""
    with _staged(subject, "counted") as staged:
        staged.ask()
        staged.settle()
        before = len(staged.attempts()["counted"])
        with ThreadPoolExecutor(PROBES) as pool:
            answers = list(pool.map(lambda _: staged.ask(), range(PROBES)))
        runs = len(staged.attempts()["counted"]) - before
        plain, head = staged.ask(), staged.ask(method="HEAD")
    return {
        "crowd_good": sum(answer.status == 200 for answer in answers),
        "crowd_runs": runs,
        "crowd_slowest_s": round(max(answer.seconds for answer in answers), 3),
        "head_status": head.status,
        "cache_control": plain.headers.get("cache-control", ""),
        "tells_age": "x-health-age" in plain.headers or "age" in plain.headers,
    }


def _notice(subject: Subject) -> dict[str, Any]:
    """How long after a component broke the endpoint says so, with default settings."""
    with _staged(subject, "breakable") as staged:
        staged.ask()
        staged.settle()
        good = staged.ask().status
        staged.runs.with_name(BROKEN).touch()
        began = time.monotonic()
        bad = good
        while bad == good and time.monotonic() - began < NOTICE:
            time.sleep(POLL)
            bad = staged.ask().status
        took = time.monotonic() - began
    return {"notice_from": good, "notice_to": bad, "notice_s": round(took, 1)}
