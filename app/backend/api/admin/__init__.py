"""Administration over HTTP: the same libraries as the command line, behind a token."""

from app.backend.api.admin.access import AdminGate
from app.backend.api.admin.operations import Operations
from app.backend.api.admin.routes import admin_router

__all__ = ["AdminGate", "Operations", "admin_router"]
