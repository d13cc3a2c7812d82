"""Whether the database has room for two releases at once."""

import pytest

from app.backend.database.room import Room
from app.backend.deploy.planning.findings import Severity
from app.backend.deploy.planning.room import of_connections
from app.backend.deploy.platforms.base import ServiceSettings

TWO = ServiceSettings(start_command="serve", replicas=2)


def test_what_fits_is_not_told() -> None:
    # (5 + 2) connections of 2 replicas, of two releases.
    assert of_connections(TWO, {}, Room(100, 72)) == []


def test_too_little_room_is_told_with_both_numbers() -> None:
    (found,) = of_connections(TWO, {"DB_POOL_SIZE": "20"}, Room(97, 37))
    assert (found.code, found.severity) == ("connection_budget", Severity.WARNING)
    assert "88 connections" in found.text
    assert "room for 60" in found.text
    assert "DB_POOL_SIZE" in found.remedy


@pytest.mark.parametrize(
    ("given", "room"),
    [
        ({}, None),
        (None, Room(1, 1)),
        ({"DB_POOL_SIZE": None}, Room(1, 1)),
        ({"DB_POOL_SIZE": "many"}, Room(1, 1)),
    ],
)
def test_what_nobody_can_tell_is_passed_over(
    given: dict[str, str | None] | None, room: Room | None
) -> None:
    assert of_connections(TWO, given, room) == []
