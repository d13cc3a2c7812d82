import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.backend.migrations.analysis.static import static_findings
from app.backend.migrations.revisions import heads
from app.cli.migrate.lint import lint
from app.errors import TargetError, UnreadableMigrationError
from tests.support.revisions import scripts, write_revision

UNSAFE = "BEGIN;\nCREATE INDEX i ON users (email);\nCOMMIT;\n"
DOUBTFUL = "ALTER TABLE users ENABLE ROW LEVEL SECURITY;"
SAFE = "ALTER TABLE users ADD COLUMN note text;"


def ask(folder: Path, *contents: str, form: str = "table") -> Result:
    words = ["--format", form]
    for place, content in enumerate(contents):
        path = folder / f"{place}.sql"
        path.write_text(content)
        words += ["--sql", str(path)]
    return CliRunner(env={"COLUMNS": "80"}).invoke(lint, words)


@pytest.mark.parametrize(
    ("contents", "code"),
    [
        ((UNSAFE,), 1),
        ((SAFE, UNSAFE), 1),
        ((DOUBTFUL,), 0),
        ((SAFE,), 0),
        (("",), 0),
    ],
)
def test_only_an_error_fails(
    tmp_path: Path, contents: tuple[str, ...], code: int
) -> None:
    assert ask(tmp_path, *contents).exit_code == code


def test_as_json_it_is_a_list_of_findings(tmp_path: Path) -> None:
    said = ask(tmp_path, SAFE, UNSAFE, form="json")

    (found,) = json.loads(said.stdout)
    assert list(found) == [
        *("file", "line", "rule", "severity", "statement", "lock", "why", "safe")
    ]
    assert (found["file"], found["line"]) == (str(tmp_path / "1.sql"), 2)
    assert (found["rule"], found["severity"]) == ("create-index", "error")
    assert found["lock"] == "SHARE"
    assert json.loads(ask(tmp_path, SAFE, form="json").stdout) == []


def test_json_has_a_short_name(tmp_path: Path) -> None:
    path = tmp_path / "some.sql"
    path.write_text(DOUBTFUL)
    said = CliRunner().invoke(lint, ["--json", "--sql", str(path)])
    assert [one["severity"] for one in json.loads(said.stdout)] == ["warning"]


def test_for_github_each_finding_is_an_annotation(tmp_path: Path) -> None:
    said = ask(tmp_path, UNSAFE, DOUBTFUL, form="github").stdout.splitlines()

    place = f"file={tmp_path / '0.sql'},line=2::"
    assert said[0].startswith(f"::error title=create-index,{place}")
    assert "%0A→ op.safe_create_index" in said[0]
    assert said[1].startswith("::warning title=brief-exclusive-lock,")
    assert said[-1] == "1 error, 1 warning, 0 infos"


def test_a_person_reads_the_errors_first(tmp_path: Path) -> None:
    said = ask(tmp_path, DOUBTFUL, UNSAFE).stdout.splitlines()

    assert said[0] == f"{tmp_path / '1.sql'}:2  error create-index"
    assert said[1].strip() == "CREATE INDEX i ON users (email)"
    assert any(line.startswith("  → op.safe_create_index") for line in said)
    assert max(map(len, said[1:4])) <= 80
    assert said[-1] == "1 error, 1 warning, 0 infos"
    assert "nothing" in ask(tmp_path, SAFE).stdout


def test_our_own_revisions_have_no_error() -> None:
    said = CliRunner().invoke(lint, [])
    assert said.exit_code == 0, said.stdout


def test_a_revision_is_named_as_alembic_names_it(tmp_path: Path) -> None:
    index = 'op.create_index("i", "users", ["email"])'
    write_revision(tmp_path, index, name="0001_one")
    write_revision(tmp_path, index, name="0002_two", before="0001_one")
    directory = scripts(tmp_path)

    def files(*names: str) -> list[str]:
        found, _ = static_findings(names, [], directory)
        return [Path(one.file).stem for one in found]

    assert files("0001_one") == ["0001_one"]
    assert files("0002") == files("heads") == ["0002_two"]
    assert files("0001", "0002") == files() == ["0001_one", "0002_two"]


@pytest.mark.parametrize("name", ["nobody", "base", "other@head"])
def test_a_revision_that_is_not_there_is_a_mistake_of_the_question(name: str) -> None:
    with pytest.raises(TargetError, match=name) as caught:
        static_findings([name], [])
    assert caught.value.exit_code == 2


def test_a_file_that_is_no_revision_is_told(tmp_path: Path) -> None:
    path = write_revision(tmp_path, "pass")
    path.write_text("def upgrade(:")

    with pytest.raises(UnreadableMigrationError, match="SyntaxError") as caught:
        static_findings([], [], scripts(tmp_path))
    assert caught.value.exit_code == 2


def test_a_revision_and_a_file_are_looked_at_together(tmp_path: Path) -> None:
    path = tmp_path / "some.sql"
    path.write_text(UNSAFE)
    head, _ = heads()

    found, _ = static_findings([head], [path])

    assert [one.rule for one in found] == ["create-index"]


@pytest.mark.full
def test_five_hundred_revisions_take_less_than_five_seconds(tmp_path: Path) -> None:
    before = None
    for place in range(500):
        name = f"r{place:04}"
        write_revision(
            tmp_path,
            f"""
            op.create_table("t{place}", sa.Column("id", sa.BigInteger()))
            op.add_column("users", sa.Column("c{place}", sa.Text()))
            op.create_index("i{place}", "users", ["c{place}"])
            op.safe_create_check("k{place}", "users", "c{place} <> ''")
            """,
            name=name,
            before=before,
            downgrade=f'op.drop_table("t{place}")',
        )
        before = name
    directory = scripts(tmp_path)

    begins = time.perf_counter()
    found, _ = static_findings([], [], directory)

    assert time.perf_counter() - begins < 5
    assert sum(one.rule == "create-index" for one in found) == 500
