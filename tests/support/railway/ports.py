"""Ports for releases, which come and go for as long as a simulator runs."""

import secrets
from typing import Final

from app.backend.database.embedded.server import is_free

__all__ = ["free_port_for_releases"]

# Below those that the system gives to whoever asks for any (ip_local_port_range), so
# that a port is still free when its process, or the next one, comes to listen on it.
_PORTS: Final = range(20_000, 32_000)
_TRIES: Final = 100


def free_port_for_releases() -> int:
    """A port of 127.0.0.1 that nobody else is given by chance.

    Raises:
        RuntimeError: none was found.
    """
    for _ in range(_TRIES):
        port = secrets.choice(_PORTS)
        if is_free(port):
            return port
    raise RuntimeError(f"no port from {_PORTS.start} to {_PORTS.stop} is free")
