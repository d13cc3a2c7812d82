"""What a release finds around it: its files, its variables, and nobody else's."""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["LOOPBACK", "Container", "replica_id"]

LOOPBACK: Final = "127.0.0.1"

_REPLICAS: Final = uuid.UUID("5d7ba4fb-3c0f-4c9c-9d23-5b9f0e0d8a51")


def replica_id(deployment: str, number: int) -> str:
    """The id of a deployment's replica, the same at every start of its process."""
    return str(uuid.uuid5(_REPLICAS, f"{deployment}/{number}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Where the processes of one deployment run.

    Attributes:
        variables: the deployment's, as the private network shows them.
        checkout: the commit's files, where they run.
        programs: the folder of the release's ``python`` and ``pm33``.
        scratch: takes what they write into home and temporary folders.
    """

    deployment: str
    variables: Mapping[str, str] = field(repr=False)
    checkout: Path
    programs: Path
    scratch: Path

    def of_command(self) -> dict[str, str]:
        """For a command that runs once; no port is its own."""
        return {
            "HOME": str(self.scratch),
            "TMPDIR": str(self.scratch),
            "PYTHONUNBUFFERED": "1",
            # A container may listen on every address, and this machine may not.
            "HOST": LOOPBACK,
            "RAILWAY_PUBLIC_DOMAIN": LOOPBACK,
            **self.variables,
            "PATH": os.pathsep.join((str(self.programs), os.defpath)),
            "PYTHONPATH": str(self.checkout),
        }

    def of_replica(self, number: int, port: int) -> dict[str, str]:
        """For one replica.

        On Railway a service's own ``PORT`` would count: there, each replica has an
        address of its own, and here they share one.
        """
        return {
            **self.of_command(),
            "PORT": str(port),
            "RAILWAY_REPLICA_ID": replica_id(self.deployment, number),
        }
