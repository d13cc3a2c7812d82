"""The way back, of a rollback and of a deploy whose release has turned bad."""

from enum import StrEnum

from app.backend.deploy.records.ending import Ending
from app.backend.deploy.running.choosing import CHOOSE
from app.backend.deploy.running.closing import Close, failure_of, finalised
from app.backend.deploy.running.following import active_of, listed
from app.backend.deploy.running.pushes import hold_back
from app.backend.deploy.running.restoring import RESTORE
from app.backend.deploy.running.run import Run
from app.backend.deploy.running.step import StepFailedError, SupersededRunError
from app.backend.deploy.running.steps_back import VERIFY
from app.errors import DeploymentNotFoundError

__all__ = ["Place", "come_back", "go_back", "place_of"]


class Place(StrEnum):
    """Where a release stands."""

    BESIDE = "beside what serves"
    SERVES = "users' requests go there, or nowhere any more"
    DISPLACED = "something else has taken its place"


async def place_of(run: Run) -> Place:
    """Where the release of a deploy stands now. Raises as :meth:`Run.ask`."""
    deployment, platform = run.state.deployment, run.tools.platform
    if deployment is None:
        return Place.BESIDE
    try:
        own = await run.ask("deployment", lambda: platform.deployment(deployment))
    except DeploymentNotFoundError:
        return Place.BESIDE
    if not (own.active or own.succeeded):
        return Place.BESIDE
    active = own if own.active else active_of(await listed(run))
    return Place.DISPLACED if active and active.id != own.id else Place.SERVES


async def go_back(run: Run, good: Ending) -> tuple[Ending, str]:
    """Chooses what was good, restores it, and verifies it; Ctrl-C does not stop that.

    Returns:
        ``good`` or how else it has ended, and what was in the way.
    """
    run.heeds = False
    run.say("going back; Ctrl-C once does not stop that")
    try:
        await run.perform(CHOOSE)
        await run.perform(RESTORE)
    except SupersededRunError as other:
        return Ending.SUPERSEDED, str(other)
    except StepFailedError as failure:
        return Ending.STRANDED, str(failure)
    try:
        await run.perform(VERIFY)
    except StepFailedError as failure:
        return Ending.UNVERIFIED, str(failure)
    return good, ""


async def come_back(run: Run) -> Close:
    """Everything that a rollback does. Raises as :func:`.closing.to_the_end`."""
    run.heeds = False
    await hold_back(run)
    ending, trouble = await go_back(run, Ending.RESTORED)
    failed = failure_of(run) if trouble else StepFailedError("")
    close = Close(
        ending=ending,
        verdict="ok" if ending is Ending.RESTORED else "fail",
        cause=trouble,
        evidence=failed.evidence,
        log=failed.log,
    )
    return await finalised(run, close)
