"""What a commit says of how it is run."""

from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.platforms.settings_file import SETTINGS_FILE
from app.errors import PlatformError, TargetError

__all__ = ["settings_text"]


async def settings_text(repository: Repository, commit: str) -> str:
    """A commit's ``railway.toml``; empty where it has none.

    Raises:
        PlatformError: there is no such commit here.
    """
    try:
        known = await repository.whole(commit)
        found = await repository.git("show", f"{commit}:{SETTINGS_FILE}")
    except TargetError as error:
        raise PlatformError(str(error), remedy=error.remedy) from error
    if known is None:
        raise PlatformError(
            f"how {commit[:12]} is run is not known: it is not in {repository.root}",
            remedy="fetch it first",
        )
    return found.output if found.code == 0 else ""
