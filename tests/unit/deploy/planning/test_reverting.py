"""Which old values a way back would bring back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.deploy.planning.reverting import Reverting, compare, of_one_deployment
from app.backend.deploy.platforms.fingerprints import Fingerprints


def test_what_the_service_needs_is_told_apart_from_all_else() -> None:
    before = {"SECRET_KEY": "old", "MODE": "a", "SAME": "1", "GONE": "x"}
    today = {"SECRET_KEY": "new", "MODE": "b", "SAME": "1", "NEW": "y"}
    assert compare(before, today) == Reverting(
        required=("SECRET_KEY",), others=("GONE", "MODE", "NEW")
    )


def test_a_secrets_own_file_is_needed_as_it_is() -> None:
    found = compare({"SECRET_KEY_FILE": "/a"}, {"SECRET_KEY_FILE": "/b"})
    assert found.required == ("SECRET_KEY_FILE",)


def test_what_is_needed_and_was_not_there_counts() -> None:
    assert compare({}, {"DATABASE_URL": "x"}).required == ("DATABASE_URL",)
    assert compare({"DATABASE_URL": "x"}, {}).required == ("DATABASE_URL",)


@pytest.mark.parametrize("disabled", ["stripe", "Pinecone, Stripe", '["stripe"]'])
def test_what_a_disabled_service_needs_is_needed_by_nobody(disabled: str) -> None:
    today = {"STRIPE_SECRET_KEY": "new", "PM33_DISABLED_SERVICES": disabled}
    before = today | {"STRIPE_SECRET_KEY": "old"}
    assert compare(before, today) == Reverting(others=("STRIPE_SECRET_KEY",))


def test_what_nobody_may_read_may_differ() -> None:
    before = {"JWT_SECRET": None, "A": None, "B": "1"}
    today = {"JWT_SECRET": "x", "A": None, "B": "1"}
    assert compare(before, today) == Reverting(sealed=("A", "JWT_SECRET"))


@pytest.mark.parametrize(
    "name", ["PORT", "RAILWAY_DEPLOYMENT_ID", "RAILWAY_GIT_COMMIT_SHA", "PM33_RUN"]
)
def test_what_each_deployment_has_of_its_own_is_no_difference(name: str) -> None:
    assert of_one_deployment(name)
    assert compare({name: "1"}, {name: "2"}) == Reverting()


@pytest.mark.parametrize(
    "name", ["RAILWAY_DEPLOYMENT_DRAINING_SECONDS", "RAILWAY_TOKEN", "SENTRY_DSN"]
)
def test_what_people_set_is_one(name: str) -> None:
    assert not of_one_deployment(name)
    found = compare({name: "1"}, {name: "2"})
    assert found.names == (name,)


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_what_is_the_same_is_never_told(variables: dict[str, str]) -> None:
    assert compare(variables, dict(variables)) == Reverting()


def test_fingerprints_show_no_value_and_no_two_keys_agree() -> None:
    secret = "a-secret-value"
    one, other = Fingerprints(), Fingerprints()
    prints = one.of({"SECRET_KEY": secret, "SEALED": None})
    assert prints == one.of({"SECRET_KEY": secret, "SEALED": None})
    assert prints["SECRET_KEY"] != other.of({"SECRET_KEY": secret})["SECRET_KEY"]
    assert prints["SEALED"] is None
    assert secret not in repr((one, prints))
    # The same value under another name is no hint.
    assert prints["SECRET_KEY"] != one.of({"JWT_SECRET": secret})["JWT_SECRET"]
