"""What deploy, rollback and monitor do alike: target, tools, Ctrl-C, report."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from app.cli.failure import InterruptedCommandError

if TYPE_CHECKING:
    from app.backend.config.environment import Config
    from app.backend.deploy.report import RunReport
    from app.backend.deploy.rotating.report import RotationReport
    from app.backend.deploy.tools import Tools
    from app.backend.monitoring.redaction import Redactor

__all__ = ["Delivery"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One environment, as a command has been told or has found it.

    Attributes:
        config: as that environment has it.
        environment: its name.
        redactor: knows the configuration's secrets; all output goes through it.
    """

    config: "Config"
    environment: str
    redactor: "Redactor"

    @classmethod
    def into(cls, flag: str | None, *, guess: bool = False) -> "Delivery":
        """Finds out which environment is meant, and says so before all else.

        Args:
            flag: of the command line.
            guess: if nothing says, take the last one that a run was made in, or the
                local platform's.

        Raises:
            TargetError: it cannot be told.
        """
        from app.backend.config.environment import read_config  # noqa: PLC0415 - 0.5 s
        from app.backend.deploy.opening import (  # noqa: PLC0415
            last_environment,
            platform_environment,
        )
        from app.backend.deploy.planning.target import choose_environment  # noqa: PLC0415

        environ = _environ()
        unnamed = read_config(environ)
        home = unnamed.home
        named = flag or environ.get("ENVIRONMENT", "").strip()
        chosen = choose_environment(
            flag,
            environ,
            told=None if named else _told(unnamed),
            last=last_environment(home) if guess else None,
            platform=platform_environment(home) if guess else None,
        )
        click.echo(f"environment {chosen}", err=True)
        config = read_config({**environ, "ENVIRONMENT": chosen.value})
        return cls(config, chosen.value, _listening(config, ()))

    @classmethod
    def anywhere(cls) -> "Delivery":
        """Of no environment, for what is the same in each of them."""
        from app.backend.config.environment import read_config  # noqa: PLC0415 - 0.5 s

        config = read_config(_environ())
        return cls(config, config.environment.value, _listening(config, ()))

    def knowing(self, secrets: Iterable[str]) -> "Delivery":
        """The same, with more that neither output nor log may show."""
        return replace(self, redactor=_listening(self.config, secrets))

    def refuse_unusable(self) -> None:
        """A deployment must not run with a default in place of what was meant.

        Raises:
            ConfigError: a variable of the pipeline cannot be used.
        """
        from app.backend.config.settings import DeploymentSettings  # noqa: PLC0415
        from app.errors import ConfigError  # noqa: PLC0415 - most are usable

        fields = DeploymentSettings.model_fields.values()
        ours = {str(field.alias) for field in fields}
        for problem in self.config.problems:
            if problem.variable.removesuffix("_FILE") in ours:
                raise ConfigError(
                    f"{problem.variable} {problem.message}", remedy=problem.remedy
                )

    def with_tools(
        self,
        work: "Callable[[Tools], Coroutine[Any, Any, T]]",
        *,
        changes: bool = True,
    ) -> T:
        """Runs the work to its end with everything it needs, and closes that.

        The first Ctrl-C asks it to stop at a safe edge, the second leaves all as it
        is.

        Args:
            work: is given the tools.
            changes: whether it can leave anything half done; else the first Ctrl-C
                ends it.

        Raises:
            InterruptedCommandError: nothing was begun, or it was left as it is.
        """
        from app.backend.deploy.interrupt import (  # noqa: PLC0415 - 0.1 s
            InterruptedRunError,
            until_interrupted,
        )
        from app.backend.deploy.opening import open_tools  # noqa: PLC0415 - 1 s

        async def run() -> T:
            opened = open_tools(self.config, self.environment, say=self.say)
            async with opened as tools:
                if not changes:
                    return await work(tools)
                return await until_interrupted(work(tools), tools.interrupt)

        try:
            return asyncio.run(run())
        except InterruptedRunError as error:
            told = "interrupted before anything was begun"
            raise InterruptedCommandError(told) from error
        except asyncio.CancelledError as error:
            told = "left as it is; `pm33 deploy resume` goes on with it"
            raise InterruptedCommandError(told) from error

    def say(self, line: str) -> None:
        """One line of talk."""
        click.echo(self.redactor.redact(line), err=True)

    def show(self, body: Any, text: str, *, as_json: bool) -> None:
        """The result: data, or the same in words."""
        if as_json:
            clean = self.redactor.redact_value(body)
            click.echo(json.dumps(clean, indent=2))
        else:
            click.echo(self.redactor.redact(text))

    def finish(
        self, report: "RunReport | RotationReport", *, as_json: bool
    ) -> NoReturn:
        """Shows how a run has ended, and exits with its code."""
        self.show(report.to_dict(), report.text(), as_json=as_json)
        sys.exit(report.exit_code)


def _environ() -> dict[str, str]:
    """Where the service listens is no matter of this process, and must not stop it."""
    return {k: v for k, v in os.environ.items() if k not in {"HOST", "PORT"}}


def _told(config: "Config") -> tuple[str, str] | None:
    """What Railway's token or link tells of the environment."""
    from app.backend.deploy.platforms.railway.environment import (  # noqa: PLC0415
        told_environment,
    )
    from app.backend.monitoring.redaction import Redactor  # noqa: PLC0415 - 0.4 s

    redact = Redactor(config.secrets()).redact

    def say(line: str) -> None:
        click.echo(redact(line), err=True)

    return asyncio.run(told_environment(config, say=say))


def _listening(config: "Config", secrets: Iterable[str]) -> "Redactor":
    """Has logs go to stderr without the configuration's secrets, and these."""
    from app.backend.monitoring.observability import (  # noqa: PLC0415 - 0.4 s
        configure_logging,
    )
    from app.backend.monitoring.redaction import Redactor  # noqa: PLC0415 - as above

    redactor = Redactor((*config.secrets(), *secrets))
    configure_logging(config=config, redactor=redactor, stream=sys.stderr)
    logging.getLogger().setLevel(logging.WARNING)
    # That a journal lacks its rows, each command tells in words of its own.
    logging.getLogger("pm33.journal").setLevel(logging.ERROR)
    return redactor
