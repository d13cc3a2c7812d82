"""The environments that processes are given: what is said here, no more.

Nothing of the supervisor's own environment reaches a release but the way to programs,
the home, the language and the time zone: a shell's secrets are not the service's. What
installs a commit's requirements runs code of strangers; it gets, beside that, what
pip, uv and their connections are configured by. Git is the user's own, and gets
everything but what would lead it to another repository.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import ServiceSettings

__all__ = [
    "Surroundings",
    "build_environment",
    "drain_variables",
    "git_environment",
    "own_programs",
]

_INHERITED: Final = ("HOME", "LANG", "TZ")
# requests, OpenSSL, pip ("Environment Variables") and uv ("Environment variables").
_BUILDING: Final = frozenset(
    {
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle"),
        *("netrc", "path", "tmpdir", "xdg_cache_home", "xdg_config_home"),
    }
)
_BUILDING_BY_PREFIX: Final = ("PIP_", "UV_")
_PUBLISHING: Final = "UV_PUBLISH_"
# The shares of draining_seconds that closing takes and that stay before SIGKILL.
_CLOSING: Final = (3.0, 0.2)
_MARGIN: Final = (2.0, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all processes of one deployment share.

    Attributes:
        variables: the service's; ``PM33_*`` of the platform beat them, except for the
            times of the drain.
        checkout: where they run, and the first place to import from.
        programs: the folder with the release's ``python`` and ``pm33``.
    """

    home: Path
    environment: str
    deployment: str | None
    commit: str
    variables: Mapping[str, str]
    checkout: Path
    programs: Path

    def of_command(self) -> dict[str, str]:
        """For a command that runs once."""
        inherited = {n: os.environ[n] for n in _INHERITED if n in os.environ}
        path = os.pathsep.join((str(self.programs), os.environ.get("PATH", os.defpath)))
        own = {
            "PATH": path,
            "PYTHONPATH": str(self.checkout),
            "PYTHONUNBUFFERED": "1",
            "ENVIRONMENT": self.environment,
            "PM33_HOME": str(self.home),
            "PM33_COMMIT": self.commit,
        }
        if self.deployment is not None:
            own["PM33_DEPLOYMENT_ID"] = self.deployment
        return {**inherited, **self.variables, **own}

    def of_replica(
        self, number: int, socket: Path, settings: ServiceSettings
    ) -> dict[str, str]:
        """For one replica."""
        return {
            **drain_variables(settings.draining_seconds),
            **self.of_command(),
            "PM33_SOCKET": str(socket),
            "PM33_REPLICA_ID": f"{self.deployment}-{number}",
        }


def build_environment(own: Mapping[str, str]) -> dict[str, str]:
    """For what makes a release's virtual environment, out of this process's own."""
    return {
        name: text
        for name, text in own.items()
        if name in _INHERITED
        or name.lower() in _BUILDING
        or (name.startswith(_BUILDING_BY_PREFIX) and not name.startswith(_PUBLISHING))
    }


def git_environment(own: Mapping[str, str]) -> dict[str, str]:
    """For git, out of this process's own: it asks nobody, and it speaks English.

    Where git runs a hook it sets ``GIT_DIR`` and others (githooks(5)).
    """
    kept = {name: text for name, text in own.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def drain_variables(seconds: float) -> dict[str, str]:
    """Divides the time between SIGTERM and SIGKILL.

    There is no lame duck: traffic has moved before SIGTERM. The sum stays below
    ``seconds``; where that is 0, SIGKILL follows at once and nothing helps.
    """
    closing = min(_CLOSING[0], seconds * _CLOSING[1])
    margin = min(_MARGIN[0], seconds * _MARGIN[1])
    times = {"PM33_LAME_DUCK": "0"}
    if seconds > 0:
        times["PM33_CLOSE_TIMEOUT"] = f"{closing:g}"
        times["PM33_DRAIN_TIMEOUT"] = f"{seconds - closing - margin:g}"
    return times


def own_programs() -> Path:
    """The folder with the ``python`` and ``pm33`` of the running environment."""
    return Path(sys.executable).parent
