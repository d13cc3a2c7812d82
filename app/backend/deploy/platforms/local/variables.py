"""The service's variables: a dotenv file that people edit and ``set`` changes.

How it is written does not matter as long as it can be read: nobody is refused in an
emergency over a byte order mark. ``pm33 env validate`` minds that.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.backend.config.dotenv import parse_dotenv, split_lines
from app.backend.processes.files import write_private
from app.errors import ConfigError, PlatformError

__all__ = ["load_variables", "parse_variables", "set_variables", "snapshot", "stored"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_variables(text: str, *, source: str) -> dict[str, str]:
    """Reads dotenv text; the last line of a name counts.

    Raises:
        ConfigError: a line cannot be understood; its number is told, not its value.
    """
    found = parse_dotenv(text)
    for fault in found.faults:
        if fault.loses_a_line:
            raise ConfigError(
                f"{source}, line {fault.number} {fault.message}", remedy=fault.remedy
            )
    return found.values()


def load_variables(path: Path) -> dict[str, str]:
    """Reads the file; nothing where there is none.

    Raises:
        ConfigError: it cannot be read or understood.
    """
    return parse_variables(_text(path), source=path.name)


def set_variables(path: Path, changes: Mapping[str, str | None]) -> None:
    """Changes variables in the file and leaves its other lines alone; None removes.

    Raises:
        ConfigError: a name or a value cannot be written, or the file not read.
    """
    for name, value in changes.items():
        if _NAME.fullmatch(name) is None or "\0" in (value or ""):
            raise ConfigError(
                f"{name!r} cannot be set as a variable",
                remedy="use letters, digits and underscores, and no NUL in the value",
            )
    text = _text(path)
    parse_variables(text, source=path.name)
    gone = {one.number for one in parse_dotenv(text).lines if one.name in changes}
    kept = [line for n, line in enumerate(split_lines(text), 1) if n not in gone]
    kept += [f"{n}={_quoted(v)}" for n, v in changes.items() if v is not None]
    write_private(path, "".join(f"{line}\n" for line in kept))


def snapshot(path: Path, values: Mapping[str, str]) -> None:
    """Keeps what a deployment was given, readable by this user alone."""
    write_private(path, json.dumps(values, indent=1))


def stored(path: Path) -> dict[str, str]:
    """What :func:`snapshot` has kept.

    Raises:
        PlatformError: it is not there any more, or damaged.
    """
    try:
        values: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlatformError(
            f"the variables of deployment {path.parent.name} cannot be read",
            remedy="use today's variables, or deploy its commit anew",
        ) from error
    return values


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({type(error).__name__})",
            remedy="make it a readable text file of NAME=value lines",
        ) from error


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{escaped}"'
