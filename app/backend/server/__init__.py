"""``pm33 serve``: one process that listens, serves an ASGI application, and drains."""

from app.backend.server.drain import DrainingServer, DrainPlan
from app.backend.server.instant import Instant
from app.backend.server.serving import bind, bind_socket, plan_drain, serve

__all__ = [
    "DrainPlan",
    "DrainingServer",
    "Instant",
    "bind",
    "bind_socket",
    "plan_drain",
    "serve",
]
