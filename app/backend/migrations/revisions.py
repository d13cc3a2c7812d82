"""The revisions that this release carries, and what of them a database lacks."""

import io
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.backend.database.revision_files import (
    CONTRACT,
    read_revisions,
    with_descendants,
)
from app.backend.database.schema_heads import REVISIONS
from app.backend.migrations.alembic_turn import alembic_turn
from app.backend.migrations.scripts import scripts_of
from app.backend.migrations.sources import HOME, OURS, Source
from app.errors import MigrationError, TargetError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
    from alembic.script import Script, ScriptDirectory

__all__ = [
    "EXPAND_HEAD",
    "PendingRevision",
    "alembic_config",
    "goal_in",
    "heads",
    "meant_by",
    "pending_revisions",
    "pending_scripts",
    "render_heads",
    "source_of",
    "sql_of",
    "to_pending",
]

EXPAND_HEAD = "expand@head"
_EXPAND: Final = "expand"
_SOURCE: Final = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRevision:
    """A revision that is not applied yet.

    Attributes:
        file: the name of its file.
        phase: the branch that it belongs to, ``expand`` or ``contract``.
        message: the first line of what it says about itself.
        source: its file's content.
    """

    id: str
    file: str
    phase: str
    message: str
    source: bytes

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the source."""
        body = asdict(self)
        del body["source"]
        return body


def alembic_config(source: Source = OURS) -> "AlembicConfig":
    """Alembic's configuration, which needs no file and no working directory.

    Our environment runs every source's revisions; what it needs to know of the source
    is in the configuration.
    """
    from alembic.config import Config as AlembicConfig  # noqa: PLC0415 - 0.5 s

    config = AlembicConfig()
    config.set_main_option("script_location", str(HOME).replace("%", "%%"))
    if source.folder != OURS.folder:
        # A path may have blanks and colons in it.
        config.set_main_option("path_separator", "newline")
        folder = str(source.folder).replace("%", "%%")
        config.set_main_option("version_locations", folder)
    config.attributes[_SOURCE] = source
    return config


def source_of(config: "AlembicConfig | None") -> Source:
    """Whose revisions a configuration is about; None, or one that is not ours: ours."""
    found = OURS if config is None else config.attributes.get(_SOURCE, OURS)
    assert isinstance(found, Source)  # noqa: S101 - nobody else sets it
    return found


def goal_in(scripts: "ScriptDirectory", destination: str) -> str | None:
    """What a destination means to one source; None: nothing of it is meant.

    A project that was begun without us has no branches; then its one head is where
    ``expand@head`` leads.

    Args:
        scripts: of the source.
        destination: as Alembic names it: ``expand@head``, ``heads``, an id.

    Raises:
        TargetError: there is no such revision, or more than one.
        MigrationError: it has several heads, and none of them says what it is for.
    """
    from alembic.script.revision import RevisionError  # noqa: PLC0415 - 0.5 s
    from alembic.util import CommandError  # noqa: PLC0415 - as above

    branch, at, _ = destination.rpartition("@")
    if destination == "heads":
        return destination
    if not (at and branch in {_EXPAND, CONTRACT}):
        try:
            list(scripts.iterate_revisions(destination, "base", implicit_base=True))
        except (CommandError, RevisionError) as error:
            raise TargetError(
                f"{destination} leads nowhere: {error}",
                remedy="name expand@head, contract@head, heads, or a revision's id",
            ) from error
        return destination
    # Not "heads", of which one is none that another branch depends on.
    ends = [one for one in scripts.get_revisions(scripts.get_heads()) if one]
    fit = [
        one for one in ends if (CONTRACT in one.branch_labels) == (branch != _EXPAND)
    ]
    if len(fit) > 1:
        raise MigrationError(
            f"{destination} is {len(fit)} revisions:"
            f" {', '.join(one.revision for one in fit)}",
            remedy="`alembic merge` them, or label what contracts `contract`",
        )
    return fit[0].revision if fit else None


def meant_by(destination: str, sources: Sequence[Source]) -> tuple[Source, ...]:
    """The sources that a destination is one of; an id is one source's alone.

    Raises:
        TargetError: it is none of any.
        UnreadableMigrationError: a file of theirs is no revision.
    """
    if destination == EXPAND_HEAD:
        return tuple(sources)
    meant, wrong = [], None
    for one in sources:
        try:
            goal_in(scripts_of(alembic_config(one)), destination)
        except TargetError as error:
            wrong = error
        else:
            meant.append(one)
    if wrong is not None and not meant:
        raise wrong
    return tuple(meant)


def heads(source: Source = OURS) -> tuple[str, tuple[str, ...]]:
    """The head of the expand branch, and every revision, oldest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 0.5 s

    scripts = ScriptDirectory.from_config(alembic_config(source))
    revisions = tuple(reversed([one.revision for one in scripts.walk_revisions()]))
    return goal_in(scripts, EXPAND_HEAD) or "", revisions


