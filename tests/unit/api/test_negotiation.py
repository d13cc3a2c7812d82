import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.api.negotiation import PLAIN, named, preferred
from app.backend.health.writers.formats import FORMATS, NATIVE

CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)
PICTURE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.8,"
    "application/openmetrics-text;version=0.0.1;q=0.7,*/*;q=0.3"
)


@pytest.mark.parametrize("plain", sorted(PLAIN))
def test_what_needs_no_second_look_is_native(plain: bytes) -> None:
    assert preferred(plain.decode()) is NATIVE


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "application/json",
        "APPLICATION/JSON; charset=utf-8",
        "application/json, text/plain, */*",
        "text/html, application/json",
        "text/html, */*",
        "application/health+json, application/json",
        "text/html;q=0.5, */*;q=0.5",
        "text/plain;q=0.2, application/json;q=0.3",
        PROMETHEUS,
    ],
)
def test_whoever_takes_json_as_gladly_gets_json(accept: str) -> None:
    assert preferred(accept) is NATIVE


@pytest.mark.parametrize(
    "accept",
    [
        "nonsense",
        "application/xml",
        "text/html;q=0",
        "text/html;q=nan",
        "text/html;q=inf",
        "text/html;q=-1",
        "text/html;q=.",
        "text/html;q=",
        "application/json;q=0",
        ",;=,/;q",
        "text/html" + ";a=b" * 1000,
        "\x00\xff",
    ],
)
def test_a_header_that_no_format_satisfies_changes_nothing(accept: str) -> None:
    assert preferred(accept) is NATIVE


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("application/health+json", "health"),
        ("application/health+json, application/json;q=0.9", "health"),
        ("Text/HTML", "html"),
        (CHROME, "html"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "html"),
        ("text/*, */*;q=0.1", "html"),
        ("text/plain", "text"),
        ("text/*;q=0.9, text/plain", "text"),
        ("text/html;q=0.4, text/plain;q=0.5, application/json;q=0.1", "text"),
        ("image/svg+xml", "badge"),
        ("image/*", "badge"),
        (PICTURE, "badge"),
        ("text/html ; Q=1.000 , */* ; q=0.001", "html"),
        ("text/html;q=0.1, text/html;level=1;q=0.6, */*;q=0.5", "html"),
        ("application/json;q=0, */*", "health"),
    ],
)
def test_a_header_that_prefers_another_format_is_followed(
    accept: str, name: str
) -> None:
    assert preferred(accept).names[0] == name


@given(st.text())
def test_any_header_leads_to_some_format(accept: str) -> None:
    assert preferred(accept) in FORMATS


@given(
    st.lists(
        st.sampled_from(["text/html", "text/plain", "image/*", "x/y", "a", ";q=1"]),
        max_size=6,
    ),
    st.sampled_from(["*/*", "application/json", "application/*;q=1.0"]),
)
def test_nothing_beats_json_where_json_weighs_the_most(
    others: list[str], gladly: str
) -> None:
    assert preferred(", ".join([*others, gladly])) is NATIVE


def test_every_format_can_be_asked_for_by_each_of_its_names() -> None:
    for one in FORMATS:
        assert {named(name) for name in one.names} == {one}


@pytest.mark.parametrize("name", ["", "yaml", "JSON", "application/json"])
def test_an_unknown_name_is_no_format(name: str) -> None:
    assert named(name) is None
