"""A PostgreSQL of the project's own: found or carried along, started, stopped."""

from app.backend.database.embedded.control import (
    EmbeddedServer,
    Places,
    last_url,
    running_url,
    start,
)

__all__ = ["EmbeddedServer", "Places", "last_url", "running_url", "start"]
