"""Which revisions a commit would bring, told from its files and the version rows."""

import ast
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

from app.backend.config.environment import Config
from app.backend.deploy.commits.repository import Repository
from app.backend.migrations import migration_manager
from app.errors import ConfigError, MigrationError

__all__ = [
    "CommittedSchema",
    "Revision",
    "SchemaReader",
    "parse_revision",
    "pending_revisions",
]

FOLDER = "migrations/versions"
EXPAND = "expand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One revision file.

    Attributes:
        follows: the revisions that it comes after, in its branch.
        needs: revisions of other branches that have to be there before it.
        labels: the branches that begin with it.
        file: its path in the repository.
    """

    id: str
    follows: tuple[str, ...]
    needs: tuple[str, ...]
    labels: tuple[str, ...]
    title: str
    file: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


class SchemaReader(Protocol):
    """Tells what a commit's migrations would do."""

    async def pending(self, commit: str) -> tuple[Revision, ...] | None:
        """Expand revisions that the database lacks, oldest first; None: not known."""
        ...

    async def plan_hash(self) -> str:
        """What the release's pre-deploy command is allowed to apply.

        Raises:
            MigrationError, ConfigError: the database cannot be asked.
        """
        ...


class CommittedSchema:
    """Compares a commit's revision files with the rows of the database.

    Args:
        config: says which database.
        repository: holds the commit.
    """

    def __init__(self, config: Config, repository: Repository) -> None:
        self._config = config
        self._repository = repository

    async def pending(self, commit: str) -> tuple[Revision, ...] | None:
        """Expand revisions that the database lacks; None when it cannot be asked."""
        files = await self._repository.files(commit, FOLDER, ".py")
        parsed = (parse_revision(path, text) for path, text in files.items())
        revisions = [revision for revision in parsed if revision is not None]
        if not revisions:
            return ()
        try:
            target = migration_manager.migration_target(self._config)
            state = await migration_manager.schema_state(target)
        except (ConfigError, MigrationError):
            return None
        return pending_revisions(revisions, state.applied)

    async def plan_hash(self) -> str:
        """Of this checkout's revisions; a release with others refuses it."""
        target = migration_manager.migration_target(self._config)
        return await migration_manager.plan_hash(target)


def parse_revision(path: str, text: str) -> Revision | None:
    """Reads a revision file without running it; None when it is none."""
    try:
        module = ast.parse(text)
    except SyntaxError:
        return None
    values = _constants(module)
    identifier = values.get("revision")
    if not isinstance(identifier, str):
        return None
    title = (ast.get_docstring(module) or "").partition("\n")[0]
    return Revision(
        id=identifier,
        follows=_words(values.get("down_revision")),
        needs=_words(values.get("depends_on")),
        labels=_words(values.get("branch_labels")),
        title=title,
        file=PurePosixPath(path).as_posix(),
    )


def pending_revisions(
    revisions: Iterable[Revision], applied: Iterable[str]
) -> tuple[Revision, ...]:
    """The expand revisions that are not applied, in an order that works. Pure.

    A row that the commit does not know was written by a newer release: the schema is
    ahead, and nothing is pending (as in ``database/schema_state.py``).
    """
    known = {revision.id: revision for revision in revisions}
    rows = set(applied)
    if rows - known.keys():
        return ()
    done = {one for row in rows for one in _with_ancestors(row, known)}
    order: dict[str, None] = {}
    for identifier in sorted(known):
        if EXPAND in _branches(identifier, known):
            order |= dict.fromkeys(_with_ancestors(identifier, known))
    return tuple(known[one] for one in order if one not in done)


def _with_ancestors(identifier: str, known: Mapping[str, Revision]) -> list[str]:
    """A revision after all that has to be there before it."""
    found: dict[str, None] = {}

    def visit(one: str, path: frozenset[str]) -> None:
        if one in found or one in path or one not in known:
            return
        for before in (*known[one].needs, *known[one].follows):
            visit(before, path | {one})
        found[one] = None

    visit(identifier, frozenset())
    return list(found)


def _branches(
    identifier: str, known: Mapping[str, Revision], path: frozenset[str] = frozenset()
) -> set[str]:
    """The labels that a revision has by itself, else those that it inherits."""
    revision = known.get(identifier)
    if revision is None or identifier in path:
        return set()
    inherited = (_branches(one, known, path | {identifier}) for one in revision.follows)
    return set(revision.labels) or set().union(*inherited)


def _constants(module: ast.Module) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for node in module.body:
        if isinstance(node, ast.AnnAssign):
            targets: list[ast.expr] = [node.target]
        elif isinstance(node, ast.Assign):
            targets = node.targets
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and node.value is not None:
                with suppress(ValueError):
                    values[target.id] = ast.literal_eval(node.value)
    return values


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple | set):
        return tuple(str(one) for one in value)
    return ()
