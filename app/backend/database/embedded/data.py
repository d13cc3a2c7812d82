"""The embedded server's data folder: where it is, how it is made, who works on it."""

import hashlib
import json
import os
import secrets
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from app.backend.database.embedded.binaries import Binaries
from app.backend.database.embedded.identity import (
    NOBODY,
    Identity,
    scratch_folder,
    trusted,
)
from app.backend.processes import ProcessMark, end, gone_by, spawn
from app.errors import EmbeddedPostgresError

__all__ = [
    "NAME",
    "clear_remains",
    "create_data",
    "data_password",
    "data_version",
    "existing_data",
    "folder_for_data",
    "fresh_log",
    "log_tail",
    "postmaster_of",
    "processes_on",
    "tag_of",
]

# The superuser, and the database.
NAME = "pm33"

_FOLDER = "postgres"
_DRAFT = "postgres.new-"
# Inside the data folder: the password, and the proof that initdb came to its end.
_MARKER = "pm33.json"
_INITDB_TIMEOUT = 120.0
_TAIL_LINES = 12
_SERVER_NAMES = frozenset({"postgres", "postmaster"})


def existing_data(home: Path, recorded: Path | None, scratch: Path) -> Path | None:
    """The data folder of this home, if there is one.

    Raises:
        EmbeddedPostgresError: it lies in a folder that is not ours.
    """
    places: list[Path | None] = [home / _FOLDER]
    if os.geteuid() == 0:  # nobody else has data elsewhere
        apart = (scratch_folder(scratch, home, uid) for uid in (NOBODY, 0))
        places += [recorded, *(folder / _FOLDER for folder in apart)]
    for folder in places:
        if folder is not None and folder.is_dir():
            if folder.parent != home:
                trusted(folder.parent)
            return folder
    return None


def folder_for_data(home: Path, identity: Identity, scratch: Path) -> Path:
    """Where new data go: into the home if the server's user can get there.

    Raises:
        EmbeddedPostgresError: the folder outside the home is not ours.
    """
    if identity.reaches(home):
        return home / _FOLDER
    return trusted(scratch_folder(scratch, home, identity.uid)) / _FOLDER


def data_version(data: Path) -> str:
    """The major version that wrote the data."""
    return (data / "PG_VERSION").read_text(encoding="ascii").strip()


def data_password(data: Path) -> str:
    """The superuser's password.

    Raises:
        EmbeddedPostgresError: the folder was not made by :func:`create_data`.
    """
    try:
        marker = json.loads((data / _MARKER).read_text(encoding="utf-8"))
        return str(marker["password"])
    except (OSError, ValueError, KeyError) as error:
        raise EmbeddedPostgresError(
            f"{data} is not an embedded database of this project",
            remedy="move the folder away, or set DATABASE_URL",
        ) from error


def tag_of(data: Path) -> str:
    """What every process of a server on these data shows in its command line."""
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return f"pm33-{digest}"


async def create_data(
    data: Path, binaries: Binaries, identity: Identity, *, log: Path, durable: bool
) -> None:
    """Makes the data folder, whole or not at all.

    Raises:
        EmbeddedPostgresError: initdb failed; the message ends with what it said.
    """
    for leftover in data.parent.glob(f"{_DRAFT}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=data.parent))
    try:
        identity.give(draft)
        password = secrets.token_urlsafe(24)
        secret = draft / "password"
        _write_for(identity, secret, password)
        await _initdb(draft / "data", secret, binaries, identity, log, durable=durable)
        marker = draft / "data" / _MARKER
        _write_for(identity, marker, json.dumps({"password": password}))
        (draft / "data").rename(data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_for(identity: Identity, path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    identity.give(path)


async def _initdb(
    data: Path,
    secret: Path,
    binaries: Binaries,
    identity: Identity,
    log: Path,
    *,
    durable: bool,
) -> None:
    command = [
        binaries.program("initdb"),
        f"--pgdata={data}",
        f"--username={NAME}",
        f"--pwfile={secret}",
        "--encoding=UTF8",
        "--no-locale",
        "--auth=scram-sha-256",
        "--no-instructions",
    ]
    if not durable:
        command.append("--no-sync")
    with fresh_log(log) as output:
        child = spawn(
            command,
            death_signal=signal.SIGKILL,
            identity=identity.launch,
            clean=True,
            cwd=data.parent,
            output=output.fileno(),
        )
    try:
        deadline = time.monotonic() + _INITDB_TIMEOUT
        await gone_by(deadline, lambda: child.poll() is None)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)  # it runs servers of its own
        code = child.wait()
    if code:
        raise EmbeddedPostgresError(
            f"initdb {binaries.version} failed ({code}):\n{log_tail(log)}",
            remedy="free what it names, or set DATABASE_URL",
        )


def fresh_log(log: Path) -> BinaryIO:
    """Opens an empty private log; the one before it is kept as ``.1``."""
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def log_tail(log: Path) -> str:
    """The end of a log, for an error's message."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_TAIL_LINES:])


def processes_on(data: Path) -> list[ProcessMark]:
    """The server processes that work on these data.

    Found by the cluster name in their command line, which can be read of every
    process; the working folder cannot, in a container without SYS_PTRACE.
    """
    import psutil  # noqa: PLC0415  # not needed until something is started

    tag, owner = tag_of(data), data.stat().st_uid
    found = []
    for process in psutil.process_iter():
        try:
            if process.uids().real != owner or tag not in " ".join(process.cmdline()):
                continue
        except psutil.Error:
            continue
        if mark := ProcessMark.of(process.pid):
            found.append(mark)
    return found


def postmaster_of(data: Path) -> tuple[ProcessMark, int] | None:
    """The running server on these data, and its port.

    ``postmaster.pid`` holds its id in the first line and its port in the fourth
    (PostgreSQL's ``miscadmin.h``, LOCK_FILE_LINE_*).
    """
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid, port = int(lines[0]), int(lines[3])
    except (OSError, ValueError, IndexError):
        return None
    for mark in processes_on(data):
        if mark.pid == pid:
            return mark, port
    return None


async def clear_remains(data: Path) -> None:
    """Clears what a killed server left, so that the next one starts.

    PostgreSQL itself sees that the process of ``postmaster.pid`` is dead, but not
    that its id went to another process, as it does when a container starts again.

    Raises:
        EmbeddedPostgresError: processes of the killed server cannot be ended.
    """
    orphans = processes_on(data)
    # They leave by themselves when they see that their parent is gone.
    steps = ((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
    if not await end(orphans, steps):
        pids = ", ".join(str(mark.pid) for mark in orphans)
        raise EmbeddedPostgresError(
            f"processes of an earlier server hold {data} and do not end: {pids}",
            remedy="end these processes, or restart the machine",
        )
    lock = data / "postmaster.pid"
    if lock.exists() and not _names_a_server(lock):
        lock.unlink()


def _names_a_server(lock: Path) -> bool:
    """Whether the lock's process is a PostgreSQL that could be on these data."""
    import psutil  # noqa: PLC0415  # not needed until something is started

    try:
        pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
        process = psutil.Process(pid)
        ours_elsewhere = "cluster_name=pm33-" in " ".join(process.cmdline())
        return process.name() in _SERVER_NAMES and not ours_elsewhere
    except (ValueError, psutil.Error):
        return False
