import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory

from app.backend.migrations.planning.hashing import (
    PendingWork,
    pending_work,
    plan_hash_of,
    read_work,
)
from app.backend.migrations.recording import Recording
from app.backend.migrations.revisions import PendingRevision, to_pending
from app.backend.migrations.statements import Statement
from tests.support.revision_chain import revisions


def statement(sql: str, *, line: int = 1, transaction: int | None = 1) -> Statement:
    return Statement(
        sql=sql, revision="r", file="f", line=line, transaction=transaction
    )


def work(
    name: str,
    *statements: Statement,
    opaque: str | None = None,
    source: bytes = b"",
    steady: bool = True,
) -> PendingWork:
    revision = PendingRevision(
        id=name, file="", phase="expand", message="", source=source
    )
    up = Recording(revision=name, file="f", statements=statements, opaque=opaque)
    return PendingWork(revision=revision, up=up, steady=steady)


ONE, TWO = work("1", statement("a")), work("2", statement("b"))


def test_the_hash_changes_with_all_that_was_planned() -> None:
    plans = [
        plan_hash_of(["0"], [ONE, TWO], "s"),
        plan_hash_of(["9"], [ONE, TWO], "s"),
        plan_hash_of(["0"], [TWO, ONE], "s"),
        plan_hash_of(["0"], [ONE], "s"),
        plan_hash_of(["0"], [ONE, TWO], "another"),
        plan_hash_of(["0"], [ONE, work("3", statement("b"))], "s"),
        plan_hash_of(["0"], [ONE, work("2", statement("c"))], "s"),
        plan_hash_of(["0"], [ONE, work("2", statement("b", transaction=None))], "s"),
        plan_hash_of(["0"], [ONE, work("2", statement("b"), opaque="it asks")], "s"),
    ]
    assert len(set(plans)) == len(plans)


def test_the_hash_does_not_change_with_what_says_nothing_of_the_work() -> None:
    moved = work("2", statement("b", line=9), source=b"another comment")
    assert plan_hash_of(["0"], [ONE, TWO], "s") == plan_hash_of(
        ["0"], [ONE, moved], "s"
    )
    assert plan_hash_of(["a", "b"], [], "s") == plan_hash_of(["b", "a"], [], "s")


@pytest.mark.parametrize(
    "untold",
    [{"opaque": "it asks"}, {"steady": False}],
    ids=["opaque", "unsteady"],
)
def test_what_cannot_be_told_counts_by_its_source(untold: dict[str, Any]) -> None:
    def hashed(sql: str, source: bytes) -> str:
        return plan_hash_of(
            [], [work("1", statement(sql), source=source, **untold)], ""
        )

    assert hashed("a", b"x") == hashed("b", b"x")
    assert hashed("a", b"x") != hashed("a", b"y")


CLOCK = """
from datetime import datetime
op.execute(f"SELECT '{datetime.now()}'")
"""


def test_a_revision_that_looks_at_the_clock_keeps_its_hash(tmp_path: Path) -> None:
    config = revisions(tmp_path / "m", CLOCK, 'op.execute("SELECT 1")')
    clock, plain = pending_work((), "heads", config)
    assert (clock.steady, plain.steady) == (False, True)
    again = pending_work((), "heads", config)
    assert plan_hash_of([], [clock, plain], "s") == plan_hash_of([], again, "s")


SET = """
for name in {"a", "b", "c", "d"}:
    op.execute(f"SELECT '{name}'")
"""
MADE_SET = """
for name in set("abcdefgh"):
    op.execute(f"SELECT '{name}'")
"""
HASH_OF = """
from app.backend.migrations.planning.hashing import pending_work, plan_hash_of
from app.backend.migrations.revisions import alembic_config
config = alembic_config()
config.set_main_option("script_location", {folder!r})
print(plan_hash_of([], pending_work((), "heads", config), "s"))
"""


def hash_in_another_process(config: AlembicConfig, seed: str) -> str:
    script = HASH_OF.format(folder=config.get_main_option("script_location"))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_another_process_comes_to_the_same_hash_whatever_its_seed(
    tmp_path: Path,
) -> None:
    config = revisions(tmp_path / "m", SET, MADE_SET, 'op.execute("SELECT 1")')
    assert [one.steady for one in pending_work((), "heads", config)] == [
        *(False, False, True),
    ]
    assert hash_in_another_process(config, "1") == hash_in_another_process(config, "2")


@pytest.mark.parametrize(
    ("down", "goes_back"),
    [
        ("pass", False),
        ("raise NotImplementedError", False),
        ('op.execute("SELECT 1")', True),
        ('op.get_bind().execute(sa.text("SELECT 1")).scalar()', True),
    ],
)
def test_a_downgrade_that_does_nothing_is_none(
    tmp_path: Path, down: str, *, goes_back: bool
) -> None:
    config = revisions(tmp_path / "m", 'op.execute("SELECT 1")', down=down)
    (script,) = ScriptDirectory.from_config(config).walk_revisions()
    assert read_work(script, to_pending(script)).down is goes_back


def test_a_revision_that_raises_counts_by_its_source(tmp_path: Path) -> None:
    config = revisions(tmp_path / "m", "raise ValueError")
    (found,) = pending_work((), "heads", config)
    assert found.up is None
    assert not found.is_told
