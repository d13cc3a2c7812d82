"""Releases that are good until a file tells them how to be bad."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.support import obedient_app
from tests.support.local_platform import RAILWAY_TOML, Repository, own_repository

__all__ = [
    "LASTING",
    "OVERLAP",
    "SERVED",
    "Fault",
    "light",
    "served",
    "served_repository",
    "settings_for",
]


class Fault(StrEnum):
    """How a light release turns bad; its health page says that all is well."""

    DEAD = "dead"
    """Every replica ends, and ends again whenever it is started."""
    ERRORS = "errors"
    SOME_ERRORS = "some errors"
    """Three in ten."""
    SLOW = "slow"
    CRASH_LOOP = "crash loop"
    """Every replica ends half a second after it was started."""
    ONE_OF_FOUR = "one of four"
    """Errors, of one replica."""
    ANOTHER = "another"
    """Nothing by itself: the traffic is sent to somebody else."""


OVERLAP: Final = 6.0
"""Seconds that the old release lives on where the traffic is sent back to it."""

_LIGHT: Final = """
import asyncio
import os
import random
from datetime import UTC, datetime

NAME = "{name}"
DRAIN = 0.05
ORDER = "{order}"
BORN = datetime.now(UTC)


def told():
    try:
        with open(ORDER) as file:
            return file.read()
    except OSError:
        return ""


def start():
    if told() == "dead":
        os._exit(1)


def health(me):
    now = datetime.now(UTC)
    check = dict(status="healthy", critical=True, shared=False)
    check |= {"since": BORN.isoformat(), "checked_at": now.isoformat()}
    return dict(me, status="healthy", checks={"application": check, "system": check})


async def answer(method, path, body, me):
    word = told()
    age = (datetime.now(UTC) - BORN).total_seconds()
    if word == "dead" or (word == "crash loop" and age > 0.5):
        os._exit(1)
    if path.startswith(("/health", "/api/health")):
        return 200, health(me)
    if word == "slow":
        await asyncio.sleep(0.8)
    unlucky = word == "some errors" and random.random() < 0.3
    third = word == "one of four" and me["replica_id"].endswith("-2")
    return (500 if word == "errors" or unlucky or third else 200), dict(me)
"""

SERVED: Final = """
[deploy]
startCommand = "pm33 serve"
healthcheckPath = "/api/health/startup"
healthcheckTimeout = 30
drainingSeconds = 3
"""
"""The ``railway.toml`` of a release of :func:`served_repository`."""

_SERVED: Final = '''
"""{name}"""

import os

os.environ["{variable}"] = "{order}"

from obedient_app import app
'''

_CHECK_PERIOD: Final = 0.3
"""Seconds between two looks of a served release at its database, and at the vendor."""

_VENDOR_CHECK: Final = """
import os

import httpx

from app.backend.health import CheckResult, Failure, Status


class Vendor:
    name = "vendor"
    shared = True
    period = {period}
    timeout = 1.0

    async def probe(self):
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(os.environ["{variable}"])
        if answer.is_success:
            return CheckResult(status=Status.HEALTHY)
        why = f"HTTP {answer.status_code}"
        return CheckResult.unhealthy(Failure.VENDOR_INCIDENT, why)


check = Vendor()
"""

LASTING: Final = {
    "PM33_MOUNT": "ordered:app",
    "HEALTH_DATABASE_PERIOD": str(_CHECK_PERIOD),
    "HEALTH_DATABASE_TIMEOUT": "1",
    "HEALTH_LAG_WARNING": "60",
}
"""The variables that a release of :func:`served_repository` needs."""


def settings_for(fault: Fault) -> str:
    """The ``railway.toml`` under which a fault shows what it is."""
    changes = {
        Fault.CRASH_LOOP: ("MaxRetries = 3", "MaxRetries = 10"),
        Fault.ONE_OF_FOUR: ("numReplicas = 2", "numReplicas = 4"),
        Fault.ANOTHER: ("overlapSeconds = 0", f"overlapSeconds = {OVERLAP:g}"),
    }
    return RAILWAY_TOML.replace(*changes.get(fault, ("", "")))


def light(name: str, order: Path | None = None) -> str:
    """The ``release.py`` of a release that starts within a tenth of a second.

    Args:
        name: what it says it is.
        order: once this file is there, it is bad in the way that stands in it.
    """
    return _LIGHT.replace("{name}", name).replace("{order}", str(order or ""))


def served(name: str, order: Path | None = None) -> str:
    """The ``ordered.py`` of a release of :func:`served_repository`.

    Args:
        name: what it says it is.
        order: what stands in this file is obeyed, see :mod:`.obedient_app`.
    """
    text = _SERVED.replace("{variable}", obedient_app.ORDER)
    return text.replace("{name}", name).replace("{order}", str(order or os.devnull))


def served_repository(folder: Path) -> Repository:
    """Releases of ``pm33 serve`` that mount an application, and may check a vendor."""
    repository = own_repository(folder, SERVED)
    mounted = Path(obedient_app.__file__).read_text(encoding="utf-8")
    check = _VENDOR_CHECK.replace("{variable}", obedient_app.VENDOR)
    texts = {
        "obedient_app.py": mounted,
        "vendor.py": check.replace("{period}", str(_CHECK_PERIOD)),
    }
    for name, text in texts.items():
        (repository.path / name).write_text(text, encoding="utf-8")
    return repository
