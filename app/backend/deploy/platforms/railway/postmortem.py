"""Why a deployment has failed: one request, once, and only then."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import moment
from app.backend.deploy.platforms.railway.hiding import Hiding
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["Postmortem", "cause_in"]

_EVENTS: Final = 50
_LINES: Final = 30
_LONGEST: Final = 300
# The health check writes its story into the build log (FACTS §5); an attempt that fails
# is followed by others, and its last words tell more than the end of a build.
_TELLING: Final = ("never became healthy", "healthcheck failed", "failed with")
_STEPS: Final = {
    "SNAPSHOT_CODE": "the code could not be fetched",
    "BUILD_IMAGE": "the build failed",
    "PUBLISH_IMAGE": "the image could not be stored",
    "WAIT_FOR_DEPENDENCIES": "what it depends on did not come up",
    "PRE_DEPLOY_COMMAND": "the pre-deploy command failed",
    "MIGRATE_VOLUMES": "its volume could not be moved",
    "CREATE_CONTAINER": "its container could not be started",
    "HEALTHCHECK": "its health check failed",
    "CONFIGURE_NETWORK": "its network could not be set up",
}


class Postmortem:
    """Asks for each deployment once.

    Args:
        api: is asked.
        hiding: takes out what a deployment was given that nobody may see.
    """

    def __init__(self, api: RailwayApi, hiding: Hiding) -> None:
        self._api = api
        self._hiding = hiding
        self._known: dict[str, str] = {}

    async def cause(self, deployment: str, *, ran: bool = False) -> str:
        """What its events, Railway's diagnosis and its build log say; may be empty.

        That it cannot be told is no error: what counts is that it has failed. A build
        may write whatever it was given.

        Args:
            deployment: that has ended badly.
            ran: it has served, so that its build and health check are not to blame.
        """
        if deployment not in self._known:
            try:
                self._known[deployment] = await self._cause(deployment, ran=ran)
            except PlatformUnreachableError:
                return ""
        return self._known[deployment]

    async def _cause(self, deployment: str, *, ran: bool) -> str:
        try:
            data = await self._api.ask(
                "Postmortem", partial=True, id=deployment, events=_EVENTS, lines=_LINES
            )
        except PlatformUnreachableError:
            raise
        except PlatformError:
            data = {}
        words = cause_in({**data, "buildLogs": ()} if ran else data)
        return (await self._hiding.text(deployment, words))[:_LONGEST]


def cause_in(data: Mapping[str, Any]) -> str:
    """The most telling words of an answer, some of which may be missing. Pure."""
    for read in (_of_events, _of_diagnosis, _of_build):
        # Beside errors any part of an answer may be missing.
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            for words in read(data):
                if line := " ".join(words.split()):
                    return line
    return ""


def _of_events(data: Mapping[str, Any]) -> Iterator[str]:
    edges = (data.get("deploymentEvents") or {}).get("edges") or ()
    nodes = sorted(
        (one["node"] for one in edges),
        key=lambda node: moment(node["createdAt"]),
        reverse=True,
    )
    for node in nodes:
        payload = node.get("payload") or {}
        words = payload.get("error") or payload.get("reason")
        if payload.get("error") or (words and node["step"] == "HEALTHCHECK"):
            step = _STEPS.get(str(node["step"]), str(node["step"]).lower())
            yield f"{step}: {words}"


def _of_diagnosis(data: Mapping[str, Any]) -> Iterator[str]:
    """Free JSON (FACTS §2): the texts of its top, if there are any."""
    found = (data.get("deployment") or {}).get("diagnosis")
    if isinstance(found, str):
        yield found
    elif isinstance(found, Mapping):
        for key in ("message", "reason", "summary", "title"):
            if isinstance(found.get(key), str):
                yield found[key]


def _of_build(data: Mapping[str, Any]) -> Iterator[str]:
    lines: Sequence[Mapping[str, Any]] = data.get("buildLogs") or ()
    ordered = sorted(lines, key=lambda line: str(line["timestamp"]))
    told = [
        str(line["message"]).strip()
        for line in ordered
        if any(one in str(line["message"]).lower() for one in _TELLING)
    ]
    if told:
        yield "; ".join(told[-2:])
    elif ordered:
        yield str(ordered[-1]["message"])
