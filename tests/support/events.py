"""Journal events for tests: made by hand, or by Hypothesis."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from app.backend.deploy.records.journal import Event, EventKind

__all__ = ["EPOCH", "event", "events", "story"]

EPOCH = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def event(
    kind: EventKind,
    step: str = "deploy",
    /,
    *,
    run: str = "run-1",
    at: float = 0.0,
    attempt: int = 1,
    epoch: int = 1,
    **data: Any,
) -> Event:
    """An event, ``at`` seconds after the beginning of time."""
    when = EPOCH + timedelta(seconds=at)
    return Event(run, step, attempt, epoch, kind, when, data)


def story(run: str = "run-1", epoch: int = 1, **begin: Any) -> tuple[Event, ...]:
    """A deploy from its beginning to a good end."""
    told = {"environment": "production", "commit": "b" * 40, "kind": "deploy"}
    kinds: list[tuple[EventKind, str, dict[str, Any]]] = [
        (EventKind.BEGIN, "run", told | begin),
        (EventKind.INTENT, "deploy", {"tag": run}),
        (EventKind.CALL, "deploy", {"deployment": "d2"}),
        (EventKind.OUTCOME, "deploy", {"ok": True}),
        (EventKind.INTENT, "bake", {}),
        (EventKind.NOTE, "bake", {"round": 1}),
        (EventKind.NOTE, "bake", {"round": 2}),
        (EventKind.OUTCOME, "bake", {"ok": True}),
        (EventKind.END, "run", {"outcome": "done", "verdict": "ok"}),
    ]
    return tuple(
        event(kind, step, run=run, epoch=epoch, at=epoch * 1000 + second, **data)
        for second, (kind, step, data) in enumerate(kinds)
    )


# jsonb writes a float beyond 2**53 as the integer that it looks like.
_numbers = st.integers(-9, 9) | st.floats(-1e15, 1e15)
_odd = st.sampled_from([None, True, float("nan"), float("-inf"), "\0", "\ud800"])
_json = st.recursive(
    _numbers | _odd | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
_data = st.dictionaries(
    st.sampled_from(["ok", "deployment", "commit", "plan", "outcome", "kind", "\0"]),
    _json,
    max_size=4,
)
events: st.SearchStrategy[Event] = st.builds(
    Event,
    run=st.sampled_from(["run-1", "run-2"]),
    step=st.sampled_from(["run", "deploy", "bake"]),
    attempt=st.integers(1, 2),
    epoch=st.integers(1, 3),
    kind=st.sampled_from(EventKind),
    at=st.integers(0, 3).map(lambda second: EPOCH + timedelta(seconds=second)),
    data=_data,
)
