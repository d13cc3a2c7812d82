"""Where the local platform keeps things, all below one home."""

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Places"]


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one home.

    Attributes:
        home: ``PM33_HOME``; absolute for whoever starts processes.
    """

    home: Path

    @property
    def root(self) -> Path:
        """What belongs to the platform alone; 0700."""
        return self.home / "platform"

    @property
    def state(self) -> Path:
        """What survives the supervisor."""
        return self.root / "state.json"

    @property
    def variables(self) -> Path:
        """The service's variables; people edit it."""
        return self.root / "variables.env"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor as long as it runs."""
        return self.root / "supervisor.lock"

    @property
    def keeper_lock(self) -> Path:
        """Held by the keeper as long as it runs."""
        return self.root / "keeper.lock"

    @property
    def log(self) -> Path:
        """What keeper and supervisor say."""
        return self.root / "supervisor.log"

    @property
    def releases(self) -> Path:
        """Checkouts, by commit."""
        return self.home / "releases"

    @property
    def venvs(self) -> Path:
        """Virtual environments of releases with other locks, by the lock's hash."""
        return self.home / "venvs"

    def deployment(self, deployment: str) -> Path:
        """The folder of one deployment."""
        return self.root / "deployments" / deployment

    def forget_all_but(self, deployments: Collection[str]) -> None:
        """Removes the folders of all other deployments."""
        for folder in (self.root / "deployments").iterdir():
            if folder.name not in deployments:
                shutil.rmtree(folder, ignore_errors=True)

    def make(self) -> None:
        """Makes the folders, closed to others.

        Raises:
            OSError: they cannot be made.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        for folder in (self.root, self.root / "deployments", self.releases):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.root.chmod(0o700)
