"""Who is measured: the service, what no ASGI application can beat, and its peers.

Each peer runs as its own documentation says for production, on one process, without an
access log. FastAPI's peers get the very uvicorn of the service.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from app.errors import OpsError
from bench._servers import ROOT, Server, environment, free_port, running

__all__ = ["BARE", "FASTAPI", "PEERS", "SERVICE", "Subject", "install", "serve"]

VENVS = ROOT / "bench" / ".peers"
PINS = ROOT / "bench" / "peers" / "requirements.txt"
INSTALL_DEADLINE = 600.0
_SERVER_PACKAGES = ("fastapi", "httptools", "uvicorn", "uvloop")

_UVICORN = (
    *("-m", "uvicorn", "{app}", "--host", "127.0.0.1", "--port", "{port}"),
    *("--loop", "uvloop", "--http", "httptools", "--log-level", "warning"),
    *("--no-access-log", "--no-server-header", "--no-proxy-headers"),
)
_GUNICORN = (
    *("-m", "gunicorn", "{app}", "--bind", "127.0.0.1:{port}", "--workers", "1"),
    # Threads, because the default worker closes each connection after its answer.
    *("--threads", "4", "--keep-alive", "75", "--log-level", "warning"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One server that can be measured.

    Attributes:
        name: in tables and raw output.
        app: what the server imports.
        path: where its health is.
        command: arguments of its Python.
        venv: the name of its virtual environment; empty: the service's own.
        packages: what is installed there, apart from the service's own servers.
        env: variables beside those of the scenario.
    """

    name: str
    app: str = ""
    path: str
    command: tuple[str, ...] = _UVICORN
    venv: str = ""
    packages: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def python(self) -> str:
        """Its interpreter."""
        return (
            str(VENVS / self.venv / "bin" / "python") if self.venv else sys.executable
        )


SERVICE: Final = Subject(
    name="pm33-ops",
    path="/api/health/detailed",
    command=("-m", "app.cli", "serve"),
    env={
        "ENVIRONMENT": "production",
        "HOST": "127.0.0.1",
        # There is no router to tell, and the bench stops many servers.
        "PM33_LAME_DUCK": "0",
    },
)
BARE: Final = Subject(name="bare ASGI", app="bench.peers.bare_asgi:app", path="/")
FASTAPI: Final = Subject(
    name="bare FastAPI", app="bench.peers.bare_fastapi:app", path="/live"
)
PEERS: Final = (
    Subject(
        name="fastapi-health",
        app="bench.peers.fastapi_health_app:app",
        path="/health",
        venv="fastapi-health",
        packages=("fastapi-health",),
    ),
    Subject(
        name="fastapi-healthchecks",
        app="bench.peers.fastapi_healthchecks_app:app",
        path="/health/readiness",
        venv="fastapi-healthchecks",
        packages=("fastapi-healthchecks",),
    ),
    Subject(
        name="python-dockerflow",
        app="bench.peers.dockerflow_app:app",
        path="/__heartbeat__",
        venv="dockerflow",
        packages=("dockerflow",),
    ),
    Subject(
        name="django-health-check, uvicorn",
        app="bench.peers.django_app:asgi",
        path="/health/",
        venv="django",
        packages=("django", "django-health-check", "gunicorn"),
    ),
    Subject(
        name="django-health-check, gunicorn",
        app="bench.peers.django_app:wsgi",
        path="/health/",
        command=_GUNICORN,
        venv="django",
        packages=("django", "django-health-check", "gunicorn"),
    ),
)


def install() -> dict[str, dict[str, str]]:
    """Makes the peers' virtual environments where they are missing or out of date.

    Returns:
        The versions installed, by environment and package.
    """
    VENVS.mkdir(exist_ok=True)
    # Nothing in here is anybody's but the cache's owner's.
    (VENVS / ".gitignore").write_text("*\n")
    pins = [f"{name}=={version(name)}" for name in _SERVER_PACKAGES]
    wanted = "\n".join([*pins, PINS.read_text()])
    versions = {}
    for subject in {peer.venv: peer for peer in PEERS}.values():
        stamp = VENVS / subject.venv / "installed"
        if not stamp.exists() or stamp.read_text() != wanted:
            _make(subject, pins)
            stamp.write_text(wanted)
        versions[subject.venv] = _versions(subject)
    return versions


@contextmanager
def serve(
    subject: Subject,
    *,
    core: int | None = None,
    path: str = "",
    settled: bool = True,
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Runs a subject until the block ends.

    Args:
        subject: who.
        core: where to pin it.
        path: what to ask for until it answers; by default where its health is.
        settled: wait for a 200; else any answer will do.
        env: more variables, such as the scenario.
    """
    port = free_port()
    arguments = [part.format(app=subject.app, port=port) for part in subject.command]
    with running(
        [subject.python, *arguments],
        port=port,
        path=path or subject.path,
        env=environment(PORT=str(port), **subject.env, **(env or {})),
        core=core,
        settled=settled,
    ) as server:
        yield server


def _make(subject: Subject, pins: list[str]) -> None:
    folder = VENVS / subject.venv
    uv = [sys.executable, "-m", "uv"]
    _run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
    _run(
        [
            *(*uv, "pip", "install", "--quiet", "--python", subject.python),
            *("--constraints", str(PINS), *pins, *subject.packages),
        ]
    )


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        timeout=INSTALL_DEADLINE,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OpsError(
            f"{' '.join(command)} failed: {done.stderr.strip()[-800:]}",
            remedy="the peers come from PyPI; --only leaves out what needs them",
        )


def _versions(subject: Subject) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, sys;"
        "print(*(m.version(name) for name in sys.argv[1:]))"
    )
    names = subject.packages
    told = subprocess.run(
        [subject.python, "-c", code, *names],
        timeout=60.0,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(names, told.stdout.split(), strict=True))
