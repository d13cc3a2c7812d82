"""What a plan says of the way back."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backend.deploy.planning.findings import Finding, Severity
from app.backend.deploy.planning.returning import (
    of_migration,
    of_retention,
    of_variables,
)
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.request import Variables

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECRET = "a-secret-value"


def way_back(**fields: Any) -> Deployment:
    return Deployment(
        id="d1",
        commit="c" * 40,
        status=DeploymentStatus.REMOVED,
        created_at=NOW - timedelta(days=1),
        succeeded=True,
        can_roll_back=True,
        **fields,
    )


def told(
    own: Mapping[str, str | None] | None,
    todays: Mapping[str, str | None] | None,
    asked: Variables | None = None,
    *,
    by_image: bool = True,
) -> list[Finding]:
    return of_variables(way_back(), own, todays, asked, by_image=by_image)


def test_without_a_difference_there_is_nothing_to_say() -> None:
    assert told({"SECRET_KEY": SECRET}, {"SECRET_KEY": SECRET}) == []
    assert of_variables(None, None, None, None, by_image=True) == []


def test_what_the_service_needs_is_given_todays_value_and_that_is_said() -> None:
    (found,) = told({"SECRET_KEY": "old"}, {"SECRET_KEY": SECRET})
    assert (found.code, found.severity) == ("variables_would_revert", Severity.WARNING)
    assert "SECRET_KEY changed" in found.text
    assert "today's values" in found.text
    assert "--restore-variables" in found.remedy
    assert SECRET not in repr(found)


def test_where_only_old_values_come_back_somebody_has_to_say_it() -> None:
    own, todays = {"SECRET_KEY": "old"}, {"SECRET_KEY": SECRET}
    (found,) = told(own, todays, by_image=False)
    assert (found.code, found.severity) == ("variables_would_revert", Severity.ERROR)
    assert "SECRET_KEY" in found.text
    assert "--restore-variables" in found.remedy
    assert "--current-variables" in found.remedy
    assert told(own, todays, Variables.CURRENT, by_image=False) == []
    (said,) = told(own, todays, Variables.TARGET, by_image=False)
    assert said.severity is Severity.WARNING
    assert "as asked" in said.text


def test_all_else_is_only_worth_knowing() -> None:
    (found,) = told({"MODE": "a"}, {"MODE": "b"}, by_image=False)
    assert (found.code, found.severity) == ("variables_would_revert", Severity.INFO)
    assert "MODE" in found.text


@pytest.mark.parametrize(
    ("own", "todays"), [(None, {"A": "1"}), ({"A": "1"}, None), (None, None)]
)
def test_what_nobody_can_tell_is_said(
    own: dict[str, str | None] | None, todays: dict[str, str | None] | None
) -> None:
    (found,) = told(own, todays)
    assert (found.code, found.severity) == ("unknown_way_back", Severity.WARNING)


def test_what_is_sealed_may_differ() -> None:
    (found,) = told({"JWT_SECRET": None}, {"JWT_SECRET": None})
    assert (found.code, found.severity) == ("unknown_way_back", Severity.INFO)
    assert "JWT_SECRET" in found.text


PLANNED: dict[str, str | None] = {"PM33_MIGRATION_PLAN": "0" * 64}


def test_an_old_plan_needs_a_database_that_answers() -> None:
    (found,) = of_migration(way_back(), PLANNED, None)
    assert (found.code, found.severity) == ("way_back_needs_database", Severity.INFO)
    assert "while the database is away" in found.text
    assert "built anew" in found.remedy
    assert "0" * 64 not in repr(found)


@pytest.mark.parametrize(
    ("to", "own", "asked"),
    [
        (None, PLANNED, None),
        (way_back(), PLANNED, Variables.CURRENT),
        (way_back(), {"PM33_MIGRATION_PLAN": ""}, None),
        (way_back(), {}, Variables.TARGET),
        (way_back(), None, None),
    ],
)
def test_without_a_plan_of_its_own_a_way_back_needs_none(
    to: Deployment | None,
    own: dict[str, str | None] | None,
    asked: Variables | None,
) -> None:
    assert of_migration(to, own, asked) == []


@pytest.mark.parametrize(
    ("hours", "warns"), [(None, False), (2.0, False), (0.7, True), (-1.0, True)]
)
def test_a_way_back_that_ends_before_the_bake_is_told_with_the_time_left(
    hours: float | None,
    warns: bool,  # noqa: FBT001 - a case of the table
) -> None:
    until = None if hours is None else NOW + timedelta(hours=hours)
    found = of_retention(way_back(retained_until=until), bake=1800, now=NOW)
    assert [(one.code, one.severity) for one in found] == (
        [("no_way_back", Severity.WARNING)] if warns else []
    )
    if hours == 0.7:
        assert "42 min from now" in found[0].text
