import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.deploy.records.journal import Event, EventKind, merge
from tests.support.events import EPOCH, event, events

several = st.lists(events, max_size=12)


@given(several, several)
def test_it_does_not_matter_which_journal_comes_first(
    one: list[Event], other: list[Event]
) -> None:
    assert merge(one, other) == merge(other, one)


@given(several, several, several)
def test_it_does_not_matter_how_journals_are_grouped(
    one: list[Event], two: list[Event], three: list[Event]
) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(several)
def test_joining_a_journal_with_itself_changes_nothing(one: list[Event]) -> None:
    once = merge(one)
    assert merge(once, once) == once
    assert merge(reversed(once), one) == once


@given(several, several)
def test_no_event_is_lost_and_none_is_there_twice(
    one: list[Event], other: list[Event]
) -> None:
    keys = [each.key for each in merge(one, other)]
    assert len(set(keys)) == len(keys)
    assert set(keys) == {each.key for each in (*one, *other)}


@given(several)
def test_a_later_holders_events_come_after_all_of_an_earlier_ones(
    one: list[Event],
) -> None:
    epochs = [each.epoch for each in merge(one)]
    assert epochs == sorted(epochs)


@given(events)
def test_an_event_comes_back_from_json_as_it_was(one: Event) -> None:
    text = json.dumps(one.to_dict(), allow_nan=False)
    assert Event.from_dict(json.loads(text)) == one


def test_what_json_or_the_database_cannot_hold_is_replaced() -> None:
    told = event(
        EventKind.NOTE,
        at=1,
        text="a\0b\ud800",
        number=float("nan"),
        times=(EPOCH,),
        inner={1: {"x"}},
    )
    assert told.data == {
        "text": "a\ufffdb\ufffd",
        "number": "nan",
        "times": [str(EPOCH)],
        "inner": {"1": ["x"]},
    }


def test_the_time_is_kept_in_utc_wherever_it_was_told() -> None:
    here = datetime(2026, 11, 22, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    told = Event("run-1", "deploy", 1, 1, EventKind.NOTE, here)
    assert told.at == EPOCH
    assert told.to_dict()["at"] == "2026-11-22T12:00:00+00:00"


@pytest.mark.parametrize(
    "change",
    [{"kind": "sung"}, {"at": "yesterday"}, {"at": "2026-11-22"}, {"data": None}],
    ids=str,
)
def test_what_is_no_event_is_refused(change: dict[str, object]) -> None:
    body = event(EventKind.NOTE).to_dict() | change
    with pytest.raises((KeyError, TypeError, ValueError)):
        Event.from_dict(body)


def test_fields_of_a_later_version_are_passed_over() -> None:
    one = event(EventKind.NOTE)
    assert Event.from_dict(one.to_dict() | {"format": 9, "mood": "good"}) == one
