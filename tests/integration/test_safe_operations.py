"""Every safe operation, stopped everywhere, ends where an undisturbed one does."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.exc import DBAPIError

from app.backend.database.embedded import EmbeddedServer
from tests.support.newest_postgres import newest_server
from tests.support.postgres import fresh_database
from tests.support.safe_cases import CASES, Case, prepared
from tests.support.safe_operations import (
    Stopped,
    offline,
    operation_of,
    perform,
    run,
    shape,
)

NATIVE = 180000
BREAK_THE_LAST_INDEX = """
UPDATE pg_index SET indisvalid = false WHERE indexrelid = (
    SELECT max(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indrelid
    WHERE c.relname = ANY ('{purchase,line}')
)
"""
BUILT = {"index", "unique-index", "foreign-key", "unique", "primary-key"}
EVERY_DAY = {"foreign-key", "slow-column"}
"""The cases of the quick tier: between them they have every kind of step."""


def of(*cases: Case) -> list[object]:
    """Cases as parameters; those that are not for every day are the full tier's."""
    return [
        pytest.param(
            case,
            id=case.name,
            marks=[] if case.name in EVERY_DAY else pytest.mark.full,
        )
        for case in cases
    ]


@pytest.fixture(scope="session")
def newest() -> Iterator[EmbeddedServer]:
    with newest_server() as server:
        yield server


@pytest.fixture
async def newest_url(newest: EmbeddedServer) -> AsyncIterator[str]:
    async with fresh_database(newest, migrated=False) as url:
        yield url


async def version(url: str) -> int:
    return int((await run(url, "SHOW server_version_num"))[0])


async def undisturbed(url: str, case: Case) -> list[str]:
    await perform(url, case.directive, schema=await prepared(url, "undisturbed"))
    assert await run(url, case.sound, schema="undisturbed") == []
    return await shape(url, "undisturbed")


async def stopped_everywhere(url: str, case: Case) -> None:
    wanted = await undisturbed(url, case)
    parts = operation_of(case.directive).parts(await version(url))

    for done in range(1, len(parts) + 1):
        schema = await prepared(url, f"done_{done}")
        with pytest.raises(Stopped):
            await perform(url, case.directive, schema=schema, parts=done)
        await perform(url, case.directive, schema=schema)

        assert await shape(url, schema) == wanted, done
        assert await run(url, case.sound, schema=schema) == []


async def there_and_back(url: str, case: Case) -> None:
    schema = await prepared(url, "there_and_back")
    before = await shape(url, schema)
    reverse = operation_of(case.directive).reverse()

    await perform(url, case.directive, schema=schema)
    assert await shape(url, schema) != before
    for _ in range(2):
        await perform(url, lambda op: op.invoke(reverse), schema=schema)

    assert await shape(url, schema) == before


@pytest.mark.parametrize("case", of(*CASES))
async def test_wherever_it_was_stopped_the_next_run_ends_in_the_same_catalogue(
    database_url: str, case: Case
) -> None:
    await stopped_everywhere(database_url, case)


@pytest.mark.parametrize("case", of(*(case for case in CASES if case.back)))
async def test_the_reverse_gives_back_the_former_catalogue(
    database_url: str, case: Case
) -> None:
    await there_and_back(database_url, case)


@pytest.mark.full
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_newest_server_does_as_well(newest_url: str, case: Case) -> None:
    if case.native is not None:
        assert await version(newest_url) >= NATIVE
    await stopped_everywhere(newest_url, case)
    if case.back:
        await there_and_back(newest_url, case)


@pytest.mark.parametrize("case", of(*(case for case in CASES if case.name in BUILT)))
async def test_an_index_that_is_invalid_is_built_again(
    database_url: str, case: Case
) -> None:
    wanted = await undisturbed(database_url, case)
    schema = await prepared(database_url, "invalid")
    with pytest.raises(Stopped):
        await perform(database_url, case.directive, schema=schema, parts=1)
    # As a build leaves it that was killed, or waited too long.
    await run(database_url, BREAK_THE_LAST_INDEX)
    assert [line for line in await shape(database_url, schema) if "valid:f" in line]

    await perform(database_url, case.directive, schema=schema)

    assert await shape(database_url, schema) == wanted


@pytest.mark.parametrize("case", of(*CASES))
async def test_the_printed_script_ends_in_the_same_catalogue(
    database_url: str, case: Case
) -> None:
    wanted = await undisturbed(database_url, case)
    schema = await prepared(database_url, "scripted")

    script = offline(case.directive).split(";\n\n")
    for statement in script[:-1]:
        await run(database_url, statement, schema=schema)

    assert await shape(database_url, schema) == wanted
    assert await run(database_url, case.sound, schema=schema) == []


TAKEN = {
    "index-of-another-column": "CREATE INDEX ux_purchase ON purchase (customer)",
    "index-that-is-not-unique": "CREATE INDEX ux_purchase ON purchase (note)",
    "column-of-another-type": "ALTER TABLE purchase ADD COLUMN state integer",
    "constraint-of-another-kind": "ALTER TABLE purchase ADD CONSTRAINT known"
    " UNIQUE (id, note)",
    "key-of-another-column": "ALTER TABLE purchase ADD CONSTRAINT"
    " purchase_customer_fkey FOREIGN KEY (number) REFERENCES customer NOT VALID",
}


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("unique-index", "index-of-another-column"),
        ("foreign-key", "key-of-another-column"),
        *(
            pytest.param(name, taken, marks=pytest.mark.full)
            for name, taken in [
                ("unique-index", "index-that-is-not-unique"),
                ("instant-column", "column-of-another-type"),
                ("check", "constraint-of-another-kind"),
            ]
        ),
    ],
)
async def test_something_else_of_that_name_is_not_taken_for_it(
    database_url: str, name: str, taken: str
) -> None:
    (case,) = (one for one in CASES if one.name == name)
    schema = await prepared(database_url, "taken")
    await run(database_url, TAKEN[taken], schema=schema)

    with pytest.raises(DBAPIError, match="already exists"):
        await perform(database_url, case.directive, schema=schema)
