"""What a live Railway shows of the facts that are marked [?]. Pure; tells no value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from app.backend.deploy.platforms.base import DeploymentStatus
from tests.live.gathering import Gathered

__all__ = ["FACTS", "Finding", "Found", "findings"]

_LIMITS: Final = frozenset(
    {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
)
_SETTINGS: Final = ("overlapSeconds", "drainingSeconds", "healthcheckPath")
_BACK: Final = "rollback"


class Found(StrEnum):
    """What has come of a fact.

    ``OTHERWISE``: pm33 takes it for something else, and has to be changed.
    """

    SETTLED = "settled"
    OPEN = "open"
    OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact, and what was seen of it."""

    fact: str
    found: Found
    seen: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


Judged = tuple[Found, str]


def findings(gathered: Gathered) -> tuple[Finding, ...]:
    """All of them, in a fixed order."""
    return tuple(
        Finding(fact, *_judged(judge, gathered)) for fact, judge in FACTS.items()
    )


def _judged(judge: Callable[[Gathered], Judged], gathered: Gathered) -> Judged:
    try:
        return judge(gathered)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Found.OTHERWISE, f"not as the schema has it ({type(error).__name__})"


def _limits(told: Gathered) -> Judged:
    names = sorted(told.headers & _LIMITS)
    if len(names) == len(_LIMITS):
        return Found.SETTLED, "all three X-RateLimit headers"
    return Found.OTHERWISE, f"only {', '.join(names) or 'none'}"


def _refusal(told: Gathered) -> Judged:
    errors = told.refusal.get("errors")
    if not isinstance(errors, list) or not errors:
        return Found.OTHERWISE, "an unknown id is answered without errors"
    first = errors[0]
    inside = sorted(first.get("extensions") or ())
    where = "beside the message" if "traceId" in first else "not beside the message"
    if "traceId" in inside:
        where = "in extensions"
    return Found.SETTLED, f"traceId is {where}; extensions have {_words(inside)}"


def _active_back(told: Gathered) -> Judged:
    active = {one["id"] for one in told.instance.get("activeDeployments") or ()}
    can = {bool(one["canRollback"]) for one in told.deployments if one["id"] in active}
    if not can:
        return Found.OPEN, "nothing is active"
    return (
        Found.SETTLED,
        f"canRollback of what is active: {_words(sorted(map(str, can)))}",
    )


def _order(told: Gathered) -> Judged:
    times = [one["createdAt"] for one in told.deployments]
    if len(times) < 2:
        return Found.OPEN, "fewer than two deployments"
    newest_first = times == sorted(times, reverse=True)
    return Found.SETTLED, "the newest first" if newest_first else "in another order"


def _steps(told: Gathered) -> Judged:
    for one in told.deployments:
        steps = [event["step"] for event in _by_time(told.events.get(one["id"], ()))]
        if "PRE_DEPLOY_COMMAND" in steps:
            return Found.SETTLED, " → ".join(dict.fromkeys(steps))
    return Found.OPEN, "no deployment with a pre-deploy command"


def _way_back(told: Gathered) -> Judged:
    for one in told.deployments:
        if _BACK not in str((one.get("meta") or {}).get("reason", "")).lower():
            continue
        events = told.events.get(one["id"], ())
        ran = {
            event["step"]
            for event in events
            if not (event.get("payload") or {}).get("skipped")
        }
        words = [
            f"{step}: {'again' if step in ran else 'not'}"
            for step in ("PRE_DEPLOY_COMMAND", "HEALTHCHECK")
        ]
        return Found.SETTLED, "; ".join(words)
    return Found.OPEN, "no rollback among the newest deployments"


def _manifest(told: Gathered) -> Judged:
    for one in told.deployments:
        manifest = (one.get("meta") or {}).get("serviceManifest")
        if isinstance(manifest, Mapping) and isinstance(
            deploy := manifest.get("deploy"), Mapping
        ):
            there = [name for name in _SETTINGS if name in deploy]
            return Found.SETTLED, f"of {_words(_SETTINGS)} it has {_words(there)}"
    if not told.deployments:
        return Found.OPEN, "no deployment"
    return Found.OTHERWISE, "no deployment tells what it ran with"


