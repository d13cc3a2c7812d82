"""How a command that has failed says so: in words on stderr, or as JSON on stdout."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click

from app.errors import OpsError

__all__ = ["INTERRUPTED", "Failure", "InterruptedCommandError", "wants_json"]

INTERRUPTED = 130


class InterruptedCommandError(click.Abort):
    """Ctrl-C; the message says what has become of the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is told of an error.

    Attributes:
        error: the short, stable name of the problem.
        remedy: what to do; empty where nothing has to be.
    """

    error: str
    detail: str
    remedy: str
    exit_code: int

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Of an error of ours, of click's, or of a Ctrl-C."""
        if isinstance(error, OpsError):
            return cls(
                error=error.title,
                detail=_redacted(str(error)),
                remedy=error.remedy,
                exit_code=error.exit_code,
            )
        if isinstance(error, click.ClickException):
            context = error.ctx if isinstance(error, click.UsageError) else None
            path = context.command_path if context else "pm33"
            return cls(
                error="Usage",
                detail=error.format_message(),
                remedy=f"see `{path} --help`",
                exit_code=error.exit_code,
            )
        detail = str(error) or "stopped by Ctrl-C"
        return cls(error="Interrupted", detail=detail, remedy="", exit_code=INTERRUPTED)

    def as_json(self) -> str:
        """One object on one line."""
        return json.dumps(asdict(self))

    def show(self, *, color: bool | None = None) -> None:
        """In words, on stderr; without colours where ``color`` is False."""
        click.secho(f"error: {self.detail}", fg="red", err=True, color=color)
        if self.remedy:
            click.echo(f"remedy: {self.remedy}", err=True)


def wants_json(command: click.Command, program: str, words: Sequence[str]) -> bool:
    """Whether these words ask for JSON; they may be wrong in any other way.

    They are parsed again, since a mistake ends the first parsing before its last word,
    and ``--json`` may also be the value of an option or an argument.
    """
    lenient = {
        "resilient_parsing": True,
        "ignore_unknown_options": True,
        "allow_extra_args": True,
    }
    found, rest, parent = command, list(words), None
    while True:
        context = found.make_context(program, rest, parent, **lenient)
        given = context.params
        if given.get("as_json") or given.get("form") == "json":
            return True
        if not isinstance(found, click.Group):
            return False
        # Before the sub-command there may be words that are unknown, and so no name;
        # where none is a name, somebody has still asked for JSON of something.
        rest = [*context._protected_args, *context.args]  # noqa: SLF001 - click has no public one
        known = [found.get_command(context, word) is not None for word in rest]
        if True not in known:
            return "--json" in rest
        rest = rest[known.index(True) :]
        _, sub, rest = found.resolve_command(context, rest)
        if sub is None:
            return False
        found, parent = sub, context


def _redacted(text: str) -> str:
    # A driver's words may quote a secret; imported here, since most runs do not fail.
    from app.backend.config.environment import configured_secrets  # noqa: PLC0415
    from app.backend.monitoring.redaction import Redactor  # noqa: PLC0415

    return Redactor(configured_secrets()).redact(text)
