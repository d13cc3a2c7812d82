"""Which release runs here, and as which of its replicas."""

import os
import socket
import subprocess
from dataclasses import dataclass, replace

from app import __version__
from app.backend.config.environment import Config

__all__ = ["Identifier", "Identity"]

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a verifier needs in order to prove which deployment answered."""

    deployment_id: str
    replica_id: str
    commit: str
    version: str
    environment: str

    def to_dict(self) -> dict[str, str]:
        """In the order of the contract's body."""
        return {
            "deployment_id": self.deployment_id,
            "replica_id": self.replica_id,
            "commit": self.commit,
            "version": self.version,
            "environment": self.environment,
        }


class Identifier:
    """Tells who this process is; asked anew each time, since a server may fork it."""

    def __init__(self, config: Config) -> None:
        ours, railway = config.deployment, config.railway
        self._replica = ours.replica_id or railway.replica_id
        self._identity = Identity(
            deployment_id=ours.deployment_id or railway.deployment_id or "local",
            replica_id="",
            commit=ours.commit or railway.git_commit_sha or _checked_out(config),
            version=__version__,
            environment=config.environment,
        )

    def __call__(self) -> Identity:
        """From the pipeline's variables, else Railway's, else from this machine."""
        here = self._replica or f"{socket.gethostname()}-{os.getpid()}"
        return replace(self._identity, replica_id=here)


def _checked_out(config: Config) -> str:
    """The commit of the working tree; asked in development only, where git is."""
    if not config.is_development:
        return UNKNOWN
    try:
        answer = subprocess.run(
            ("git", "rev-parse", "HEAD"),  # noqa: S607 - the developer's own git
            capture_output=True,
            text=True,
            timeout=2,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return answer.stdout.strip()
