"""What operators say over the checks' heads, always with an end."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.backend.health.identity import Identity

__all__ = ["Override", "OverrideKind", "in_force"]


class OverrideKind(StrEnum):
    """What an override does.

    ``maintenance`` announces planned work: the report says so, and failing checks count
    as degraded at most. ``not_ready`` takes the addressed replicas out of rotation.
    ``mute`` keeps one check from counting.
    """

    MAINTENANCE = "maintenance"
    NOT_READY = "not_ready"
    MUTE = "mute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One override, addressed to a replica, to a release (a commit), or to all.

    Attributes:
        id: of its row.
        kind: what it does.
        check: the check that ``mute`` is about.
        replica: the only replica it is for; None: any.
        release: the only commit it is for, or how it begins; None: any.
        until: when it ends by itself.
        reason: why, in the operator's words.
    """

    id: int
    kind: OverrideKind
    until: datetime
    reason: str = ""
    check: str | None = None
    replica: str | None = None
    release: str | None = None

    def to_dict(self) -> dict[str, str | int | None]:
        """JSON-ready."""
        return {
            "id": self.id,
            "kind": self.kind,
            "check": self.check,
            "replica": self.replica,
            "release": self.release,
            "until": self.until.isoformat(timespec="milliseconds"),
            "reason": self.reason,
        }


def in_force(
    overrides: tuple[Override, ...], identity: Identity, now: datetime
) -> tuple[Override, ...]:
    """Those that have not ended and are addressed to this replica."""
    return tuple(
        one
        for one in overrides
        if one.until > now
        and one.replica in {None, identity.replica_id}
        and (one.release is None or identity.commit.startswith(one.release))
    )
