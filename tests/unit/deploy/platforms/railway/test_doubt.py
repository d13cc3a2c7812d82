"""What of a change may have been done all the same."""

import pytest

from app.errors import PlatformError, PlatformUnreachableError
from tests.support.railway.failing import call, error, failed, reply

BROKEN_OFF = (
    "Internal server error",
    "Unexpected error.",
    "Something went wrong",
    "Timed out fetching a new connection from the connection pool",
    "request to http://deployments failed, reason: connect ECONNREFUSED",
    "socket hang up",
)
UNFAMILIAR = (
    "Cannot read properties of undefined (reading 'id')",
    "Deployment 12 not found",
    "an error without words",
    "",
)


@pytest.mark.parametrize("message", BROKEN_OFF)
def test_what_broke_within_railway_may_have_been_done(message: str) -> None:
    body = reply(error(message, code="INTERNAL_SERVER_ERROR"))
    change = failed(body, call(changes=True))
    assert type(change.error) is PlatformUnreachableError
    assert change.error.remedy
    read = failed(body)
    assert type(read.error) is PlatformError
    assert read.tries > 1
    assert read.error.remedy


@pytest.mark.parametrize("message", UNFAMILIAR)
def test_a_change_that_is_answered_in_unfamiliar_words_may_have_been_done(
    message: str,
) -> None:
    body = reply(error(message, code="INTERNAL_SERVER_ERROR"))
    change = failed(body, call(changes=True))
    assert type(change.error) is PlatformUnreachableError
    assert change.error.remedy
    read = failed(body)
    assert type(read.error) is PlatformError
    assert read.tries == 1
    assert read.error.remedy


@pytest.mark.parametrize("beside", ["Problem processing request", *UNFAMILIAR])
def test_a_refusal_beside_something_broken_refuses_nothing(beside: str) -> None:
    both = error("Not Authorized")
    both["errors"] += error(beside)["errors"]
    assert type(failed(reply(both), call(changes=True)).error) is (
        PlatformUnreachableError
    )
