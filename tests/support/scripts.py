"""The commands as users run them: programs, in a folder of theirs."""

import asyncio
import sys
from pathlib import Path

from tests.support.service import Finished

__all__ = ["PM33", "ROOT", "SCRIPTS", "ran"]

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
PM33 = Path(sys.executable).with_name("pm33")
_PATIENCE = 90.0


async def ran(*words: str | Path, folder: Path, **env: str) -> Finished:
    """Runs a program with this environment and no other, in a folder."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words),
        cwd=folder,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Finished(process.returncode or 0, out.decode(), err.decode())
