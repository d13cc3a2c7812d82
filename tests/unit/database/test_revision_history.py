from pathlib import Path

import pytest

from app.backend.database.revision_files import (
    branches,
    expand_heads,
    parse_revision,
    read_revisions,
    with_ancestors,
    with_descendants,
)
from app.backend.database.revision_history import (
    OURS,
    RevisionHistory,
    histories_of,
    history_of,
)
from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.database.schema_state import SchemaPosition, judge_schema
from app.errors import ConfigError
from tests.support.judging import config_of


def write(folder: Path, name: str, follows: object = None, **more: object) -> None:
    values = {"revision": name, "down_revision": follows, **more}
    lines = "\n".join(f"{key} = {value!r}" for key, value in values.items())
    (folder / f"{name}.py").write_text(f'"""{name} does it."""\n\n{lines}\n')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a → b, with a contract revision that needs b."""
    write(tmp_path, "a")
    write(tmp_path, "b", "a")
    write(tmp_path, "c", None, branch_labels=("contract",), depends_on="b")
    write(tmp_path, "d", "c")
    (tmp_path / "helper.py").write_text("x = 1")
    (tmp_path / "broken.py").write_text("def (")
    return tmp_path


def theirs(folder: Path, **more: str) -> RevisionHistory:
    _, found = histories_of(config_of(PM33_MIGRATIONS=str(folder), **more))
    return found


def test_heads_are_read_without_running_anything(folder: Path) -> None:
    text = (folder / "b.py").read_text()
    (folder / "b.py").write_text(f"{text}\nraise SystemExit\n")

    found = theirs(folder)

    assert found.needed == "b"
    assert sorted(found.known) == ["a", "b", "c", "d"]
    assert sorted(found.arrived) == ["b", "c", "d"]
    assert (found.schema, found.table) == ("public", "alembic_version")


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ([], SchemaPosition.BEHIND),
        (["a"], SchemaPosition.BEHIND),
        (["b"], SchemaPosition.CURRENT),
        (["d"], SchemaPosition.CURRENT),
        (["z"], SchemaPosition.AHEAD),
    ],
)
def test_a_contract_row_that_took_the_heads_place_stands_for_it(
    folder: Path, applied: list[str], expected: SchemaPosition
) -> None:
    assert judge_schema(applied, [], history=theirs(folder)).position is expected


def test_a_floor_of_one_source_is_known_to_the_other(folder: Path) -> None:
    ours, found = histories_of(config_of(PM33_MIGRATIONS=str(folder)))

    for history in (ours, found):
        for floor in ("d", EXPAND_HEAD):
            state = judge_schema(["b", EXPAND_HEAD], [floor], history=history)
            assert state.position is SchemaPosition.CURRENT
    alone = judge_schema([EXPAND_HEAD], ["d"])
    assert alone.position is SchemaPosition.INCOMPATIBLE


def test_a_folder_without_revisions_needs_nothing(tmp_path: Path) -> None:
    found = theirs(tmp_path)
    assert judge_schema([], [], history=found).position is SchemaPosition.CURRENT
    assert judge_schema(["x"], [], history=found).position is SchemaPosition.AHEAD


def test_the_folder_of_an_alembic_project_has_them_in_versions(folder: Path) -> None:
    (folder / "env.py").touch()
    with pytest.raises(ConfigError, match="project of Alembic's without"):
        theirs(folder)
    (folder / "versions").mkdir()
    write(folder / "versions", "z")
    table = "shop.alembic_version"

    found = theirs(folder, PM33_VERSION_TABLE=table)

    assert (found.needed, found.schema) == ("z", "shop")


def test_what_cannot_be_used_is_said(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        theirs(folder / "nowhere")
    write(folder, "e", "a")
    with pytest.raises(ConfigError, match="2 heads: b, e"):
        theirs(folder)
    (folder / "e.py").unlink()
    with pytest.raises(ConfigError, match="where our own revisions are kept"):
        theirs(folder, PM33_VERSION_TABLE="ops.alembic_version")
    write(folder, OURS.known[0], "b")
    with pytest.raises(ConfigError, match="called as ours"):
        theirs(folder)


def test_a_long_history_is_no_problem(tmp_path: Path) -> None:
    for number in range(1500):
        write(tmp_path, f"r{number}", f"r{number - 1}" if number else None)

    known = read_revisions(tmp_path)

    assert expand_heads(known) == ("r1499",)
    assert with_ancestors("r1499", known) == [f"r{n}" for n in range(1500)]
    assert len(with_descendants("r0", known)) == 1500
    assert history_of(known, schema="public", table="t").arrived == ("r1499",)


def test_a_file_says_what_it_is() -> None:
    found = parse_revision("x/y.py", '"""T.\n\nmore"""\nrevision: str = "r"')
    assert found is not None
    assert (found.id, found.title, found.file) == ("r", "T.", "x/y.py")
    assert branches("r", {"r": found}) == set()
    assert parse_revision("x.py", "revision = make()") is None


def test_it_may_say_so_below_a_function() -> None:
    text = 'revision = "r"\n\ndef f():\n    pass\n\ndown_revision = ("a", "b")\n'
    found = parse_revision("x.py", text)
    assert found is not None
    assert found.follows == ("a", "b")
    broken = 'revision = "r"\ndown_revision = "a"\n\ndef upgrade(:'
    assert parse_revision("x.py", broken) is not None


def test_what_a_file_says_after_its_functions_counts_as_well() -> None:
    text = (
        "revision = 'c1'\ndown_revision = None\n\n\ndef upgrade():\n    pass\n\n\n"
        "depends_on = 'a1'\nbranch_labels = 'contract'\n"
    )
    found = parse_revision("c1.py", text)

    assert found is not None
    assert (found.needs, found.labels) == (("a1",), ("contract",))
