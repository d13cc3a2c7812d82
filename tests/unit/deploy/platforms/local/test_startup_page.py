"""What is understood of the page of a release that is starting."""

import json
from typing import Any

import pytest

from app.backend.deploy.platforms.local.startup_page import (
    faults_of,
    hides_faults,
    hopeless,
    words_of,
)

CONFIG = {
    "source": "PM33_MOUNT",
    "kind": "release",
    "failure": "config",
    "message": "PM33_MOUNT cannot be imported",
    "remedy": "name a module",
}
WORLD = {
    "source": "database",
    "kind": "world",
    "failure": "refused",
    "message": "nobody listens",
    "remedy": "",
}


def page(*faults: Any, passed: bool = False, **fields: Any) -> bytes:
    body = {"status": "unhealthy", "stage": "serving", "checks": {}, **fields}
    return json.dumps(
        {**body, "gate": {"passed": passed, "faults": list(faults)}}
    ).encode()


def test_what_holds_for_good_is_told_first_and_with_its_remedy() -> None:
    faults = faults_of(page(WORLD, CONFIG))

    assert words_of(faults) == (
        "PM33_MOUNT cannot be imported (name a module); database: nobody listens"
    )
    assert [one.source for one in hopeless(faults)] == ["PM33_MOUNT"]


def test_a_gate_that_lets_through_has_no_faults_to_wait_for() -> None:
    assert faults_of(page(CONFIG, passed=True)) == ()


def test_of_many_faults_the_first_are_told_and_the_others_counted() -> None:
    words = words_of(faults_of(page(*[WORLD] * 9)))

    assert words.count("nobody listens") == 5
    assert words.endswith("; 4 more")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[" * 100_000,
        b"[]",
        b'{"gate": {"passed": false, "faults": [{"kind": "release"}]}}',
        b'{"status": "unhealthy", "failure": "refused"}',
        page(stage=7),
        page(CONFIG, checks="none"),
    ],
)
def test_a_page_that_is_not_ours_tells_nothing(body: bytes) -> None:
    assert faults_of(body) == ()
    assert not hides_faults(body)


@pytest.mark.parametrize(
    "gate", [None, [], "shut", {}, {"passed": False}, {"passed": False, "faults": [7]}]
)
def test_a_gate_of_another_version_tells_nothing(gate: Any) -> None:
    body = {"status": "unhealthy", "stage": "serving", "checks": {}, "gate": gate}

    assert faults_of(json.dumps(body).encode()) == ()


def test_our_page_without_a_gate_is_for_somebody_who_may_not_see_it() -> None:
    body = {"status": "unhealthy", "stage": "serving", "checks": {}}

    assert hides_faults(json.dumps(body).encode())
    assert not hides_faults(page(CONFIG))
