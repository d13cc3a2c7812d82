from typing import Any

import pytest
from click import UsageError
from click.testing import CliRunner

from app.backend.deploy.request import RollbackRequest, Strategy, Variables
from app.cli.monitor import monitor
from app.cli.monitor import request_of as monitor_request_of
from app.cli.rollback import refuse_mixture, request_of, rollback


def given(*options: str) -> dict[str, Any]:
    """The options that were given, without those that say where and how to answer."""
    parameters = rollback.make_context("rollback", [*options]).params
    ours = ("environment", "monitor", "as_json")
    return {k: v for k, v in parameters.items() if k not in ours and v is not None}


def asked(*options: str) -> RollbackRequest:
    return request_of(given(*options), "production")


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ((), {"reason": "user_initiated", "target": None, "immediate": False}),
        (("--reason", "emergency"), {"emergency": True, "immediate": True}),
        (
            ("--reason", "emergency", "--strategy", "graceful"),
            {"emergency": True, "immediate": False},
        ),
        (("--strategy", "immediate"), {"strategy": Strategy.IMMEDIATE}),
        (("--strategy", "graceful"), {"immediate": False}),
        (("--reason", "a vendor's words"), {"reason": "a vendor's words"}),
        (("--target", "deployment-id-12345"), {"target": "deployment-id-12345"}),
        (("--allow-rebuild",), {"allow_rebuild": True}),
        (("--restore-variables",), {"variables": Variables.TARGET}),
        (("--current-variables",), {"variables": Variables.CURRENT}),
        (("--gate-hold", "0"), {"gate_hold": 0.0}),
        (("--monitor-interval", "2"), {"monitor_interval": 2.0}),
    ],
    ids=str,
)
def test_each_option_asks_for_what_it_says(
    options: tuple[str, ...], fields: dict[str, Any]
) -> None:
    request = asked(*options)

    assert {name: getattr(request, name) for name in fields} == fields
    assert request.environment == "production"


@pytest.mark.parametrize(
    ("options", "monitors"),
    [
        (("--failure-threshold", "3"), False),
        (("--for", "10m"), False),
        (("--target", "d-1"), True),
        (("--strategy", "graceful"), True),
        (("--current-variables",), True),
        (("--allow-rebuild",), True),
        (("--gate-hold", "0"), True),
    ],
    ids=str,
)
def test_an_option_that_would_be_passed_over_is_refused(
    options: tuple[str, ...], *, monitors: bool
) -> None:
    options_given = given(*options)

    with pytest.raises(UsageError, match="--monitor"):
        refuse_mixture(options_given, monitor=monitors)
    refuse_mixture(options_given, monitor=not monitors)


def test_what_serves_both_uses_is_refused_in_neither() -> None:
    both = given("--monitor-interval", "60", "--reason", "watching")

    refuse_mixture(both, monitor=True)
    refuse_mixture(both, monitor=False)


def test_the_monitors_own_command_asks_for_the_same() -> None:
    options = ["--monitor-interval", "60", "--failure-threshold", "2", "--for", "1h"]
    parameters = monitor.make_context("monitor", [*options, "--no-rollback"]).params
    del parameters["environment"], parameters["as_json"]
    own = monitor_request_of(parameters, "production")
    same = monitor_request_of(given(*options), "production")

    assert (own.monitor_interval, own.failure_threshold, own.seconds) == (60, 2, 3600)
    assert not own.rollback
    assert same.rollback
    assert (same.seconds, same.failure_threshold) == (own.seconds, 2)


@pytest.mark.parametrize(
    "options",
    [
        ("--strategy", "brutal"),
        ("--failure-threshold", "3"),
        ("--monitor", "--target", "d-1"),
        ("--monitor", "--for", "0"),
        ("--environment", "prod"),
        ("stray",),
    ],
    ids=" ".join,
)
def test_a_wrong_question_exits_with_2(options: tuple[str, ...]) -> None:
    said = CliRunner().invoke(rollback, options)

    assert said.exit_code == 2
    assert "Error: " in said.stderr


def test_help_names_every_option_of_the_specification() -> None:
    said = CliRunner().invoke(rollback, ["--help"])

    assert said.exit_code == 0
    for option in (
        *("--environment", "--reason", "--target", "--strategy", "--monitor"),
        *("--failure-threshold", "--monitor-interval", "--for"),
        *("--restore-variables", "--allow-rebuild", "--json"),
    ):
        assert f"{option} " in said.output


def test_help_says_what_needs_monitor_and_lists_the_exit_codes() -> None:
    said = CliRunner().invoke(rollback, ["--help"], terminal_width=200)
    words = " ".join(said.output.split())

    assert words.count("With --monitor: ") == 2
    for code in ("0 if", "2 if", "3 if", "4 if", "5 if", "75 if", "78 if", "130 if"):
        assert code in words
