"""Revision files, read without running them: a service starts without Alembic."""

import ast
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

__all__ = [
    "CONTRACT",
    "Revision",
    "branches",
    "expand_heads",
    "parse_revision",
    "read_revisions",
    "with_ancestors",
    "with_descendants",
]

CONTRACT: Final = "contract"
_NEEDED: Final = frozenset({"revision", "down_revision"})
_CONSTANT: Final = re.compile(
    r"^(revision|down_revision|depends_on|branch_labels)\b", re.MULTILINE
)


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


def read_revisions(folder: Path) -> dict[str, Revision]:
    """The revisions in a folder, by id; files that are none are left out.

    Raises:
        OSError, UnicodeDecodeError: a file cannot be read.
    """
    paths = sorted(folder.glob("*.py"))
    parsed = (
        parse_revision(path.name, path.read_text(encoding="utf-8-sig"))
        for path in paths
    )
    return {one.id: one for one in parsed if one is not None}


def parse_revision(path: str, text: str) -> Revision | None:
    """Reads a revision file without running it; None when it is none."""
    head, function, rest = text.partition("\ndef ")
    found = _read(head)
    late = found is None or not _NEEDED.issubset(found[1]) or _CONSTANT.search(rest)
    if function and late:
        # The constants stand elsewhere; the whole takes ten times as long.
        found = _read(text)
    if found is None:
        return None
    title, values = found
    identifier = values.get("revision")
    if not isinstance(identifier, str):
        return None
    return Revision(
        id=identifier,
        follows=_words(values.get("down_revision")),
        needs=_words(values.get("depends_on")),
        labels=_words(values.get("branch_labels")),
        title=title,
        file=PurePosixPath(path).as_posix(),
    )


def expand_heads(known: Mapping[str, Revision]) -> tuple[str, ...]:
    """The ends of what is not on the contract branch. Pure."""
    followed = {one for revision in known.values() for one in revision.follows}
    ends = (one for one in known if one not in followed)
    return tuple(sorted(one for one in ends if CONTRACT not in branches(one, known)))


def with_ancestors(identifier: str, known: Mapping[str, Revision]) -> list[str]:
    """A revision after all that has to be there before it. Pure."""
    found: dict[str, None] = {}
    todo = [(identifier, False)]
    seen: set[str] = set()
    # Not by recursion: an old project has more revisions than Python has frames.
    while todo:
        one, is_done = todo.pop()
        if is_done:
            found[one] = None
        elif one in known and one not in seen:
            seen.add(one)
            before = (*known[one].needs, *known[one].follows)
            todo += [(one, True), *((each, False) for each in reversed(before))]
    return list(found)


def with_descendants(identifier: str, known: Mapping[str, Revision]) -> list[str]:
    """A revision and whatever comes after it, or depends on it. Pure."""
    after: dict[str, list[str]] = {}
    for revision in known.values():
        for before in (*revision.follows, *revision.needs):
            after.setdefault(before, []).append(revision.id)
    found: dict[str, None] = {}
    todo = [identifier] if identifier in known else []
    while todo:
        one = todo.pop()
        if one not in found:
            found[one] = None
            todo += after.get(one, ())
    return list(found)


def branches(identifier: str, known: Mapping[str, Revision]) -> set[str]:
    """The labels that a revision has by itself, else those that it inherits. Pure."""
    found: set[str] = set()
    seen: set[str] = set()
    todo = [identifier]
    while todo:
        one = todo.pop()
        revision = known.get(one)
        if revision is None or one in seen:
            continue
        seen.add(one)
        found |= set(revision.labels)
        if not revision.labels:
            todo += revision.follows
    return found


def _read(text: str) -> tuple[str, dict[str, Any]] | None:
    try:
        module = ast.parse(text)
    except SyntaxError:
        return None
    title = (ast.get_docstring(module) or "").partition("\n")[0]
    return title, _constants(module)


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
