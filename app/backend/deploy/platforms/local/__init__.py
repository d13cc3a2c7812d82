"""Releases as processes of this machine, behind a proxy that loses no request.

::

    keeper ── starts and restarts ──► supervisor ──► Caddy
                                          │   ├────► replicas of every live deployment
                                          │   └────► PostgreSQL, unless DATABASE_URL
    LocalPlatform, pm33 ── control.sock ──┘          names another one
"""

from app.backend.deploy.platforms.local.client import LocalPlatform

__all__ = ["LocalPlatform"]
