"""What a way back does to variables: which old values it would bring back. Pure.

A platform restores a deployment with the variables that this one had. Where one that
the service cannot do without has changed since, the old value may be dead, or was
changed because it had leaked; so today's are used, unless the old ones are asked for
(contract §7). Names are told, never a value.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.backend.config.validation import REQUIRED
from app.backend.deploy.platforms.fingerprints import Fingerprints, Prints

__all__ = ["MIGRATION_PLAN", "Reverting", "compare", "of_one_deployment", "reverting"]

MIGRATION_PLAN: Final = "PM33_MIGRATION_PLAN"
"""What a release's pre-deploy command may apply: a plan's hash, for one deployment."""

_OWN: Final = frozenset(
    {
        *("PORT", "PM33_RUN", MIGRATION_PLAN, "PM33_SOCKET"),
        *("PM33_DEPLOYMENT_ID", "PM33_REPLICA_ID", "PM33_COMMIT"),
    }
)
_RAILWAYS: Final = "RAILWAY_"
_SET_BY_HAND: Final = frozenset(
    {
        "RAILWAY_DEPLOYMENT_OVERLAP_SECONDS",
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS",
        "RAILWAY_HEALTHCHECK_TIMEOUT_SEC",
        "RAILWAY_DOCKERFILE_PATH",
        "RAILWAY_RUN_UID",
        "RAILWAY_SHM_SIZE_BYTES",
        "RAILWAY_TOKEN",
        "RAILWAY_API_TOKEN",
    }
)
"""What users set, of the names that otherwise are Railway's own."""
_FILE: Final = "_FILE"
_DISABLED: Final = "PM33_DISABLED_SERVICES"
_LIST_MARKS: Final = " []\"'"
_ABSENT: Final = ""
"""No fingerprint is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverting:
    """Names of variables that the way back would bring old values of.

    Attributes:
        required: those that the service cannot do without.
        others: all the rest.
        sealed: those that nobody may read then or now, so that they may differ.
    """

    required: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    sealed: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All that surely differ, the required ones first."""
        return (*self.required, *self.others)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "required": list(self.required),
            "others": list(self.others),
            "sealed": list(self.sealed),
        }


def of_one_deployment(name: str) -> bool:
    """Whether a variable says something of one deployment, so that all differ in it."""
    theirs = name.startswith(_RAILWAYS) and name not in _SET_BY_HAND
    return theirs or name in _OWN


def compare(
    before: Mapping[str, str | None], today: Mapping[str, str | None]
) -> Reverting:
    """Compares what a deployment was given with what the next one would be.

    Args:
        before: its variables; None: sealed.
        today: those of the next one.
    """
    prints = Fingerprints()
    disabled = (today.get(_DISABLED) or "").split(",")
    return reverting(
        prints.of(before),
        prints.of(today),
        disabled={one.strip(_LIST_MARKS).lower() for one in disabled},
    )


def reverting(
    before: Prints, today: Prints, *, disabled: Collection[str] = ()
) -> Reverting:
    """The same of fingerprints that were taken by one key.

    Args:
        before: of the deployment that would come back.
        today: of the next one.
        disabled: services that nobody needs the variables of.
    """
    required, others, sealed = list[str](), list[str](), list[str]()
    for name in sorted({*before, *today}):
        old, new = before.get(name, _ABSENT), today.get(name, _ABSENT)
        if of_one_deployment(name):
            continue
        if old is None or new is None:
            sealed.append(name)
        elif old != new:
            found = required if _is_required(name, disabled) else others
            found.append(name)
    return Reverting(
        required=tuple(required), others=tuple(others), sealed=tuple(sealed)
    )


def _is_required(name: str, disabled: Collection[str]) -> bool:
    plain = name.removesuffix(_FILE)
    return plain in REQUIRED and REQUIRED[plain] not in disabled
