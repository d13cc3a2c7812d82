"""What all deployments of a platform stand on."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.releases import Releases
from app.backend.deploy.platforms.local.replica import Note
from app.backend.deploy.platforms.local.state import StateStore
from app.backend.deploy.platforms.local.surroundings import Surroundings
from app.backend.deploy.platforms.local.venvs import Venvs
from app.backend.deploy.platforms.secrecy import secrets_among
from app.backend.monitoring.redaction import Redactor

__all__ = ["Ground", "redactor_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The parts that deployments share.

    Attributes:
        run: where sockets are.
        database_url: of the platform's own PostgreSQL, once it runs; None: it has none.
        note: remembers processes.
        uses: how many stand in a commit's checkout, beside its deployments.
    """

    places: Places
    run: Path
    store: StateStore
    releases: Releases
    venvs: Venvs
    database_url: Callable[[], Awaitable[str | None]]
    note: Note
    uses: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def using(self, commit: str) -> Iterator[None]:
        """Keeps a commit's checkout, and the environment that it needs, meanwhile."""
        self.uses[commit] += 1
        try:
            yield
        finally:
            self.uses[commit] -= 1

    def tidy(self, needed: Collection[str]) -> None:
        """Removes all checkouts and environments but those of commits in use."""
        kept = frozenset(needed) | frozenset(+self.uses)
        self.releases.prune(kept)
        names = {self.venvs.needed(self.releases.path(commit)) for commit in kept}
        self.venvs.prune({name for name in names if name is not None})

    def given(self, variables: Mapping[str, str]) -> dict[str, str | None]:
        """These, and what every release gets beside them.

        Where the platform's own PostgreSQL listens is nobody else's to keep: None.
        """
        state = self.store.state
        own: dict[str, str | None] = {"DATABASE_URL": None} if state.database else {}
        return {**own, **variables, "ENVIRONMENT": state.environment}

    async def surroundings(
        self,
        commit: str,
        variables: Mapping[str, str],
        say: Callable[[str], None],
        deployment: str | None = None,
    ) -> Surroundings:
        """Makes everything that processes of a commit need.

        Raises:
            PlatformError: a part cannot be had.
        """
        checkout = await self.releases.checkout(commit)
        programs = await self.venvs.programs(checkout, say)
        if "DATABASE_URL" not in variables and (url := await self.database_url()):
            variables = {**variables, "DATABASE_URL": url}
        return Surroundings(
            home=self.places.home,
            environment=self.store.state.environment,
            deployment=deployment,
            commit=commit,
            variables=variables,
            checkout=checkout,
            programs=programs,
        )


def redactor_for(variables: Mapping[str, str]) -> Redactor:
    """Hides the variables that are secrets by :func:`secrets_among`."""
    return Redactor(secrets_among(variables))
