"""Drafts become files of revisions, one after the other."""

import re
import textwrap
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from app.backend.database.revision_files import CONTRACT
from app.backend.migrations.revisions import EXPAND_HEAD, alembic_config, goal_in
from app.backend.migrations.scripts import scripts_of
from app.backend.migrations.sources import Source
from app.backend.migrations.writing.layout import WIDTH
from app.backend.migrations.writing.outcome import (
    NEW,
    Draft,
    Refusal,
    WrittenRevision,
)
from app.errors import MigrationError

__all__ = ["file_drafts", "gathered", "revision_id", "titled"]

LONGEST: Final = 32
"""Characters of an id that Alembic's version table keeps."""
_LONGEST_TITLE: Final = 80
_CONTRACT_HEAD: Final = "contract@head"
_NUMBER: Final = re.compile(r"(\d{4,})(?:_|$)")


def gathered(drafts: Iterable[Draft]) -> tuple[Draft, ...]:
    """Drafts of one group as one; what is alone stays so. Pure."""
    order: dict[str, list[Draft]] = {}
    for number, one in enumerate(drafts):
        order.setdefault(one.group or f"\0{number}", []).append(one)
    return tuple(_merged(several) for several in order.values())


def revision_id(
    message: str, known: Collection[str], others: Collection[str] = ()
) -> str:
    """The next id, as in ``0007_customers_email``. Pure.

    Args:
        message: what the revision is for.
        known: the ids of its source.
        others: those of other sources, which it may not have either.
    """
    numbers = [int(found[1]) for one in known if (found := _NUMBER.match(one))]
    number = max(numbers, default=len(known)) + 1
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_") or "revision"
    while True:
        name = f"{number:04d}_{slug}"[:LONGEST].rstrip("_")
        if name not in known and name not in others:
            return name
        number += 1


def file_drafts(
    drafts: Sequence[Draft],
    source: Source,
    message: str,
    *,
    contract: bool,
    refused: Sequence[Refusal] = (),
) -> tuple[WrittenRevision, ...]:
    """Writes a file for each; the first follows the head of its branch.

    Args:
        drafts: in their order.
        source: whose they are.
        message: what they are for.
        contract: they are of that branch.
        refused: what was not written; the first file says so.

    Raises:
        MigrationError: a file is there already, or its folder cannot be written to.
    """
    filing = _Filing(source, contract=contract)
    written = []
    for number, draft in enumerate(drafts):
        title = message if len(drafts) == 1 else titled(message, draft.title)
        comments = [] if number else [f"Refused: {one}" for one in refused]
        try:
            written.append(filing.file(message, title, draft, comments))
        except OSError as error:
            raise MigrationError(
                f"the revision cannot be written: {error}",
                remedy="make the folder of the revisions writable",
            ) from error
    return tuple(written)


class _Filing:
    """Writes files that follow each other."""

    def __init__(self, source: Source, *, contract: bool) -> None:
        config = alembic_config(source)
        config.set_main_option("file_template", "%%(rev)s")
        scripts = self._scripts = scripts_of(config)
        scripts.messaging_opts = {"quiet": True}
        known = list(scripts.walk_revisions())
        labels = {label for one in known for label in one.branch_labels}
        expand = goal_in(scripts, EXPAND_HEAD)
        self._source = source
        self._known = {one.revision for one in known}
        self._phase = CONTRACT if contract else "expand"
        self._head = goal_in(scripts, _CONTRACT_HEAD) if contract else expand
        self._label = None if self._phase in labels else self._phase
        self._needs = expand if contract else None

    def file(
        self, message: str, title: str, draft: Draft, comments: Sequence[str]
    ) -> WrittenRevision:
        name = revision_id(message, self._known, self._source.history.beside)
        if self._phase == CONTRACT:
            draft = _with_floor(draft, name)
        title = textwrap.shorten(title.rstrip("."), _LONGEST_TITLE, placeholder=" …")
        script = self._scripts.generate_revision(
            name,
            title,
            head=self._head or "base",
            version_path=str(self._source.folder),
            branch_labels=self._label,
            depends_on=self._needs,
            upgrades=_body([*_wrapped(comments), *draft.up]),
            downgrades=_body(draft.down),
            contract=self._phase == CONTRACT,
            imports="\n".join(sorted(draft.imports)),
        )
        if script is None:
            raise MigrationError(
                f"{name} is no revision as it was written",
                remedy="see migrations/script.py.mako",
            )
        self._known.add(name)
        self._head, self._label, self._needs = name, None, None
        return WrittenRevision(
            id=name, file=str(script.path), title=title, phase=self._phase
        )


def titled(message: str, what: str) -> str:
    """The title of one of several: the message, which all have, is cut first. Pure."""
    what = textwrap.shorten(what, _LONGEST_TITLE // 2, placeholder=" …")
    room = _LONGEST_TITLE - len(f": {what}")
    message = textwrap.shorten(message.rstrip("."), room, placeholder=" …")
    return f"{message}: {what}"


def _with_floor(draft: Draft, name: str) -> Draft:
    """A release that does not know this revision may use what it takes away."""
    if all(line.startswith("op.safe_") for line in draft.up):
        up = f'op.safe_raise_floor("{name}")'
        down = f'op.safe_lower_floor("{name}")'
    else:
        up = _executed(
            "INSERT INTO ops.schema_floor (revision, requires)",
            f" VALUES ('{name}', '{name}')",
        )
        down = _executed("DELETE FROM ops.schema_floor", f" WHERE revision = '{name}'")
    return replace(draft, up=(up, *draft.up), down=(*draft.down, down))


def _executed(*parts: str) -> str:
    line = f'    op.execute("{"".join(parts)}")'
    if len(line) <= WIDTH:
        return line.strip()
    lines = "".join(f'        "{one}"\n' for one in parts)
    return f"op.execute(\n{lines}    )"


def _merged(drafts: Sequence[Draft]) -> Draft:
    first, *others = drafts
    if not others:
        return first
    titles = ", ".join(dict.fromkeys(one.title for one in drafts))
    return Draft(
        title=titles if first.group == NEW else first.group,
        up=tuple(line for one in drafts for line in one.up),
        down=tuple(line for one in reversed(drafts) for line in one.down),
        imports=frozenset().union(*(one.imports for one in drafts)),
    )


def _body(lines: Sequence[str]) -> str:
    return "\n    ".join(lines)


def _wrapped(comments: Iterable[str]) -> Iterable[str]:
    for one in comments:
        yield from (f"# {line}" for line in textwrap.wrap(one, 82))
