"""A group whose commands are imported when they are named, since some are heavy."""

import importlib
from collections.abc import Mapping
from typing import Any

import click
from typing_extensions import override

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """Imports a command's module when the command is asked for.

    Args:
        lazy: ``package.module:name`` of each command, by the word that names it;
            commands that were added as usual are there beside them.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._lazy = lazy

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self._lazy, *super().list_commands(ctx)})

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        path = self._lazy.get(cmd_name)
        if path is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = path.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command
