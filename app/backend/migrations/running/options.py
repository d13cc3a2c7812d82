"""What a run is allowed, from the settings and the command line."""

from dataclasses import dataclass, field

from app.backend.config.settings import MigrationSettings
from app.backend.database.lease import TTL
from app.backend.migrations.running.patience import Patience

__all__ = ["RunOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run is allowed.

    Attributes:
        patience: with locks that others have.
        wait: seconds to wait for another migration to end.
        show_queries: whether the text of a blocking query may be shown; it may hold
            what users have typed.
        cancel_blockers_after: seconds after which a transaction that blocks us is
            ended; None: never.
        lease_ttl: seconds without a sign of life after which a runner is gone.
        silence: seconds without any answer after which the database is gone.
        actor: who asks, for the history.
    """

    patience: Patience = field(default_factory=Patience)
    wait: float = 1800.0
    show_queries: bool = False
    cancel_blockers_after: float | None = None
    lease_ttl: float = TTL
    silence: float = 60.0
    actor: str = ""

    @classmethod
    def of(
        cls,
        settings: MigrationSettings,
        *,
        show_queries: bool = False,
        cancel_blockers_after: float | None = None,
        lock_timeout: float | None = None,
        lock_budget: float | None = None,
        actor: str = "",
    ) -> "RunOptions":
        """As it is configured; what is given here beats that, for this run alone."""
        patience = Patience(
            cap=lock_timeout or settings.lock_timeout,
            budget=lock_budget or settings.lock_budget,
            statement=settings.statement_timeout,
        )
        return cls(
            patience=patience,
            wait=settings.wait,
            show_queries=show_queries,
            cancel_blockers_after=cancel_blockers_after,
            actor=actor,
        )
