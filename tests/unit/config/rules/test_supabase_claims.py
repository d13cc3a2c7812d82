import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.config.rules.supabase import read_claims
from tests.support.plausible import token


def test_the_claims_of_a_token_are_read_without_a_key() -> None:
    claims = read_claims(token("anon"))

    assert claims is not None
    assert claims["role"] == "anon"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eyJ",
        "a.b",
        "a.b.c",
        "eyJ.W10.x",
        "eyJ.!!!.x",
        "eyJ.eyJ9.x",
        token("a")[:40],
    ],
)
def test_what_is_no_token_claims_nothing(text: str) -> None:
    assert read_claims(text) is None


@given(st.text())
def test_no_text_makes_it_fall_over(text: str) -> None:
    read_claims(f"eyJ.{text}.x")
