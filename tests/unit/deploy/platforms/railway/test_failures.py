"""What an answer means, by its body."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.backend.deploy.platforms.railway.failures import (
    Failure,
    Reply,
    outcome,
    unanswered,
)
from app.backend.deploy.platforms.railway.tokens import CLI, Credentials, TokenKind
from app.errors import (
    NotAuthorizedError,
    PlatformError,
    PlatformUnreachableError,
    RateLimitedError,
)
from tests.support.railway.failing import NOW, call, error, failed, reply


def test_data_without_errors_are_the_answer() -> None:
    found = outcome(reply({"data": {"a": 1}}), call(), now=NOW)
    assert found == {"a": 1}
    assert outcome(reply({"data": {}, "errors": []}), call(), now=NOW) == {}


REFUSALS = {
    "Not Authorized": (NotAuthorizedError, "not valid, or it may not do this, or"),
    "not authorized": (NotAuthorizedError, "there is no such id"),
    "Unauthorized": (NotAuthorizedError, "there is no such id"),
    "Project Token not found": (NotAuthorizedError, "has been deleted"),
    "Two Factor Authentication Required": (NotAuthorizedError, "two-factor"),
    "Commit not found": (PlatformError, "does not hold it"),
    "Project not found": (PlatformError, "“Project not found”"),
    "Invalid service name": (PlatformError, "“Invalid service name”"),
    "api already exists in this project": (PlatformError, "already exists"),
}


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize("message", REFUSALS)
def test_http_200_with_errors_is_a_refusal_by_its_words(
    message: str,
    changes: bool,  # noqa: FBT001 - both
) -> None:
    kind, words = REFUSALS[message]
    asked = call(changes=changes)
    # Railway sends this code with most of them.
    found = failed(reply(error(message, code="INTERNAL_SERVER_ERROR")), asked)

    assert type(found.error) is kind
    assert words in str(found.error)
    assert asked.operation in str(found.error)
    assert found.tries == 1


def test_not_authorized_says_whose_token_was_sent_and_what_to_look_at() -> None:
    found = failed(reply(error("Not Authorized"))).error

    assert "the project token of RAILWAY_TOKEN" in str(found)
    assert (found.exit_code, found.http_status) == (5, 403)
    assert "PM33_RAILWAY_PROJECT" in found.remedy
    login = Credentials(SecretStr("t"), TokenKind.ACCOUNT, CLI)
    again = failed(reply(error("Not Authorized")), call(credentials=login)).error
    assert "railway whoami" in again.remedy


def test_a_workspace_that_wants_a_second_factor_is_named() -> None:
    body = error("Two Factor Authentication Required", workspaceName="Acme")

    found = failed(reply(body)).error

    assert "the workspace Acme" in str(found)
    assert "two-factor" in str(found)


@pytest.mark.parametrize(
    "code", ["GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "BAD_USER_INPUT"]
)
@pytest.mark.parametrize("changes", [False, True])
def test_an_operation_that_does_not_fit_is_our_own_fault(
    code: str,
    changes: bool,  # noqa: FBT001 - both
) -> None:
    body = error('Cannot query field "x" on type "Deployment".', code=code)

    found = failed(reply(body, 400), call(changes=changes))

    assert type(found.error) is PlatformError
    assert "a fault of pm33's" in str(found.error)
    assert found.tries == 1


def test_a_value_that_was_refused_is_not_quoted() -> None:
    message = (
        'Variable "$input" got invalid value "secret one" at "input.variables.KEY";'
        " String cannot represent secret one"
    )

    found = failed(reply(error(message, code="BAD_USER_INPUT"), 400)).error

    assert "secret one" not in str(found)
    assert "$input" in str(found)


def test_what_was_sent_is_hidden_in_railways_words() -> None:
    assert "canary" not in str(failed(reply(error("no canary here"))).error)


def test_railways_words_are_one_line_that_no_terminal_obeys_and_not_long() -> None:
    message = "a\x1b[31m\n\tb\u202e" + "long " * 200

    found = str(failed(reply(error(message))).error)

    assert found.isprintable()
    assert len(found) < 400


@pytest.mark.parametrize(
    "one",
    [
        {"message": "x", "traceId": "tr-1"},
        {"message": "x", "extensions": {"traceId": "tr-1"}},
    ],
)
def test_the_trace_is_told_wherever_it_stands(one: dict[str, Any]) -> None:
    assert "(trace tr-1)" in str(failed(reply({"errors": [one]})).error)


@pytest.mark.parametrize("one", ["x", None, {}, {"message": 3, "extensions": []}])
def test_errors_of_another_shape_are_errors_all_the_same(one: object) -> None:
    found = failed(reply({"errors": [one], "data": {"a": 1}}))

    assert "an error without words" in str(found.error)


def test_a_read_that_could_not_be_processed_may_be_asked_again() -> None:
    found = failed(reply(error("Problem processing request")))

    assert type(found.error) is PlatformError
    # A malformed id looks the same.
    assert found.tries == 3


def test_a_change_that_could_not_be_processed_may_have_been_done() -> None:
    found = failed(reply(error("Problem processing request")), call(changes=True))

    assert type(found.error) is PlatformUnreachableError
    assert "may have done Deploy" in str(found.error)


def test_data_beside_errors_are_refused_unless_they_are_wanted() -> None:
    body = error("no access to b", {"a": 1, "b": None})

    assert type(failed(reply(body)).error) is PlatformError
    assert outcome(reply(body), call(partial=True), now=NOW) == {"a": 1, "b": None}
    nothing = error("no access", {"a": None})
    assert type(failed(reply(nothing), call(partial=True)).error) is PlatformError


def test_a_change_with_data_beside_errors_may_have_been_done() -> None:
    body = error("Not Authorized", {"serviceInstanceDeployV2": "id"})

    found = failed(reply(body), call(changes=True))

    assert type(found.error) is PlatformUnreachableError


UNREADABLE = {
    "data null": (b'{"data": null}', 200),
    "data of another kind": (b'{"data": [1]}', 200),
    "nothing of both": (b"{}", 200),
    "a list": (b"[]", 200),
    "empty": (b"", 200),
    "html": (b"<html>hello</html>", 200),
    "half": (b'{"data": {"a"', 200),
    "deep": (b"[" * 100_000, 200),
    "html with 502": (b"<html>bad gateway</html>", 502),
    "words with 503": (b"no healthy upstream", 503),
    "data with 500": (b'{"data": {"a": 1}}', 500),
    "an error with 500": (json.dumps(error("boom")).encode(), 500),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_may_be_asked_again_and_may_have_been_done(
    case: str,
) -> None:
    given = reply(*UNREADABLE[case])

    assert failed(given).tries > 1
    assert type(failed(given).error) is PlatformUnreachableError
    change = failed(given, call(changes=True))
    assert type(change.error) is PlatformUnreachableError
    assert change.error.remedy


def test_an_answer_without_end_is_not_asked_for_again() -> None:
    given = Reply(status=200, headers={}, body=None)

    assert failed(given).tries == 1
    change = failed(given, call(changes=True)).error
    assert type(change) is PlatformUnreachableError


LIMITS = {
    "edge": (reply(b"error code: 1015", 429), 10.0, "Railway's edge"),
    "told": (reply(error("x"), 429, {"retry-after": "7"}), 7.0, "Railway takes"),
    "nothing told": (reply(b"", 429), 5.0, "Railway takes"),
    "window": (reply({}, 429, {"x-ratelimit-reset": "40"}), 40.0, "Railway takes"),
    "no body read": (Reply(status=429, headers={}, body=None), 5.0, "Railway takes"),
    "an hour at most": (reply(b"", 429, {"retry-after": "99999"}), 3600.0, "takes"),
    "too quickly": (reply(error("You are deploying too quickly")), 5.0, "too quickly"),
    "by action": (
        reply(error("Service deployment rate limit exceeded")),
        5.0,
        "rate limit exceeded",
    ),
}


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize("case", LIMITS)
def test_a_limit_says_when_to_come_again_and_that_nothing_was_done(
    case: str,
    changes: bool,  # noqa: FBT001 - both
) -> None:
    given, seconds, words = LIMITS[case]

    found = failed(given, call(changes=changes))

    assert isinstance(found.error, RateLimitedError)
    assert found.error.retry_after == seconds
    assert words in str(found.error)
    assert "was not done" in str(found.error)
    assert f"{seconds:.0f} s" in found.error.remedy
    assert found.tries > 10


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b"error code: 1010", "error 1010"),
        (403, b"<html>challenge", "Railway's edge"),
        (404, b"<html>not here", "HTTP 404"),
        (302, b"", "HTTP 302"),
        (413, b"too large", "HTTP 413"),
    ],
)
def test_what_stands_before_the_api_has_done_nothing(
    status: int, body: bytes, words: str
) -> None:
    found = failed(reply(body, status), call(changes=True))

    assert type(found.error) is PlatformError
    assert words in str(found.error)
    assert found.error.remedy
    assert found.tries == 1


def test_http_401_is_about_the_token() -> None:
    found = failed(reply(b"", 401), call(changes=True)).error

    assert isinstance(found, NotAuthorizedError)
    assert "RAILWAY_TOKEN" in str(found)


def test_silence_is_asked_into_again_by_reads_alone() -> None:
    read = unanswered("no answer in time", "", call())
    assert read.tries > 10
    assert "cannot be asked for Deployment: no answer in time" in str(read.error)
    change = unanswered("no answer in time", "look", call(changes=True))
    assert "may have done Deploy, or not" in str(change.error)
    assert change.error.remedy == "look"
    assert {type(read.error), type(change.error)} == {PlatformUnreachableError}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "errors", "message", "extensions", "code", "traceId"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@example(body=b'{"errors": {"message": ""}, "data": {}}', status=200, changes=False)
@given(
    body=ANYTHING.map(lambda one: json.dumps(one).encode()) | st.binary(max_size=30),
    status=st.sampled_from([200, 204, 301, 400, 401, 403, 404, 429, 500, 503]),
    changes=st.booleans(),
)
def test_whatever_comes_is_data_without_errors_or_an_error_with_words(
    body: bytes,
    status: int,
    changes: bool,  # noqa: FBT001 - both
) -> None:
    found = outcome(reply(body, status), call(changes=changes), now=NOW)

    if isinstance(found, Failure):
        assert str(found.error).isprintable()
        unknown = type(found.error) is PlatformUnreachableError
        assert ("may have done" in str(found.error)) == (unknown and changes)
    else:
        parsed = json.loads(body)
        assert found == parsed["data"]
        assert status < 300
        assert not parsed.get("errors")


def test_no_repr_shows_what_was_sent_or_what_came() -> None:
    shown = repr((call(), reply(error("canary"), headers={"x": "canary"})))

    assert "canary" not in shown
