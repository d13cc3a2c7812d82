"""What ``--env-file``, ``--source`` and ``env diff`` name: where variables come from.

``process`` is the process environment, ``local:ENV`` and ``railway:ENV`` a platform's
variables, anything else the path of a dotenv file.
"""

import asyncio
import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.backend.config.variables import Variables
from app.cli.env.faults import Spot, spot_of, unreadable
from app.errors import ConfigError, UnreadableSourceError

if TYPE_CHECKING:
    from app.backend.config.dotenv import Dotenv

__all__ = [
    "PROCESS",
    "PROCESS_PLACE",
    "environment_of",
    "load_files",
    "load_source",
    "refuse_ambiguous",
    "secrets_of",
]

PROCESS: Final = "process"
PROCESS_PLACE: Final = "the process environment"
_PLATFORM: Final = re.compile(r"(?P<platform>local|railway):(?P<environment>.*)")
_ALIKE: Final = 0.8


def load_source(text: str) -> Variables:
    """The variables that one source gives.

    Args:
        text: ``process``, ``local:ENV``, ``railway:ENV`` or a path.

    Raises:
        UnreadableSourceError: there is no such source, or it cannot be read.
        PlatformError: the platform does not answer, or refuses.
    """
    if text == PROCESS:
        return Variables(values=dict(os.environ), source=PROCESS_PLACE)
    if found := _PLATFORM.fullmatch(text):
        return _of_platform(found["platform"], _environment(found))
    return load_files((Path(text),))


def environment_of(text: str) -> str | None:
    """The environment that a source's own name tells; None for a file's.

    Raises:
        UnreadableSourceError: it is none.
    """
    found = _PLATFORM.fullmatch(text)
    return None if found is None else _environment(found)


def load_files(paths: Sequence[Path]) -> Variables:
    """What several dotenv files set together.

    Raises:
        UnreadableSourceError: a file cannot be read, has a fault, or sets what another
            one sets as well; all faults of all files are told at once.
    """
    values: dict[str, str] = {}
    places: dict[str, str] = {}
    faults: list[tuple[Spot, str, str]] = []
    for path in paths:
        content = _read(path)
        faults += (
            (Spot(str(path), one.number), one.message, one.remedy)
            for one in content.faults
        )
        for line in content.lines:
            place = f"{path}, line {line.number}"
            earlier = places.get(line.name, place)
            if not earlier.startswith(f"{path}, line "):
                again = f"sets {line.name}, which {earlier} sets as well"
                faults.append((Spot(str(path), line.number), again, "keep one of them"))
            values[line.name], places[line.name] = line.value, place
    if faults:
        raise unreadable(faults)
    source = " and ".join(map(str, paths))
    return Variables(values=values, source=source, places=places)


def refuse_ambiguous(variables: Variables) -> None:
    """A secret given as a value and as a file: nobody can tell which one is meant.

    Raises:
        UnreadableSourceError: there is one.
    """
    from app.backend.config.environment import known_variables  # noqa: PLC0415 - 0.3 s

    faults = []
    for name, secret in known_variables().items():
        file = f"{name}_FILE"
        if secret and variables.values.get(name) and variables.values.get(file):
            spot = spot_of(variables.place(file)) or Spot(variables.place(file), 0)
            both = f"sets {file}, and {variables.place(name)} sets {name} as well"
            faults.append((spot, both, f"keep {name} or {file}"))
    if faults:
        raise unreadable(faults)


def secrets_of(variables: Variables) -> Iterator[str]:
    """Every value that must not be shown, for the redactor and for nobody else.

    Beside the settings' own: what is named like a secret, also where a misspelt name
    keeps the settings from knowing it.
    """
    from app.backend.config.environment import (  # noqa: PLC0415 - 0.3 s
        known_variables,
        read_config,
    )
    from app.backend.config.rules.model import QUOTES  # noqa: PLC0415 - as above

    known = known_variables()
    # They alone can keep a configuration from being read, and are no secrets.
    readable = {k: v for k, v in variables.values.items() if k not in {"HOST", "PORT"}}
    yield from read_config(readable).secrets()
    secret = [name for name, is_secret in known.items() if is_secret]
    for name, value in variables.values.items():
        if known.get(name) or (name not in known and _like_a_secret(name, secret)):
            yield value
            # The rules judge what was meant, without what was pasted around it.
            yield value.strip().strip(QUOTES)


def _like_a_secret(name: str, secret: Iterable[str]) -> bool:
    from app.backend.monitoring.secret_rules import (  # noqa: PLC0415 - as above
        is_sensitive_key,
    )

    if name.endswith("_FILE"):
        return False
    alike = difflib.get_close_matches(name.upper(), secret, 1, _ALIKE)
    return bool(alike) or is_sensitive_key(name)


def _read(path: Path) -> "Dotenv":
    from app.backend.config.dotenv import read_dotenv  # noqa: PLC0415 - a file's only

    try:
        return read_dotenv(path)
    except ConfigError as error:
        spot = spot_of(str(error).partition(" is ")[0]) or Spot(str(path), 0)
        words = str(error).removeprefix(f"{path}").removeprefix(f", line {spot.line}")
        raise UnreadableSourceError(
            str(error), remedy=error.remedy, spots=((spot, words.strip()),)
        ) from None  # an error of decoding holds the text


def _environment(found: re.Match[str]) -> str:
    from app.backend.config.environment import Environment  # noqa: PLC0415 - 0.3 s

    named = found["environment"].strip().lower()
    if named not in set(Environment):
        raise UnreadableSourceError(
            f"{found[0]!r} names no environment",
            remedy=f"write {found['platform']}: and one of {', '.join(Environment)}",
        )
    return named


def _of_platform(platform: str, environment: str) -> Variables:
    """The variables that the platform's next deployment would be given."""
    from app.backend.deploy.planning.environment import (  # noqa: PLC0415 - 0.5 s
        variables_of,
    )

    given = asyncio.run(_asked(platform, environment))
    return variables_of(given, platform, environment)


async def _asked(platform: str, environment: str) -> Mapping[str, str | None]:
    from app.backend.config.environment import read_config  # noqa: PLC0415 - as above
    from app.backend.deploy.opening import (  # noqa: PLC0415 - 0.5 s
        open_platform,
        platform_environment,
    )

    # Neither is any matter here, and a wrong one keeps the rest from being read.
    environ = {k: v for k, v in os.environ.items() if k not in {"HOST", "PORT"}}
    target = {"ENVIRONMENT": environment, "PM33_PLATFORM": platform}
    config = read_config({**environ, **target})
    runs = platform_environment(config.home)
    if platform == "local" and runs != environment:
        raise _runs_another(f"the local platform of {config.home}", runs, environment)
    opened = open_platform(config, environment)
    try:
        return await opened.variables()
    except ConfigError as error:
        raise UnreadableSourceError(str(error), remedy=error.remedy) from None
    finally:
        await opened.close()


def _runs_another(who: str, runs: str | None, asked: str) -> UnreadableSourceError:
    if runs is None:
        return UnreadableSourceError(
            f"{who} has not been set up",
            remedy="`pm33 platform up`, or name its home with PM33_HOME",
        )
    return UnreadableSourceError(
        f"{who} runs {runs}, not {asked}",
        remedy=f"name local:{runs}, or another home with PM33_HOME",
    )
