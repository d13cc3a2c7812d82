"""django-health-check in a Django project that has nothing else.

No middleware and no database: what a real project adds makes it slower, not faster.
``asgi`` is for uvicorn, ``wsgi`` for gunicorn.
"""

import dataclasses
import secrets

import django  # type: ignore[import-not-found] # in its own environment
from django.conf import settings  # type: ignore[import-not-found] # as above
from django.core.asgi import (  # type: ignore[import-not-found] # as above
    get_asgi_application,
)
from django.core.wsgi import (  # type: ignore[import-not-found] # as above
    get_wsgi_application,
)
from django.urls import path  # type: ignore[import-not-found] # as above

from bench.peers.scenarios import Probe, chosen

__all__ = ["asgi", "urlpatterns", "wsgi"]

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY=secrets.token_hex(),
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["health_check"],
    MIDDLEWARE=[],
)
django.setup()

# Both read the settings when they are imported.
from health_check.base import (  # type: ignore[import-not-found] # noqa: E402 # as above
    HealthCheck,
)
from health_check.views import (  # type: ignore[import-not-found] # noqa: E402 # as above
    HealthCheckView,
)


def _check(name: str, probe: Probe) -> type:
    async def run(_self: object) -> None:
        await probe()

    return dataclasses.make_dataclass(
        name, [], bases=(HealthCheck,), namespace={"run": run}
    )


_CHECKS = [_check(name, probe) for name, probe in chosen().items()]

urlpatterns = [path("health/", HealthCheckView.as_view(checks=_CHECKS))]
asgi = get_asgi_application()
wsgi = get_wsgi_application()
