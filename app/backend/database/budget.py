"""Whether the server has room for all the connections that replicas may open. Pure."""

from dataclasses import dataclass

from app.backend.database.connection import RESERVED_CONNECTIONS

__all__ = ["ConnectionBudget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionBudget:
    """What one release needs while old and new replicas overlap, and what there is.

    Attributes:
        pool_size: connections of one replica's pool.
        replicas: of one release.
        max_connections: of the server, without those kept for superusers.
        others: connections that are not ours.
    """

    pool_size: int
    replicas: int
    max_connections: int
    others: int

    @property
    def needed(self) -> int:
        """During an overlap both releases hold theirs."""
        return (self.pool_size + RESERVED_CONNECTIONS) * self.replicas * 2

    @property
    def available(self) -> int:
        """What others leave."""
        return self.max_connections - self.others

    @property
    def fits(self) -> bool:
        """Whether a deployment can overlap without refused connections."""
        return self.needed <= self.available
