import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.health.incidents.page import (
    Impact,
    Incident,
    PageError,
    read_page,
    touching,
)
from tests.support.fake_page import incident, summary

API = re.compile("^API$")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("components", "incidents", "scheduled_maintenances", "status"),
                    *("name", "impact", "indicator", "started_at", "group"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


def found(body: Any, wanted: re.Pattern[str] = API) -> Incident | None:
    return touching(read_page(body), wanted)


def test_a_page_where_all_is_well_has_nothing_that_touches_us() -> None:
    page = read_page(summary())
    assert (page.indicator, page.incidents) == (Impact.NONE, ())
    assert touching(page, API) is None


def test_an_incident_of_the_component_is_told_with_its_words() -> None:
    told = found(summary(incident("API", "Console"), components=("API", "Console")))
    assert told is not None
    assert told.facts() == {
        "title": "Elevated errors",
        "impact": "major",
        "since": "2026-11-23T05:00:00Z",
        "components": ["API"],
    }


@pytest.mark.parametrize(
    "body",
    [
        summary(incident("Console"), components=("API", "Console")),
        summary(incident("API", status="resolved")),
        summary(incident("API", status="postmortem")),
        summary(incident("API", impact="none")),
        summary(incident()),
        summary(components=("API", "Console"), Console="major_outage"),
        summary(incident("Renamed API"), components=("Renamed API",)),
        summary(API="brand_new_word"),
    ],
    ids=[
        "another component",
        "resolved",
        "postmortem",
        "without impact",
        "of no component while ours is well",
        "another component is down",
        "none of ours on the page",
        "a status that nobody knows",
    ],
)
def test_what_does_not_touch_the_component_confirms_nothing(body: Any) -> None:
    assert found(body) is None


@pytest.mark.parametrize(
    ("body", "title", "impact"),
    [
        (summary(API="partial_outage"), "partial outage", "major"),
        (summary(API="under_maintenance"), "under maintenance", "major"),
        (summary(incident(), API="degraded_performance"), "Elevated errors", "major"),
        (
            summary(incident("API", impact="none"), API="major_outage"),
            "Elevated errors",
            "none",
        ),
        (
            summary(
                incident("API", title="small", impact="minor"),
                incident("API", title="large", impact="critical"),
            ),
            "large",
            "critical",
        ),
        (summary(incident("API", impact="a new word")), "Elevated errors", "minor"),
    ],
    ids=[
        "a component that is unwell",
        "a component under maintenance",
        "an incident without components, as incident.io tells them",
        "no impact, but the component is down",
        "the worst of two",
        "an impact that nobody knows",
    ],
)
def test_what_touches_the_component_is_an_incident(
    body: Any, title: str, impact: str
) -> None:
    told = found(body)
    assert told is not None
    assert (told.title, told.impact, told.components) == (title, impact, ("API",))


@pytest.mark.parametrize(
    ("status", "touches"),
    [
        ("scheduled", False),
        ("in_progress", True),
        ("verifying", True),
        ("completed", False),
    ],
)
def test_maintenance_counts_while_it_is_under_way(status: str, touches: bool) -> None:  # noqa: FBT001 - a column of the table
    body = summary()
    body["scheduled_maintenances"] = [incident("API", status=status)]
    assert (found(body) is not None) is touches


def test_a_group_of_components_is_none_itself() -> None:
    body = summary()
    body["components"].append({"name": "All APIs", "status": "x", "group": True})
    assert list(read_page(body).components) == ["API"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"components": [], "incidents": []},
        {"components": {}, "incidents": []},
        {"components": [{"name": "API"}]},
        {"status": {"indicator": "critical"}},
    ],
    ids=repr,
)
def test_what_is_no_such_page_is_refused(body: Any) -> None:
    with pytest.raises(PageError):
        read_page(body)


def test_the_vendors_words_are_cut_and_made_one_line() -> None:
    title = "a\x1b[31m\nb" + "c" * 999
    told = found(summary(incident("API", title=title)))
    assert told is not None
    assert told.title.startswith("a [31m bccc")
    assert len(told.title) <= 200


@given(JSON)
def test_no_body_raises_anything_else(body: Any) -> None:
    try:
        told = found(body, re.compile(""))
    except PageError:
        return
    assert told is None or json.dumps(told.facts())
