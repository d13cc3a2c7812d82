import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.database.budget import ConnectionBudget
from app.backend.database.connection import RESERVED_CONNECTIONS

counts = st.integers(0, 10_000)


def budget(**changed: int) -> ConnectionBudget:
    given_ = {"pool_size": 5, "replicas": 2, "max_connections": 97, "others": 10}
    return ConnectionBudget(**(given_ | changed))


def test_a_release_needs_room_for_itself_and_for_the_one_it_replaces() -> None:
    assert RESERVED_CONNECTIONS == 2
    assert budget().needed == (5 + 2) * 2 * 2
    assert budget().available == 87
    assert budget().fits


@pytest.mark.parametrize(("others", "fits"), [(69, True), (70, False)])
def test_the_last_connection_may_be_used(others: int, *, fits: bool) -> None:
    assert budget(others=others).fits is fits


def test_a_server_that_is_full_already_has_no_room() -> None:
    assert not budget(others=97).fits
    assert budget(others=120).available < 0


@given(pool_size=counts, replicas=counts, max_connections=counts, others=counts)
def test_it_fits_exactly_when_twice_the_release_and_the_others_have_room(
    pool_size: int, replicas: int, max_connections: int, others: int
) -> None:
    both = 2 * replicas * (pool_size + RESERVED_CONNECTIONS)

    assert budget(
        pool_size=pool_size,
        replicas=replicas,
        max_connections=max_connections,
        others=others,
    ).fits is (both + others <= max_connections)
