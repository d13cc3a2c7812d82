"""Virtual environments that hold some packages of this one, and nothing else."""

import re
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

__all__ = ["locked_packages", "virtual_environment"]

_ROOT = Path(__file__).resolve().parents[2]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def locked_packages() -> list[str]:
    """What requirements.txt names."""
    return _PIN.findall((_ROOT / "requirements.txt").read_text(encoding="utf-8"))


def virtual_environment(folder: Path, packages: list[str]) -> Path:
    """Makes one, with links to our packages; returns its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    for package in packages:
        _link(package, site)
    return folder / "bin" / "python"


def _link(package: str, site: Path) -> None:
    try:
        found = distribution(package)
    except PackageNotFoundError:  # another platform's
        return
    names = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
    for name in names:
        link = site / name
        if not link.exists():
            link.symlink_to(Path(str(found.locate_file(name))))
