"""An application with revisions and models of its own, in a folder."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from alembic import command

from app.backend.database.revision_files import read_revisions
from app.backend.database.revision_history import history_of
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.migration_manager import upgrade, write_revisions
from app.backend.migrations.revisions import alembic_config
from app.backend.migrations.sources import OURS, Source
from app.backend.migrations.writing.outcome import Written

__all__ = ["Shop"]


class Shop:
    """The application's side of a database.

    Args:
        folder: of its revisions.
        target: the database.
    """

    def __init__(self, folder: Path, target: DatabaseTarget) -> None:
        self.folder = folder
        self.target = target
        self.models: str | None = "FIRST"

    @property
    def source(self) -> Source:
        known = read_revisions(self.folder)
        history = history_of(known, schema="public", table="alembic_version")
        history = replace(history, beside=OURS.history.known)
        models = self.models
        metadata = models and f"tests.support.shop_models:{models}"
        return Source(
            name=history.source, folder=self.folder, history=history, metadata=metadata
        )

    @property
    def sources(self) -> tuple[Source, ...]:
        theirs = self.source
        ours = replace(OURS.history, beside=theirs.history.known)
        return (replace(OURS, history=ours), theirs)

    async def new(self, message: str, **more: Any) -> Written:
        return await write_revisions(self.target, message, source=self.source, **more)

    def read(self, written: Written) -> str:
        """The texts of the files that were written."""
        files = [Path(one.file) for one in written.revisions]
        return "\n".join(one.read_text(encoding="utf-8") for one in files)

    def forget(self, written: Written) -> None:
        """As a checkout is that does not have these revisions."""
        for one in written.revisions:
            Path(one.file).unlink()

    async def up(self, revision: str = "expand@head") -> None:
        await upgrade(self.target, revision, sources=self.sources)

    async def alembic(self, name: str, *words: str, **more: Any) -> None:
        """Runs a command of Alembic's on the shop's revisions."""
        config = alembic_config(self.source)
        config.attributes["target"] = self.target
        await asyncio.to_thread(getattr(command, name), config, *words, **more)
