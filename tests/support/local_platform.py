"""A local platform in a folder of a test, and light releases to run on it."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import httpx

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.platforms.local.keeper import KEEPER
from app.backend.deploy.platforms.local.lifting import bring_down, wait_until_up
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.preparing import UpOptions, prepare
from app.backend.processes import spawn

__all__ = [
    "RAILWAY_TOML",
    "Repository",
    "ask",
    "deployed",
    "light_repository",
    "own_repository",
    "running_platform",
    "settled",
    "short_home",
]

_DEADLINE: Final = 60.0
_ROOT: Final = Path(__file__).resolve().parents[2]

SERVER: Final = '''
"""Answers every request with who it is; made to start within a tenth of a second."""

import asyncio
import json
import os
import signal
import sys

import release


def told(ours, railways):
    return os.environ.get(ours) or os.environ[railways]


ME = {
    "release": release.NAME,
    "commit": told("PM33_COMMIT", "RAILWAY_GIT_COMMIT_SHA"),
    "deployment_id": told("PM33_DEPLOYMENT_ID", "RAILWAY_DEPLOYMENT_ID"),
    "replica_id": told("PM33_REPLICA_ID", "RAILWAY_REPLICA_ID"),
    "pid": os.getpid(),
}


async def connected(reader, writer):
    try:
        while head := await reader.readuntil(b"\\r\\n\\r\\n"):
            lines = head.decode().split("\\r\\n")
            method, path, _ = lines[0].split(" ", 2)
            fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            status, answer = await release.answer(method, path, body, ME)
            text = json.dumps(answer).encode()
            writer.write(
                b"HTTP/1.1 %d X\\r\\ncontent-type: application/json\\r\\n"
                b"content-length: %d\\r\\n\\r\\n%b" % (status, len(text), text)
            )
            await writer.drain()
            if fields.get("connection") == "close":
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def listen():
    if (path := os.environ.get("PM33_SOCKET")) is None:
        port = int(os.environ["PORT"])
        return await asyncio.start_server(connected, "127.0.0.1", port)
    if os.path.exists(path):
        os.unlink(path)
    return await asyncio.start_unix_server(connected, path)


async def main():
    release.start()
    server = await listen()
    print("listening", release.NAME, flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()
    await asyncio.sleep(release.DRAIN)
    print("drained", flush=True)
    os._exit(0)


asyncio.run(main())
'''

RELEASE: Final = '''
import os

NAME = "{name}"
DRAIN = 0.1


def start():
    """Before it listens."""


async def answer(method, path, body, me):
    if path == "/env":
        return 200, dict(os.environ)
    return 200, dict(me, method=method, path=path)
'''

RAILWAY_TOML: Final = """
[deploy]
startCommand = "python server.py"
healthcheckPath = "/health"
healthcheckTimeout = 20
overlapSeconds = 0
drainingSeconds = 5
restartPolicyMaxRetries = 3
numReplicas = 2
"""


class Repository:
    """A git repository of one light application.

    Attributes:
        path: its working tree.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def commit(self, name: str, **files: str) -> str:
        """Commits a release that answers with its name; returns the commit's id.

        Args:
            name: what it says it is.
            files: content by file name, ``__`` standing for a dot; they are
                ``release__py`` (``NAME``, ``DRAIN``, ``start()``, ``answer()``),
                ``railway__toml``, ``server__py``, or any other.
        """
        content = {
            "server.py": SERVER,
            "release.py": RELEASE.replace("{name}", name),
            "railway.toml": RAILWAY_TOML,
            **{one.replace("__", "."): text for one, text in files.items()},
        }
        for one, text in content.items():
            (self.path / one).write_text(textwrap.dedent(text), encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", name)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        """Runs git here and returns what it says."""
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        done = subprocess.run(
            ("git", "-C", str(self.path), *identity, *arguments),
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


def light_repository(folder: Path) -> Repository:
    """An empty repository; give it releases with :meth:`Repository.commit`."""
    return Repository(folder / "repository")


def own_repository(folder: Path, settings: str) -> Repository:
    """This very project in a repository of its own, as its working tree is now.

    Args:
        folder: takes the repository.
        settings: its ``railway.toml``.
    """
    repository = Repository(folder / "own")
    unwanted = shutil.ignore_patterns("__pycache__")
    for name in ("app", "migrations"):
        shutil.copytree(_ROOT / name, repository.path / name, ignore=unwanted)
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy(_ROOT / name, repository.path / name)
    (repository.path / "railway.toml").write_text(settings, encoding="utf-8")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "this project")
    return repository


@contextmanager
def short_home() -> Iterator[Path]:
    """A home for a platform, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pm33-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running_platform(
    home: Path,
    repository: Repository,
    environ: Mapping[str, str] | None = None,
    *,
    database: bool = False,
    environment: str = "development",
) -> AsyncIterator[LocalPlatform]:
    """A platform that listens on a free port, and is gone afterwards.

    Its keeper is on a leash: it also ends when the test's process is killed.

    Args:
        home: takes all of its files.
        repository: where commits come from.
        environ: the service's variables.
        database: whether it has a PostgreSQL of its own.
        environment: which it is.
    """
    places = Places(home)
    options = UpOptions(
        repository=repository.path,
        environment=environment,
        port=0,
        database=database,
        variables=environ,
    )
    await asyncio.to_thread(prepare, places, options)
    with places.log.open("ab") as log:
        keeper = spawn(
            (sys.executable, "-m", KEEPER, str(home)),
            death_signal=signal.SIGTERM,
            output=log.fileno(),
        )
    try:
        await wait_until_up(home, lambda: keeper.poll() is None)
        yield LocalPlatform(home)
    finally:
        await bring_down(home, timeout=30)
        keeper.kill()
        keeper.wait()


async def settled(platform: LocalPlatform, deployment: str) -> Deployment:
    """Waits until a deployment is ready, serves, or is over; returns it then."""
    async with asyncio.timeout(_DEADLINE):
        async for state in platform.follow(deployment):
            if state.status is DeploymentStatus.READY:
                break
    return state


async def deployed(
    platform: LocalPlatform, commit: str, *, tag: str | None = None, epoch: int = 1
) -> Deployment:
    """Brings a commit up and switches to it."""
    begun = await platform.deploy(commit, tag=tag or f"tag-{commit}", epoch=epoch)
    ready = await settled(platform, begun.id)
    assert ready.status is DeploymentStatus.READY, ready.reason
    return await platform.switch(begun.id, epoch=epoch)


async def ask(platform: LocalPlatform, path: str = "/") -> dict[str, str]:
    """What a user is answered, over a new connection; asserts that it is a 200."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        response = await http.get(await platform.url() + path)
    assert response.status_code == 200, response.text
    answer: dict[str, str] = json.loads(response.text)
    return answer
