"""What the local platform remembers: one frozen tree, one file, replaced at once."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.backend.deploy.platforms.base import (
    Deployment,
    DeploymentStatus,
    ServiceSettings,
)
from app.backend.processes import ProcessMark
from app.backend.processes.files import write_private
from app.errors import LeaseLostError, PlatformError

__all__ = [
    "DeploymentRecord",
    "PlatformState",
    "StateStore",
    "load_state",
    "save_state",
]

logger = logging.getLogger("pm33.platform")

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRecord:
    """One deployment, whatever has become of it.

    Attributes:
        epoch: of the lease that it was asked for under.
        settings: None until its checkout has been read.
    """

    id: str
    commit: str
    status: DeploymentStatus
    created_at: datetime
    tag: str | None = None
    rollback_of: str | None = None
    epoch: int = 0
    succeeded: bool = False
    reason: str = ""
    settings: ServiceSettings | None = None

    @property
    def is_unfinished(self) -> bool:
        """Whether it is still on its way to serving."""
        return not self.succeeded and not self.status.is_over

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"created_at": self.created_at.isoformat()}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "DeploymentRecord":
        """From :meth:`to_dict`."""
        values = _known(cls, body)
        values["created_at"] = datetime.fromisoformat(body["created_at"])
        values["status"] = DeploymentStatus(body["status"])
        if values.get("settings") is not None:
            values["settings"] = ServiceSettings.from_dict(values["settings"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformState:
    """Everything that has to survive the supervisor.

    Attributes:
        epoch: the highest that a caller has shown.
        repository: the git repository that commits come from.
        environment: what ``ENVIRONMENT`` is for the releases, and which table of
            ``railway.toml`` counts.
        host: where the proxy listens.
        port: where the proxy listens; 0: none has been chosen yet.
        database: whether a PostgreSQL belongs to it where no ``DATABASE_URL`` is set.
        stopped: whether somebody has asked it to be down.
        active: the deployment that users' requests go to.
        previous: the one before that.
        deployments: the oldest first.
        children: the processes that it has started, by what they are.
    """

    epoch: int = 0
    repository: str = ""
    environment: str = "development"
    host: str = "127.0.0.1"
    port: int = 0
    database: bool = True
    stopped: bool = False
    active: str | None = None
    previous: str | None = None
    deployments: tuple[DeploymentRecord, ...] = ()
    children: Mapping[str, ProcessMark] | None = None

    def find(self, deployment: str | None) -> DeploymentRecord | None:
        """A deployment by its id."""
        return next((one for one in self.deployments if one.id == deployment), None)

    def tagged(self, tag: str) -> DeploymentRecord | None:
        """The newest deployment that this run has asked for."""
        found = [one for one in self.deployments if one.tag == tag]
        return found[-1] if found else None

    def having(self, record: DeploymentRecord) -> "PlatformState":
        """The state with this deployment, new or changed."""
        if self.find(record.id) is None:
            return replace(self, deployments=(*self.deployments, record))
        changed = (record if one.id == record.id else one for one in self.deployments)
        return replace(self, deployments=tuple(changed))

    def fenced(self, epoch: int) -> "PlatformState":
        """The state that has seen this epoch.

        Raises:
            LeaseLostError: it has seen a higher one.
        """
        if epoch < self.epoch:
            raise LeaseLostError(
                f"epoch {epoch} is over: the platform has seen {self.epoch}",
                remedy="look with `pm33 deployments` who has taken over",
            )
        return self if epoch == self.epoch else replace(self, epoch=epoch)

    def view(self, record: DeploymentRecord, *, checkout: bool) -> Deployment:
        """A deployment as the protocol tells it; ``checkout``: whether it is there."""
        return Deployment(
            id=record.id,
            commit=record.commit,
            status=record.status,
            created_at=record.created_at,
            active=record.id == self.active,
            succeeded=record.succeeded,
            can_roll_back=record.succeeded and checkout,
            tag=record.tag,
            rollback_of=record.rollback_of,
            reason=record.reason,
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with the format's number."""
        body = {one.name: getattr(self, one.name) for one in fields(self)}
        body["deployments"] = [one.to_dict() for one in self.deployments]
        marks = (self.children or {}).items()
        body["children"] = {name: asdict(mark) for name, mark in marks}
        return {"format": FORMAT, **body}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> "PlatformState":
        """From :meth:`to_dict`; fields of a later version are passed over.

        Raises:
            KeyError, TypeError, ValueError: it is none, or of a later format.
        """
        if body["format"] != FORMAT:
            raise ValueError(f"it has format {body['format']}, not {FORMAT}")
        values = _known(cls, body)
        values["deployments"] = tuple(
            map(DeploymentRecord.from_dict, body["deployments"])
        )
        values["children"] = {
            name: ProcessMark(**mark) for name, mark in body["children"].items()
        }
        return cls(**values)


class StateStore:
    """The state in memory and in its file; followers are woken by every change."""

    def __init__(self, path: Path, state: PlatformState) -> None:
        self._path = path
        self._state = state
        self._changed = asyncio.Event()

    @classmethod
    def load(cls, path: Path) -> "StateStore":
        """Reads the file; a fresh state where there is none.

        Raises:
            PlatformError: there is one that cannot be understood.
        """
        return cls(path, load_state(path))

    @property
    def state(self) -> PlatformState:
        """As it is now."""
        return self._state

    def change(self, state: PlatformState) -> None:
        """Writes a new state down, and wakes who follows it.

        Raises:
            OSError: it could not be written; nothing has changed.
        """
        save_state(self._path, state)
        self._hold(state)

    def keep_up(self, state: PlatformState) -> None:
        """Takes note of what has come about, also when the disk is full.

        The next change that can be written brings it along.
        """
        self._hold(state)
        try:
            save_state(self._path, state)
        except OSError:
            logger.exception("%s is behind what has come about", self._path)

    def wake(self) -> None:
        """Wakes who follows, over something that is not worth a file's sync."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _hold(self, state: PlatformState) -> None:
        self._state = state
        self.wake()

    async def changed(self) -> None:
        """Waits for the next change."""
        await self._changed.wait()


def load_state(path: Path) -> PlatformState:
    """Reads a state file.

    Raises:
        PlatformError: there is one that cannot be understood.
    """
    try:
        return PlatformState.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return PlatformState()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PlatformError(
            f"{path} cannot be used: {error}",
            remedy="use the version that wrote it, or move the file away to begin anew",
        ) from error


def save_state(path: Path, state: PlatformState) -> None:
    """Replaces a state file at once."""
    write_private(path, json.dumps(state.to_dict(), indent=1))


def _known(kind: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in body.items() if name in names}