def _snapshot(told: Gathered) -> Judged:
    if told.snapshot is None:
        why = told.refused.get("DeploymentSnapshot", "no deployment has one")
        return Found.OPEN, f"not readable: {why}"
    return Found.SETTLED, f"readable, {len(told.snapshot)} variables"


def _sealed(told: Gathered) -> Judged:
    if told.snapshot is None or not told.sealed:
        return Found.OPEN, "no sealed variable, or no snapshot"
    there = [told.snapshot[name] for name in told.sealed if name in told.snapshot]
    if not there:
        return Found.SETTLED, "a snapshot lacks them"
    kinds = sorted({"null" if value is None else "a text" for value in there})
    return Found.SETTLED, f"a snapshot has {_words(kinds)} for them"


def _lines(told: Gathered) -> Judged:
    if told.lines is None:
        return Found.OPEN, "no line in the newest logs"
    if told.lines == 1:
        return Found.OPEN, "one came; the log may hold no more"
    return Found.SETTLED, f"{told.lines} came when one was asked for"


def _minutes(told: Gathered) -> Judged:
    if told.metrics is None:
        return Found.OTHERWISE, f"refused: {told.refused.get('HttpTraffic', '')}"
    times = {
        int(one["ts"])
        for group in told.metrics["httpMetricsGroupedByStatus"]
        for one in group["samples"]
    }
    if not times:
        return Found.OPEN, "no request in six hours"
    if int(told.ended.timestamp()) in times:
        return Found.SETTLED, "a sample's time is its minute's end"
    if int(told.began.timestamp()) in times:
        return Found.SETTLED, "a sample's time is its minute's beginning"
    odd = sum(at % 60 != 0 for at in times)
    return Found.OPEN, f"{len(times)} minutes, {odd} of them not whole"


def _shield(told: Gathered) -> Judged:
    edge = told.instance.get("edgeConfig")
    if edge is None:
        return Found.OPEN, "the service has no edge settings"
    until = edge.get("underAttackModeUntil")
    if until is None:
        return Found.OPEN, "it is off"
    now = datetime.now(UTC).timestamp()
    kind = "0" if until == 0 else "seconds" if until < 10 * now else "another unit"
    return Found.SETTLED, f"while it is on, the field has {kind}"


def _rules(told: Gathered) -> Judged:
    if told.rules is None:
        why = told.refused.get("NotificationRules", "no workspace is told")
        return Found.SETTLED, f"a token of the kind {told.kind} may not: {why}"
    if not told.rules:
        return Found.OPEN, "they may be read, and there are none"
    keys = {
        key
        for rule in told.rules
        for channel in rule["channels"]
        for key in channel.get("config") or ()
    }
    types = {event for rule in told.rules for event in rule["eventTypes"]}
    return Found.SETTLED, f"configs have {_words(keys)}; events {_words(types)}"


def _statuses(told: Gathered) -> Judged:
    seen = {str(one["status"]) for one in told.deployments}
    unknown = seen - set(DeploymentStatus)
    if unknown:
        return Found.OTHERWISE, f"unknown: {_words(unknown)}"
    return Found.SETTLED, f"all known: {_words(seen)}"


def _by_time(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(events, key=lambda one: str(one["createdAt"]))


def _words(names: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


FACTS: Final[Mapping[str, Callable[[Gathered], Judged]]] = {
    "limits are told by X-RateLimit headers": _limits,
    "where an error's traceId stands": _refusal,
    "whether what is active could be rolled back to": _active_back,
    "in which order deployments are listed": _order,
    "when the pre-deploy command runs": _steps,
    "whether a rollback runs pre-deploy and health check again": _way_back,
    "meta.serviceManifest tells what a deployment ran with": _manifest,
    "a deployment's variables can be read": _snapshot,
    "how a snapshot shows sealed variables": _sealed,
    "how many lines limit=1 brings": _lines,
    "what a sample's time is in HTTP metrics": _minutes,
    "what underAttackModeUntil holds": _shield,
    "notification rules, and how channels are configured": _rules,
    "no status but those of the schema": _statuses,
}
"""Each with who judges it; none needs a change of anything."""
