"""Starts the embedded server in a process of its own; run as a script.

The one argument is a JSON object: ``home`` and ``scratch`` (folders), ``packages`` (the
folder that holds the wheel), ``hidden`` (no PostgreSQL of the machine is found),
``deny`` (a list of ``unshare`` and ``setuid``). It prints one JSON object a line: what
runs or what went wrong; then it waits for the end of its standard input and stops.
"""

import asyncio
import ctypes
import json
import os
import platform
import struct
import sys
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from app.backend.database.embedded import Places, start
from app.errors import EmbeddedPostgresError

_PR_CAPBSET_DROP = 24  # prctl(2)
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_CAP_SETUID = 7  # capabilities(7)
_UNSHARE = {"x86_64": 272, "aarch64": 97}
_EPERM = 1


def deny_unshare() -> None:
    """Lets unshare(2) fail with EPERM from here on, as container runtimes do."""
    load, equal, give = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    refuse, allow = 0x00050000 | _EPERM, 0x7FFF0000  # seccomp(2), SECCOMP_RET_*
    program = (
        (load, 0, 0, 0),
        (equal, 0, 1, _UNSHARE[platform.machine()]),
        (give, 0, 0, refuse),
        (give, 0, 0, allow),
    )
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    filters = ctypes.create_string_buffer(code)
    header = struct.pack("HP", len(program), ctypes.addressof(filters))
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(header))


def prctl(option: int, *arguments: Any) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    words = [
        ctypes.c_ulong(word) if isinstance(word, int) else word
        for word in (*arguments, *[0] * (4 - len(arguments)))
    ]
    if library.prctl(option, *words):
        raise OSError(ctypes.get_errno(), "prctl")


def tell(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def places(order: dict[str, Any]) -> Places:
    packages = (order["packages"],) if order["packages"] else None
    scratch = Path(order["scratch"])
    if not order["hidden"]:
        return Places(packages=packages, scratch=scratch)
    return Places("no-pg_config", scratch / "none", "", packages, scratch)


async def main(order: dict[str, Any]) -> None:
    try:
        server = await start(Path(order["home"]), places=places(order), durable=False)
    except EmbeddedPostgresError as error:
        tell(error=str(error), remedy=error.remedy)
        return
    try:
        connection = await asyncpg.connect(server.url, timeout=30)
        try:
            said = await connection.fetchval("SELECT version()", timeout=30)
        finally:
            await connection.close(timeout=30)
        tell(
            pid=server.pid,
            uid=psutil.Process(server.pid).uids().real,
            data_dir=str(server.data_dir),
            source=server.source,
            version=said,
        )
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await server.stop()
    tell(stopped=True)


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    if "unshare" in task["deny"]:
        deny_unshare()
    if "setuid" in task["deny"] and os.geteuid() == 0:
        prctl(_PR_CAPBSET_DROP, _CAP_SETUID)
    asyncio.run(main(task))
