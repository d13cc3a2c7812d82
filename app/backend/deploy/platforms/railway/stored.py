"""The settings that Railway has stored of a service, and what a commit changes of them.

They hold from the next deployment on: what runs keeps what it was made with. Railway
stops reading ``railway.toml`` on 2026-12-01; what is stored by API goes on counting.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from app.backend.deploy.platforms.deployment import ServiceSettings
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.keys import (
    KEYS,
    NO_REGION,
    REPLICAS,
    Values,
    canonical,
    in_words,
    replicas_of,
    same,
    with_defaults,
)
from app.backend.deploy.platforms.railway.target import Target
from app.errors import PlatformError, PlatformUnreachableError

__all__ = [
    "Difference",
    "apply",
    "ask",
    "differences",
    "effective",
    "settings_of",
    "stored_of",
    "taken_away",
    "update_of",
]

_WITHIN: Final = (
    *("preDeployCommand", "startCommand", "healthcheckPath"),
    *("buildCommand", "dockerfilePath"),
)
"""Settings that name something within a release."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is not as it is wanted.

    Attributes:
        name: as in the API; ``replicas`` stands for count and regions.
        wanted: by the commit.
        found: stored, or used by the deployment that ran.
    """

    name: str
    wanted: Any
    found: Any

    def text(self, found: str) -> str:
        """In words; ``found`` says what the other value is: ``is stored``, say."""
        wanted = in_words(self.wanted)
        return f"{self.name}: {wanted} is wanted, {in_words(self.found)} {found}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.name,
            "wanted": _plain(self.wanted),
            "found": _plain(self.found),
        }


async def ask(api: RailwayApi, target: Target) -> Mapping[str, Any]:
    """The service instance, as the API tells it. Raises as :meth:`RailwayApi.ask`."""
    answer = await api.ask(
        "ServiceInstance",
        serviceId=target.service,
        environmentId=target.environment,
    )
    instance = answer.get("serviceInstance")
    if not isinstance(instance, Mapping):
        raise PlatformError(
            f"Railway tells nothing of the service {target.service_name}",
            remedy="look whether it has an instance in this environment",
        )
    return instance


async def apply(
    api: RailwayApi,
    target: Target,
    wanted: Values,
    *,
    instance: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Stores what is wanted and is not stored yet; nothing else is touched.

    It starts no deployment, and may safely come twice.

    Args:
        api: to ask and to change.
        target: the service in its environment.
        wanted: by :func:`.wanted.read_wanted`.
        instance: what :func:`ask` gives, if somebody has just asked.

    Returns:
        The names of the settings that were changed.

    Raises:
        PlatformError: refused; nothing was changed.
        PlatformUnreachableError: no answer; it may be stored or not.
    """
    if not wanted:
        return ()
    found = await ask(api, target) if instance is None else instance
    differing = differences(wanted, stored_of(found))
    if not differing:
        return ()
    try:
        await api.command(
            "ServiceInstanceUpdate",
            serviceId=target.service,
            environmentId=target.environment,
            input=update_of(differing),
        )
    except PlatformUnreachableError:
        # It may have been stored all the same.
        if differences(wanted, stored_of(await ask(api, target))):
            raise
    return tuple(one.name for one in differing)


def stored_of(instance: Mapping[str, Any]) -> Values:
    """What is stored, with Railway's defaults. Pure."""
    return MappingProxyType(with_defaults(canonical(instance)))


def effective(stored: Values, wanted: Values) -> Values:
    """What the next deployment is made with once ``wanted`` is applied. Pure."""
    return MappingProxyType({**stored, **wanted})


def differences(wanted: Values, found: Values) -> tuple[Difference, ...]:
    """What is wanted and is not so, in the order of the names. Pure.

    Args:
        wanted: what is not in it may be anything.
        found: with defaults.
    """
    return tuple(
        Difference(name, wanted[name], found.get(name))
        for name in KEYS
        if name in wanted and not same(name, wanted[name], found.get(name))
    )


def taken_away(wanted: Values, stored: Values, others: Iterable[Values]) -> Values:
    """What is stored for another release alone, and is to be stored no longer. Pure.

    What names something within a release holds for those that have it: the command of a
    later one would be run in an older one that is built anew, or its health asked for
    at a path that is not there. What no file has said, somebody has set on the
    platform's page: that stays.

    Args:
        wanted: what the release's own file says.
        stored: with defaults.
        others: what the files of other releases say, as stored by their deploys.
    """
    foreign = {
        name
        for other in others
        for name in _WITHIN
        if name in other and same(name, other[name], stored[name])
    }
    return MappingProxyType(
        {
            name: KEYS[name].default
            for name in _WITHIN
            if name in foreign and name not in wanted and stored[name]
        }
    )


def update_of(differing: Iterable[Difference]) -> dict[str, Any]:
    """The input of ``serviceInstanceUpdate``. Pure."""
    update: dict[str, Any] = {}
    for one in differing:
        if one.name == REPLICAS:
            update |= _replicas(one.wanted)
        else:
            update[one.name] = _plain(one.wanted)
    return update


def settings_of(values: Values) -> ServiceSettings:
    """The same as every platform tells them. Pure."""
    known = with_defaults(values)
    # A Dockerfile wins over whatever builder is stored.
    idle = {"builder"} if known["dockerfilePath"] else set()
    return ServiceSettings(
        start_command=known["startCommand"] or "",
        pre_deploy_command=" && ".join(known["preDeployCommand"]) or None,
        healthcheck_path=known["healthcheckPath"],
        healthcheck_timeout=float(known["healthcheckTimeout"]),
        overlap_seconds=float(known["overlapSeconds"]),
        draining_seconds=float(known["drainingSeconds"]),
        restart_policy=known["restartPolicyType"],
        restart_retries=known["restartPolicyMaxRetries"],
        replicas=replicas_of(known[REPLICAS]),
        regions=dict(regions) if len(regions := known[REPLICAS]) > 1 else {},
        cron=known["cronSchedule"],
        sleeps=known["sleepApplication"],
        build={
            name: _plain(values[name])
            for name, key in KEYS.items()
            if key.section == "build" and values.get(name) and name not in idle
        },
    )


def _replicas(wanted: Mapping[str, int]) -> dict[str, Any]:
    if set(wanted) == {NO_REGION}:
        return {"numReplicas": wanted[NO_REGION]}
    regions = {name: {"numReplicas": count} for name, count in wanted.items()}
    return {"multiRegionConfig": regions}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
        case _:
            return value
