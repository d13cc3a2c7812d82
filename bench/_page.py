"""A page whose tables a run replaces, and the commit that they are of."""

import shutil
import subprocess
from pathlib import Path

from bench._servers import ROOT

__all__ = ["commit", "replace_tables"]

_BEGIN, _END = "<!-- tables: begin -->", "<!-- tables: end -->"


def commit() -> str:
    """What is checked out; ``+`` for changes that are not committed."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [
        *(git, "--no-optional-locks", "-C", str(ROOT)),
        *("describe", "--always", "--dirty=+", "--match="),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def replace_tables(page: Path, tables: str) -> None:
    """Replaces what stands between the two marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n\n{tables}\n{_END}{after}", encoding="utf-8")
