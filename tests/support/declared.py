"""Checks as a file declares them, ready to be asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.backend.config.environment import read_config
from app.backend.health.attempt import Attempt
from app.backend.health.checks.declared import DeclaredChecks
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.models import Check, CheckPolicy, CheckResult
from app.backend.health.registry import Registered
from app.backend.health.service import close_checks
from app.backend.resources import Resources
from app.errors import CheckRegistrationError

__all__ = ["Declared", "declared", "verdict"]

DEADLINE = 30.0


class Declared:
    """The checks by name, and what was refused."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}
        self.refused: list[CheckRegistrationError] = []

    async def verdict(self, name: str = "it") -> CheckResult:
        """What one attempt finds."""
        return await verdict(self.checks[name])


async def verdict(check: Check) -> CheckResult:
    """What one attempt finds, run as the scheduler runs it."""
    attempt = Attempt(check)
    if not await attempt.wait(DEADLINE):
        await attempt.end()
        raise TimeoutError(f"{check.name} has not answered")
    return attempt.result()


@asynccontextmanager
async def declared(
    folder: Path, text: str, **variables: str
) -> AsyncIterator[Declared]:
    """The checks of this text; no proxy, and no database but a given one."""
    path = folder / "checks.toml"
    path.write_text(text, encoding="utf-8")
    own = {"PM33_HOME": str(folder), "HEALTH_CHECKS_FILE": str(path)}
    config = read_config({**own, **variables})
    resources = Resources.of(config)
    found = Declared()
    reading = DeclaredChecks(config, resources, VendorPool())
    for _, check, _ in reading.read(found.refused.append):
        found.checks[check.name] = check
    try:
        yield found
    finally:
        await close_checks(
            Registered(check, CheckPolicy()) for check in found.checks.values()
        )
        await resources.close()
