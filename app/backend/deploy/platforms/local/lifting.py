"""Bringing the platform up and down from outside."""

import asyncio
import contextlib
import math
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from app.backend.deploy.platforms.local.client import LocalPlatform
from app.backend.deploy.platforms.local.keeper import (
    KEEPER,
    ensure_keeper,
    module_environment,
    supervisor_of,
)
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.preparing import UpOptions, prepare
from app.backend.deploy.platforms.local.state import load_state, save_state
from app.backend.processes import end, session_of, spawn
from app.backend.processes.files import FileLock
from app.errors import PlatformError, PlatformUnreachableError

__all__ = [
    "bring_down",
    "bring_up",
    "stay_up",
    "wait_until_up",
]

_UP_TIMEOUT: Final = 30.0
_STOP_TIMEOUT: Final = 90.0
_POLL: Final = 0.05
_ASK_EVERY: Final = 1.0
_KILL_WAIT: Final = 5.0


async def bring_up(home: Path, options: UpOptions) -> tuple[Mapping[str, Any], bool]:
    """Starts the platform unless it runs, and waits until its proxy listens.

    Returns:
        Its status, and whether it was started with these options.

    Raises:
        ConfigError: home, repository or variables cannot be used.
        PlatformError: it did not come up; it is down again.
    """
    places = Places(home)
    fresh = prepare(places, options)

    def kept() -> bool:
        nonlocal fresh
        # Again and again: the last supervisor and keeper may have been about to go.
        if not fresh and load_state(places.state).stopped:
            fresh = prepare(places, options)
        ensure_keeper(places)
        return True

    try:
        status = await wait_until_up(home, kept)
    except PlatformError:
        if fresh:
            await bring_down(home, timeout=_KILL_WAIT)
        raise
    return status, fresh


async def stay_up(
    home: Path, options: UpOptions, tell: Callable[[Mapping[str, Any]], None]
) -> int:
    """Keeps the platform up until a signal, and then brings it down.

    It goes down as well when this process is killed.

    Args:
        home: whose platform.
        options: how it runs.
        tell: called once with the status, as soon as the proxy listens.

    Returns:
        0, or what its keeper ended with by itself.

    Raises:
        ConfigError: home, repository or variables cannot be used.
        PlatformError: it runs already, or did not come up.
    """
    places = Places(home)
    if not prepare(places, options):
        raise PlatformError(
            f"the platform of {home} runs already",
            remedy="stop it first with `pm33 platform down`",
        )
    keeper = spawn(
        (sys.executable, "-P", "-m", KEEPER, str(home)),
        death_signal=signal.SIGTERM,
        env=module_environment(),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, keeper.terminate)
    try:
        tell(await wait_until_up(home, lambda: keeper.poll() is None))
        while keeper.poll() is None:  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(_POLL)
    finally:
        keeper.terminate()
        await bring_down(home, timeout=_STOP_TIMEOUT)
        keeper.wait()
    return keeper.returncode


async def wait_until_up(
    home: Path,
    running: Callable[[], bool],
    timeout: float = _UP_TIMEOUT,  # noqa: ASYNC109 - the message names it
) -> Mapping[str, Any]:
    """Waits until the proxy listens; returns the status.

    Args:
        home: whose platform.
        running: asked every second; False when nobody tries any more.
        timeout: seconds until it has failed.

    Raises:
        PlatformError: it does not come up.
    """
    platform, problem = LocalPlatform(home), PlatformError("it does not answer")
    deadline = time.monotonic() + timeout
    asked = -math.inf
    while (now := time.monotonic()) < deadline:
        if now - asked >= _ASK_EVERY:
            asked = now
            if not await asyncio.to_thread(running):
                break
        try:
            status = await platform.status()
        except PlatformUnreachableError as error:
            problem = error
        else:
            # One that is going down still answers for a moment.
            going = load_state(Places(home).state).stopped
            if status["proxy"]["pid"] is not None and not going:
                return status
            if status["proxy"]["problem"] is not None:
                raise PlatformError(
                    f"the proxy cannot run: {status['proxy']['problem']}",
                    remedy=status["proxy"]["remedy"] or _see_log(home),
                )
        await asyncio.sleep(_POLL)
    raise PlatformError(
        f"the platform did not come up: {problem}", remedy=_see_log(home)
    )


async def bring_down(
    home: Path,
    timeout: float,  # noqa: ASYNC109 - after it, processes are killed
) -> bool:
    """Stops the platform and waits until nothing of it runs.

    Args:
        home: whose platform.
        timeout: seconds until what still runs is killed.

    Returns:
        Whether there was anything to stop.
    """
    places = Places(home)
    if not places.root.is_dir():
        return False
    was_up = not _all_free(places)
    deadline, asked = time.monotonic() + timeout, -math.inf
    while not _all_free(places) and (now := time.monotonic()) < deadline:
        # Again and again: the keeper may be about to start a new supervisor.
        if now - asked >= _ASK_EVERY:
            asked = now
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline - now):
                    await _ask_to_stop(places)
        await asyncio.sleep(_POLL)
    return await _sweep(places) or was_up


async def _ask_to_stop(places: Places) -> None:
    try:
        await LocalPlatform(places.home).stop()
    except PlatformError:
        if (mark := supervisor_of(places)) is not None:
            mark.send(signal.SIGTERM)
        else:
            _write_stopped(places)


def _write_stopped(places: Places) -> None:
    """For a keeper whose supervisor is just being started anew."""
    lock = FileLock(places.supervisor_lock)
    if lock.acquire():
        try:
            state = load_state(places.state)
            save_state(places.state, replace(state, stopped=True))
        finally:
            lock.release()


async def _sweep(places: Places) -> bool:
    """Kills what a platform that is down, or does not go down, has left."""
    mark = supervisor_of(places)
    state = load_state(places.state)
    if mark is not None:
        save_state(places.state, replace(state, stopped=True))
    marks = (*(state.children or {}).values(), *(() if mark is None else (mark,)))
    left = [one for leader in marks for one in session_of(leader)]
    await end(left, ((signal.SIGKILL, _KILL_WAIT),))
    lock = FileLock(places.supervisor_lock)
    if lock.acquire():
        state = replace(load_state(places.state), stopped=True, children={})
        save_state(places.state, state)
        lock.release()
    return bool(left)


def _all_free(places: Places) -> bool:
    """Whether neither keeper nor supervisor runs."""
    locks = [FileLock(places.keeper_lock), FileLock(places.supervisor_lock)]
    try:
        return all(lock.acquire() for lock in locks)
    finally:
        for lock in locks:
            lock.release()


def _see_log(home: Path) -> str:
    return f"look into {Places(home).log}"
