"""What a revision says when it is asked without a database, statement by statement.

Alembic's offline mode renders each operation as text; here each is kept with its
transaction and with the line that asked for it. Nothing is connected to.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from app.backend.migrations.alembic_turn import alembic_turn
from app.backend.migrations.sql.script import Control, control_of, line_of, split
from app.backend.migrations.sql.tokens import LexicalError
from app.backend.migrations.statements import EXECUTOR, Statement
from app.errors import MigrationError, UnreadableMigrationError

if TYPE_CHECKING:
    from alembic.script import Script, ScriptDirectory

    from app.backend.migrations.tape import Tape

__all__ = ["Recording", "alembic_of_this_process", "read_sql", "record", "shown"]

_COPIED: Final = ("COPY", "STDIN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The statements of one direction of a revision, in their order.

    Attributes:
        revision: whose they are.
        file: where the revision stands, as it is shown.
        statements: all of them, or those before it became opaque.
        opaque: why the rest cannot be told without a database; None: that is all.
        line: of the call that asked for a database; 0: there was none.
    """

    revision: str
    file: str
    statements: tuple[Statement, ...]
    opaque: str | None = None
    line: int = 0


def record(revision: "Script", *, down: bool = False) -> Recording:
    """Runs a revision's function as ``alembic upgrade --sql`` does.

    Args:
        revision: as Alembic's script directory knows it.
        down: the downgrade instead of the upgrade.

    Raises:
        MigrationError: the function raised what has nothing to do with a database.
    """
    from app.backend.migrations.tape import Tape  # noqa: PLC0415 - alembic, 0.5 s

    function = getattr(revision.module, "downgrade" if down else "upgrade", None)
    file = str(revision.module.__file__)
    tape = Tape(revision.revision, file, shown(Path(file)))
    failure = _play(function, revision, tape) if function else None
    if failure is None:
        opaque = None
    elif tape.asked:
        opaque = f"it asks a database: {type(failure).__name__}: {failure}"
    else:
        raise MigrationError(
            f"{revision.revision} cannot be read: {type(failure).__name__}: {failure}",
            remedy="`alembic upgrade --sql` fails at the same place; mend the revision",
        ) from failure
    return Recording(
        revision=revision.revision,
        file=tape.shown,
        statements=tuple(tape.statements),
        opaque=opaque,
        line=tape.line_of(failure.__traceback__) if failure else 0,
    )


def read_sql(path: Path) -> tuple[Statement, ...]:
    """The statements of a file of plain SQL, each with its line.

    Without BEGIN every statement is a transaction of its own, as in psql.

    Raises:
        UnreadableMigrationError: the file is none, or not SQL as the server reads it.
    """
    file = shown(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableMigrationError(
            f"{file} cannot be read: {error}", remedy="name a file of plain SQL"
        ) from error
    try:
        return tuple(_statements(text, file))
    except LexicalError as error:
        raise UnreadableMigrationError(
            f"{file}, line {line_of(text, error.start)}: {error}",
            remedy="give the SQL that is sent to the server, without psql's commands",
        ) from error


@contextmanager
def alembic_of_this_process() -> Iterator[None]:
    """Has Alembic's ``op`` and ``context`` for itself, and gives them back after it.

    They are globals of the process: whoever runs Alembic beside others holds this.

    Raises:
        MigrationError: somebody else has had them for too long.
    """
    with alembic_turn():
        from alembic import context, op  # noqa: PLC0415 - 0.5 s

        outer = [getattr(module, "_proxy", None) for module in (context, op)]
        yield
        for proxy in outer:
            if proxy is not None:
                proxy._install_proxy()  # noqa: SLF001 - a nested run has removed it


def shown(path: Path) -> str:
    """A path as it is shown: from the working directory, where it is below that."""
    absolute, here = path.resolve(), Path.cwd()
    below = absolute.is_relative_to(here)
    return str(absolute.relative_to(here)) if below else str(path)


@dataclass(frozen=True, slots=True)
class _OneRevision:
    """As much of a script directory as an operation asks for: whose branch it is."""

    revision: "Script"

    def get_revision(self, _name: str) -> "Script":
        return self.revision


def _play(
    function: Callable[[], None], revision: "Script", tape: "Tape"
) -> Exception | None:
    """Runs it with everything it sends taken down; what it raised, if it did."""
    from alembic.config import Config  # noqa: PLC0415 - 0.5 s
    from alembic.operations import Operations  # noqa: PLC0415 - as above
    from alembic.runtime.environment import (  # noqa: PLC0415 - as above
        EnvironmentContext,
    )

    scripts = cast("ScriptDirectory", _OneRevision(revision))
    environment = EnvironmentContext(Config(), scripts, as_sql=True)
    options: Mapping[str, Any] = {EXECUTOR: tape}
    with alembic_of_this_process(), environment:
        environment.configure(
            dialect_name="postgresql",
            dialect_opts={"paramstyle": "named"},
            output_buffer=io.StringIO(),
            **options,
        )
        context = environment.get_context()
        tape.attach(context)
        with Operations.context(context):
            try:
                function()
            except Exception as error:  # noqa: BLE001 - a revision raises what it likes
                return error
    return None


def _statements(text: str, file: str) -> Iterator[Statement]:
    count = 0
    inside = False
    for piece in split(text):
        keys = {token.key for token in piece.tokens}
        if keys.issuperset(_COPIED):
            start = piece.tokens[0].start
            raise LexicalError("the rows of COPY … FROM stdin are no SQL", start)
        match control_of(piece.tokens):
            case Control.BEGIN:
                count, inside = count + 1, True
            case Control.END:
                inside = any(token.key == "CHAIN" for token in piece.tokens)
                inside = inside and "NO" not in keys
                count += inside
            case Control.WITHIN:
                pass
            case None:
                yield Statement(
                    sql=piece.sql,
                    revision=file,
                    file=file,
                    line=piece.line,
                    transaction=count if inside else None,
                )
