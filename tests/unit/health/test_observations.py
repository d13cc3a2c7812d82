import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.health.backoff import DELAYS
from app.backend.health.models import CheckPolicy, CheckResult, Failure, Status
from app.backend.health.observations import (
    Finding,
    Observation,
    decode,
    encode,
    next_finding,
)
from tests.support.health import OK, bad

POLICY = CheckPolicy(period=60, timeout=10, fall=2, backoff=True)
AUTH = bad(Failure.AUTH, Status.DEGRADED)
HOUR = DELAYS[Failure.AUTH].seconds

words = st.text(max_size=20)
results = st.builds(
    CheckResult,
    status=st.sampled_from(Status),
    failure=st.sampled_from([None, *Failure]),
    message=words,
    remedy=words,
    data=st.dictionaries(words, st.one_of(st.none(), st.integers(), words)),
    latency_ms=st.one_of(st.none(), st.floats(0, 1e6)),
    transient=st.booleans(),
)


def after(
    result: CheckResult, last: Finding | None = None, policy: CheckPolicy = POLICY
) -> Finding:
    return next_finding(result, last, policy, random.Random(7))  # noqa: S311 - jitter


@given(results, st.integers(1, 9), st.floats(0, 1e5))
def test_what_is_stored_is_read_as_it_was(
    result: CheckResult, run: int, pause: float
) -> None:
    finding = Finding(result=result, run=run, pause=pause)
    read = decode(encode(finding))

    assert read is not None
    assert (read.run, read.pause) == (run, pause)
    assert (read.result.status, read.result.failure) == (result.status, result.failure)
    assert read.result.latency_ms == result.latency_ms
    # What jsonb does not take has been replaced.
    assert decode(encode(read)) == read


@given(st.one_of(st.text(), st.recursive(st.integers(), st.lists).map(str)))
def test_what_no_release_has_written_is_no_finding(text: str) -> None:
    assert decode(text) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "splendid"), ("failure", "bad_luck"), ("data", 3), ("message", None)],
)
def test_a_word_of_another_release_is_no_finding(field: str, value: object) -> None:
    text = encode(after(replace(AUTH, data={field: "here"})))
    assert decode(text) is not None
    broken = text.replace(f'"{field}": ', f'"{field}": {value!r}, "was": ', 1)
    assert decode(broken.replace("'", '"').replace("None", "null")) is None


def test_the_first_failure_counts_at_once() -> None:
    assert HOUR <= after(AUTH).pause <= HOUR * 1.1


def test_a_failure_that_came_once_is_looked_at_again_after_a_period() -> None:
    once = after(AUTH, after(OK))
    again = after(AUTH, once)

    assert (once.run, again.run) == (1, 2)
    assert 54 <= once.pause <= 60
    assert HOUR <= again.pause <= HOUR * 1.1


def test_a_failure_stays_certain_once_it_is() -> None:
    found = after(AUTH, policy=replace(POLICY, fall=5))
    for _ in range(3):
        found = after(AUTH, found, replace(POLICY, fall=5))
        assert found.pause >= HOUR


def test_an_observation_is_believed_as_long_as_it_says_that_nobody_looks() -> None:
    finding = after(AUTH)
    seen = Observation(finding=finding, by="r-1", at=datetime.now(UTC), age=HOUR)

    assert not seen.is_stale(POLICY)
    assert replace(seen, finding=after(OK)).is_stale(POLICY)
    assert replace(seen, age=2 * HOUR).is_stale(POLICY)
