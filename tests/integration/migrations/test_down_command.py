"""``pm33 migrate down`` and ``restore``, as they are typed."""

import asyncio
import json
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.backend.database.schema_heads import EXPAND_HEAD
from app.errors import DataAtRiskError
from tests.support.ways_down import Place

ROOT = Path(__file__).resolve().parents[3]
TABLE = (
    "op.execute('CREATE TABLE t (id int PRIMARY KEY)')",
    "op.drop_table('t')",
)
COLUMN = (
    "op.add_column('t', sa.Column('b', sa.Text()))",
    "op.drop_column('t', 'b')",
)
PATIENCE = 60.0
Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    """The project as somebody has it who has added revisions."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("app", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    place = Place(database_url, tmp_path / "migrations" / "versions")
    _tell_the_release(tmp_path, place.add(*TABLE), place.add(*COLUMN))
    return place


def _tell_the_release(folder: Path, *revisions: str) -> None:
    """As ``pm33 migrate heads --write`` does, in a second less."""
    heads = folder / "app" / "backend" / "database" / "schema_heads.py"
    more = "".join(f'    "{one}",\n' for one in revisions)
    text = heads.read_text(encoding="utf-8")
    text = text.replace(f'Final = "{EXPAND_HEAD}"', f'Final = "{revisions[-1]}"')
    text = text.replace(f'Final = ("{EXPAND_HEAD}",)', f'Final = ("{revisions[-1]}",)')
    text = text.replace(f'"{EXPAND_HEAD}",\n', f'"{EXPAND_HEAD}",\n{more}')
    heads.write_text(text, encoding="utf-8")


@pytest.fixture
def run(place: Place, tmp_path: Path) -> Run:
    async def running(*words: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "app.cli", "migrate", *words),
            cwd=tmp_path,
            env={"DATABASE_URL": place.url, "PYTHONPATH": str(tmp_path)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out.decode(), err.decode()

    return running


async def test_a_loss_is_refused_with_five_and_its_counts(
    place: Place, run: Run
) -> None:
    code, _, err = await run("up")
    assert code == 0, err
    await place.execute("INSERT INTO t VALUES (1, 'b'), (2, 'b'), (3, NULL)")

    code, out, err = await run("down", "--to", "r1", "--json")

    assert code == DataAtRiskError.exit_code == 5, err
    told: dict[str, Any] = json.loads(out)
    assert (told["error"], told["exit_code"]) == ("Data at risk", 5)
    assert (told["rows"], told["columns"]) == (2, 1)
    (one,) = told["at_risk"]
    assert (one["kind"], one["table"], one["columns"]) == ("values-go", "t", ["b"])
    assert one["rows"] == 2
    assert "DROP COLUMN b" in one["statement"]
    assert await place.applied() == ["r2"]


@pytest.mark.full
async def test_a_loss_is_accepted_with_a_reason_and_comes_back(
    place: Place, run: Run
) -> None:
    assert (await run("up"))[0] == 0
    await place.execute("INSERT INTO t VALUES (1, 'b'), (2, 'b'), (3, NULL)")

    assert (await run("down", "--to", "r1", "--accept-loss"))[0] == 2
    code, out, _ = await run("down", "--to", "r1", "--dry-run")
    assert (code, "t.b: 2 rows" in out) == (0, True)
    accept = ("--accept-loss", "--reason", "bad release", "--json")
    code, out, err = await run("down", "--to", "r1", *accept)
    assert code == 0, err
    assert await place.applied() == ["r1"]
    reasons = await place.rows("SELECT reason, run FROM pm33_kept.manifest")
    assert reasons == [("bad release", json.loads(out)["run"])]

    code, out, _ = await run("restore")
    assert (code, "go up again first" in out) == (1, True)
    assert (await run("up"))[0] == 0
    code, out, _ = await run("restore", "--json")
    assert (code, json.loads(out)["complete"]) == (0, True)
    assert await place.rows("SELECT count(b) FROM t") == [(2,)]
    assert (await run("restore"))[1] == "nothing is kept that is not back\n"


@pytest.mark.full
async def test_a_rehearsal_is_told_and_changes_nothing(place: Place, run: Run) -> None:
    assert (await run("up"))[0] == 0

    code, out, err = await run("down", "--to", EXPAND_HEAD, "--rehearse", "--json")

    assert code == 0, err
    told = [(one["revision"], one["ok"]) for one in json.loads(out)]
    assert told == [("r1", True), ("r2", True)]
    assert await place.applied() == ["r2"]


@pytest.mark.full
async def test_what_runs_are_written_down_in_is_not_reversed(
    place: Place, run: Run
) -> None:
    assert (await run("up"))[0] == 0
    code, _, err = await run("down", "--to", "base")
    assert (code, "alembic downgrade" in err) == (5, True)
    assert await place.applied() == ["r2"]
