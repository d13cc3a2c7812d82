"""Takes what a deployment was given out of what it has written."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from app.backend.deploy.platforms.base import LogLine
from app.backend.deploy.platforms.railway.variables import Variables
from app.backend.monitoring.redaction import Redactor

__all__ = ["Hiding"]

_UNKNOWN = (
    "Railway does not tell this token what the deployment was given, so its secrets"
    " cannot be looked up to be hidden in what it has written"
)


class Hiding:
    """Looks up once what each deployment was given that nobody may see.

    Sealed variables nobody can read: what a release writes of them is not known.

    Args:
        variables: of the service.
        say: is told, once, where nobody can tell.
    """

    def __init__(self, variables: Variables, say: Callable[[str], None]) -> None:
        self._variables = variables
        self._say = say
        self._said = False
        self._known: dict[str, Redactor] = {}

    async def text(self, deployment: str, text: str) -> str:
        """The same without secrets.

        Raises:
            PlatformUnreachableError: no answer; nothing is to be shown then.
        """
        return (await self._of(deployment)).redact(text) if text else ""

    async def lines(
        self, deployment: str, lines: Iterable[LogLine]
    ) -> tuple[LogLine, ...]:
        """The same without secrets. Raises as :meth:`text`."""
        return tuple(
            [replace(one, text=await self.text(deployment, one.text)) for one in lines]
        )

    async def _of(self, deployment: str) -> Redactor:
        if deployment not in self._known:
            secrets = await self._variables.secrets(deployment)
            if secrets is None and not self._said:
                self._say(_UNKNOWN)
                self._said = True
            self._known[deployment] = Redactor(secrets or ())
        return self._known[deployment]