def render_heads(source: Source = OURS) -> str:
    """The text of ``app/backend/database/schema_heads.py``."""
    head, revisions = heads(source)
    after = set(with_descendants(head, read_revisions(source.folder)))
    arrived = [one for one in revisions if one in after]
    return (
        '"""Generated by `pm33 migrate heads --write`; do not edit."""\n\n'
        "from typing import Final\n\n"
        '__all__ = ["ARRIVED", "EXPAND_HEAD", "REVISIONS"]\n\n'
        f'EXPAND_HEAD: Final = "{head}"\n'
        f"REVISIONS: Final = ({_listed(revisions)})\n"
        f"ARRIVED: Final = ({_listed(arrived)})\n"
        '"""Rows of the version table that say that the head is applied."""\n'
    )


def _listed(revisions: Collection[str]) -> str:
    """As the formatter writes a tuple, so that it leaves the file alone."""
    quoted = [f'"{revision}",' for revision in revisions]
    several = "".join(f"\n    {one}" for one in quoted) + "\n"
    return several if len(quoted) > 1 else quoted[0]


def pending_revisions(
    applied: Collection[str],
    revision: str = EXPAND_HEAD,
    config: "AlembicConfig | None" = None,
) -> tuple[PendingRevision, ...]:
    """What an upgrade to ``revision`` would run, in that order.

    A version row that this release does not know was written by a newer one; then
    nothing is pending.

    Args:
        applied: the rows of the version table.
        revision: where to, as Alembic names it: ``expand@head``, ``heads``, an id.
        config: of Alembic; None: our own revisions.
    """
    scripts = pending_scripts(applied, revision, config)
    return tuple(to_pending(script) for script in scripts)


def pending_scripts(
    applied: Collection[str],
    revision: str = EXPAND_HEAD,
    config: "AlembicConfig | None" = None,
) -> tuple["Script", ...]:
    """As :func:`pending_revisions`, as Alembic knows them.

    Args:
        applied: the rows of the version table.
        revision: where to.
        config: of Alembic; None: our own revisions.

    Raises:
        TargetError: there is no such revision, or more than one.
        UnreadableMigrationError: a file is no revision.
    """
    if config is None and any(row not in REVISIONS for row in applied):
        return ()
    scripts = scripts_of(config or alembic_config())
    if config is not None:
        known = {script.revision for script in scripts.walk_revisions()}
        if not known.issuperset(applied):
            return ()
    goal = goal_in(scripts, revision)
    if goal is None:
        return ()
    steps = scripts.iterate_revisions(
        goal, tuple(applied) or "base", implicit_base=True
    )
    return tuple(step for step in steps if step is not None)[::-1]


def sql_of(sources: Sequence[Source], destination: str = EXPAND_HEAD) -> str:
    """What an empty database would be sent, of all sources; none is connected to.

    Raises:
        CommandError: a revision asks a database.
    """
    from alembic import command  # noqa: PLC0415 - 0.5 s

    buffer = io.StringIO()
    for one in sources:
        config = alembic_config(one)
        config.output_buffer = buffer
        goal = goal_in(scripts_of(config), destination)
        if goal is not None:
            with alembic_turn():
                command.upgrade(config, goal, sql=True)
    return buffer.getvalue()


def to_pending(script: "Script") -> PendingRevision:
    """What is told of a revision."""
    return PendingRevision(
        id=script.revision,
        file=Path(script.path).name,
        phase=next(iter(sorted(script.branch_labels)), ""),
        message=(script.doc or "").partition("\n")[0],
        source=Path(script.path).read_bytes(),
    )
