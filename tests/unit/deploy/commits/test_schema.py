from itertools import permutations

import pytest

from app.backend.config.environment import read_config
from app.backend.deploy.commits.schema import (
    Revision,
    parse_revision,
    pending_revisions,
    reachable_target,
)


def revision(
    name: str,
    *follows: str,
    needs: tuple[str, ...] = (),
    labels: tuple[str, ...] = (),
) -> Revision:
    return Revision(
        id=name,
        follows=follows,
        needs=needs,
        labels=labels,
        title="",
        file=f"{name}.py",
    )


CHAIN = (
    revision("e1", labels=("expand",)),
    revision("e2", "e1"),
    revision("e3", "e2"),
    revision("c1", needs=("e2",), labels=("contract",)),
    revision("c2", "c1"),
)


def test_a_revision_file_is_read_without_being_run() -> None:
    text = '''"""Adds a column.

Revision ID: 0002
"""
from collections.abc import Sequence
import nothing_of_that_name

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels = None
depends_on = ("0000",)
raise SystemExit
'''
    found = parse_revision("migrations/versions/0002.py", text)
    assert found == Revision(
        id="0002",
        follows=("0001",),
        needs=("0000",),
        labels=(),
        title="Adds a column.",
        file="migrations/versions/0002.py",
    )


@pytest.mark.parametrize("text", ["", "revision = compute()", "def (", "revision = 1"])
def test_what_is_no_revision_is_passed_over(text: str) -> None:
    assert parse_revision("a.py", text) is None


@pytest.mark.parametrize(
    ("applied", "expected"),
    [
        ((), ["e1", "e2", "e3"]),
        (("e1",), ["e2", "e3"]),
        (("e2", "c1"), ["e3"]),
        (("e3",), []),
        (("a later release's",), []),
    ],
)
def test_what_the_rows_do_not_reach_is_pending(
    applied: tuple[str, ...], expected: list[str]
) -> None:
    for order in permutations(CHAIN):
        found = pending_revisions(order, applied)
        assert [one.id for one in found] == expected


def test_a_circle_of_revisions_ends() -> None:
    circle = (revision("a", "b", labels=("expand",)), revision("b", "a"))
    assert {one.id for one in pending_revisions(circle, ())} == {"a", "b"}


PRIVATE = "postgresql://u:p@postgres.railway.internal:5432/app"
PUBLIC = "postgresql://u:p@proxy.rlwy.net:41234/app"


@pytest.mark.parametrize(
    ("more", "host"),
    [
        ({}, "postgres.railway.internal"),
        ({"DATABASE_PUBLIC_URL": PUBLIC}, "proxy.rlwy.net"),
        (
            {
                "DATABASE_PUBLIC_URL": PUBLIC,
                "MIGRATION_DATABASE_URL": "postgresql://m:p@direct.example/app",
            },
            "direct.example",
        ),
    ],
)
def test_the_database_is_asked_by_the_address_that_leads_there_from_outside(
    more: dict[str, str], host: str
) -> None:
    config = read_config({"DATABASE_URL": PRIVATE, **more})
    assert reachable_target(config).host == host
