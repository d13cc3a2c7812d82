"""What will be done to a service, told before somebody agrees to it. Pure."""

from collections.abc import Iterator
from typing import Final

from app.backend.deploy.platforms.railway.target import Target
from app.backend.deploy.platforms.railway.tokens import TokenKind
from tests.live.changes.before import Before
from tests.live.changes.rules import ADDRESS
from tests.live.changes.trial import OVERLAP

__all__ = ["MARKER", "announced"]

MARKER: Final = "PM33_SMOKE_"
"""What the marker variable's name begins with; the rest is drawn anew each time."""

_END: Final = (
    "Then all is put back, and what served serves again, from its image or built anew;"
    " so it is after Ctrl-C. That makes four or five deployments and a few hundred"
    " requests, and takes as long as two or three builds."
)


def announced(target: Target, before: Before, kind: TokenKind) -> str:
    """All of it, for a reader."""
    where = f"{target.project_name} / {target.environment_name} / {target.service_name}"
    done = [f"- {one}" for one in _done(before, kind)]
    return "\n".join([f"this will be done to {where}:", *done, _END])


def _done(before: Before, kind: TokenKind) -> Iterator[str]:
    yield (
        f"{before.commit[:12]}, which serves, is deployed twice more, and the first of"
        " these is rolled back to; users get each of them"
    )
    yield f"a variable {MARKER}… is set before each, and deleted at the end"
    yield f"overlapSeconds is stored as 0, then as {OVERLAP}"
    if before.settings["preDeployCommand"]:
        yield "the service's own pre-deploy command runs with each deployment"
    else:
        yield "a pre-deploy command that only waits is stored"
    if before.autodeploy is not None:
        is_on = "on" if before.autodeploy else "off"
        yield f"autodeploy, which is {is_on}, is switched off"
    if kind is TokenKind.PROJECT:
        yield f"a notification rule to {ADDRESS} is made, and deleted at once"
