"""The demo's releases, as far as the project itself can spoil them."""

import ast
from pathlib import Path

from app.backend.database.schema_heads import EXPAND_HEAD

_RELEASES = Path(__file__).resolve().parents[2] / "examples" / "demo" / "releases"


def _assigned(revision: Path) -> dict[str, str | None]:
    """The module's constants, without running it."""
    tree = ast.parse(revision.read_text(encoding="utf-8"))
    return {
        line.target.id: ast.literal_eval(line.value)
        for line in tree.body
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and line.value is not None
    }


def test_its_first_revision_follows_the_projects_newest_one() -> None:
    first, *others = [
        _assigned(path) for path in sorted(_RELEASES.glob("*/migrations/versions/*.py"))
    ]

    assert first["down_revision"] == EXPAND_HEAD, "write the new head into it"
    chain = [first["revision"], *(one["revision"] for one in others)]
    assert [one["down_revision"] for one in others] == chain[:-1]
