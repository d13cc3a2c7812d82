"""``make demo``: a good release, a migration, a bad release, and the way back.

Everything is real and of this machine: a git repository, PostgreSQL, a proxy, two
replicas of each release, customers. The same commands work by hand: they are printed.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from load import Customers, Totals

ROOT = Path(__file__).resolve().parents[2]
RELEASES = Path(__file__).with_name("releases")
RATE = 25.0
COMMAND_TIMEOUT = 180.0
ROLLED_BACK = 1
# Short enough for an audience; contract §7 has what production gets.
PACE = {
    "PM33_BAKE": "10",
    "PM33_GATE_HOLD": "2",
    "PM33_MONITOR_INTERVAL": "1",
    "PM33_PROBE_PATHS": "/orders/count",
}


@dataclass(frozen=True)
class Shop:
    """Where the demo lives: all of it below one folder, made anew each time."""

    home: Path
    repository: Path
    port: int

    @property
    def url(self) -> str:
        """Where its customers go."""
        return f"http://127.0.0.1:{self.port}"

    async def pm33(self, *words: str, quiet: bool = False) -> tuple[int, str]:
        """Runs a command of the project as a user would; its talk goes to the screen.

        Raises:
            TimeoutError: it took more than three minutes.
        """
        if not quiet:
            say(f"\n$ pm33 {' '.join(words)}")
        environ = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG"}}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", *words),
            cwd=self.repository,
            env=environ | PACE | {"PM33_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet else None,
        )
        async with asyncio.timeout(COMMAND_TIMEOUT):
            output, _ = await process.communicate()
        return process.returncode or 0, (output or b"").decode()

    def release(self, name: str) -> str:
        """Commits one of the examples on top of what is there; returns the commit."""
        shutil.copytree(RELEASES / name, self.repository, dirs_exist_ok=True)
        heads = ("-m", "app.cli", "migrate", "heads", "--write")
        subprocess.run((sys.executable, *heads), cwd=self.repository, check=True)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Release {name}")
        return self.git("rev-parse", "HEAD")

    def git(self, *words: str) -> str:
        """Runs git in the demo's repository, whatever the user's own settings are."""
        who = ("-c", "user.name=Demo", "-c", "user.email=demo@example.org")
        plain = (*who, "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")
        done = subprocess.run(
            ("git", *plain, *words),
            cwd=self.repository,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()


def say(text: str) -> None:
    """Talks to the audience at once."""
    print(text, flush=True)


def make_shop(folder: Path) -> Shop:
    """Copies the project as it is now into a repository of its own."""
    shop = Shop(folder / "home", folder / "repository", free_port())
    shop.repository.mkdir(parents=True)
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, shop.repository / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    shop.git("init", "--quiet", "--initial-branch=main")
    return shop


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextlib.asynccontextmanager
async def platform(shop: Shop) -> AsyncIterator[None]:
    """The local platform, up for the block."""
    variables = shop.home.parent / "variables.env"
    variables.write_text(
        "PM33_MOUNT=shop:app\nPM33_DB_POOL_TIMEOUT=1\nDB_POOL_SIZE=4\n"
    )
    up = ("up", "--port", str(shop.port), "--env-file", str(variables))
    code, _ = await shop.pm33("platform", *up)
    try:
        if code:
            raise SystemExit(code)
        yield
    finally:
        await shop.pm33("platform", "down")


async def deploy(shop: Shop, name: str, *flags: str) -> int:
    """Commits and deploys one release."""
    commit = shop.release(name)
    to = ("--environment", "development", "--commit", commit[:12])
    code, _ = await shop.pm33("deploy", *to, *flags)
    return code


async def proxy_count(shop: Shop) -> int:
    """How many requests the proxy says it has answered."""
    _, output = await shop.pm33("platform", "status", "--json", quiet=True)
    count: int = json.loads(output)["answered"]
    return count


@dataclass(frozen=True)
class Story:
    """What was seen.

    Attributes:
        codes: how each deploy ended.
        lost: requests that failed while good releases replaced each other.
        totals: what the customers counted.
        counted: what the proxy counted.
        taken: orders in the database.
    """

    codes: tuple[int, ...]
    lost: int
    totals: Totals
    counted: int
    taken: int

    def wrong(self) -> list[str]:
        """Whatever is not as it has to be."""
        wanted = (0, 0, ROLLED_BACK)
        said = {
            f"the deploys ended with {self.codes}, not {wanted}": self.codes != wanted,
            f"{self.lost} requests were lost by good releases": bool(self.lost),
            f"the proxy counted {self.counted} requests, not {self.totals.sent}": (
                self.counted != self.totals.sent
            ),
            f"{self.taken} orders were taken, {self.totals.accepted} were accepted": (
                self.taken != self.totals.accepted
            ),
        }
        return [text for text, holds in said.items() if holds]

    def summary(self) -> str:
        """One line."""
        return (
            f"totals: {self.totals.sent} requests sent, {self.counted} counted by the "
            f"proxy, {self.lost} lost by good releases, {self.totals.failed} failed by "
            f"the bad one, {sum(self.totals.lost.values())} without an answer, "
            f"{self.totals.accepted} orders accepted, {self.taken} taken"
        )


async def play(shop: Shop) -> Story:
    """Plays the whole story."""
    async with platform(shop):
        say("\n--- 1. The first release, with the tables of the shop")
        codes = [await deploy(shop, "1-orders", "--migrate")]
        say(f"\n--- 2. Customers come, {RATE:g} requests a second, and stay")
        leave, customers = asyncio.Event(), Customers(shop.url, RATE)
        before = await proxy_count(shop)
        load = asyncio.create_task(customers.come(leave))
        say("\n--- 3. A good release with a migration replaces it")
        codes.append(await deploy(shop, "2-notes", "--migrate"))
        lost = customers.totals.failed + sum(customers.totals.lost.values())
        say(f"requests lost until here: {lost}")
        say("\n--- 4. A bad release: its health page smiles, its orders fail")
        codes.append(await deploy(shop, "3-receipts"))
        leave.set()
        totals = await load
        counted = await proxy_count(shop) - before
        say("\n--- 5. What happened")
        await shop.pm33("deployments", "list", "--environment", "development")
        taken = await orders(shop)
    return Story(tuple(codes), lost, totals, counted, taken)


async def orders(shop: Shop) -> int:
    """How many orders the database holds."""
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.get(f"{shop.url}/orders/count")
    taken: int = answer.json()["orders"]
    return taken


async def main() -> int:
    """Starts from nothing each time, and leaves nothing that runs.

    Returns:
        0, or 1 when a release did not do what it should or the counts differ.
    """
    folder = ROOT / ".pm33" / "demo"
    if (folder / "repository").is_dir():
        left = Shop(folder / "home", folder / "repository", 0)
        await left.pm33("platform", "down", quiet=True)
    shutil.rmtree(folder, ignore_errors=True)
    story = await play(make_shop(folder))
    for reason in story.wrong():
        say(f"wrong: {reason}")
    say(story.summary())
    return 1 if story.wrong() else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
